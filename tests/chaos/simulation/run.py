"""Runs seeds on all cores, and tells what came of them."""

import argparse
import json
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from typing import Any

import msgspec
import structlog

from bus import SECOND, SystemClock
from tests.chaos.simulation.laws import Violation
from tests.chaos.simulation.planted import PLANTED
from tests.chaos.simulation.world import Outcome, World


def silence() -> None:
    """Log nothing: what actors that are struck down have to say fills screens."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)


def simulate(seed: int, plant: str = "", watch: Callable[[str], None] | None = None) -> Outcome:
    """Return what a seed comes to, with a bug planted or as things are."""
    silence()
    with PLANTED[plant]() if plant else nullcontext():
        world = World(seed, watch)
        try:
            return world.run()
        except Exception:  # noqa: BLE001 - whatever it is, the seed has to be named
            told = Violation("the harness holds", traceback.format_exc(), world.steps, world.now)
            return Outcome(seed, "", 0, 0, world.steps, {}, (told,))


def outcomes(seeds: Sequence[int], plant: str = "", jobs: int | None = None) -> Iterator[Outcome]:
    """Yield what each seed comes to, in their order."""
    jobs = jobs or len(os.sched_getaffinity(0))
    if jobs == 1:
        yield from map(partial(simulate, plant=plant), seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        yield from pool.map(partial(simulate, plant=plant), seeds, chunksize=4)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 1 if a law was broken."""
    told = _parser().parse_args(words)
    if told.seed is not None:
        return _replay(told)
    clock = SystemClock()
    begun = clock.monotonic()
    seeds = range(told.first, told.first + told.seeds)
    total: dict[str, Any] = {"seeds": 0, "violations": 0, "orders": 0, "fills": 0, "steps": 0}
    faults: Counter[str] = Counter()
    failing: list[dict[str, Any]] = []
    for outcome in outcomes(seeds, told.plant, told.jobs):
        total["seeds"] += 1
        for name in ("orders", "fills", "steps"):
            total[name] += getattr(outcome, name)
        faults.update(outcome.faults)
        if outcome.violations:
            total["violations"] += 1
            first = outcome.violations[0]
            failing.append({"seed": outcome.seed, **msgspec.to_builtins(first)})
            sys.stderr.write(f"{_sentence(outcome)}\n")
            if told.stop:
                break
    total["faults"] = dict(sorted(faults.items()))
    total["failing"] = failing
    total["elapsed_s"] = round((clock.monotonic() - begun) / SECOND, 1)
    _say(json.dumps(total) if told.json else _summary(total))
    return int(bool(failing))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="one alone, told step by step")
    parser.add_argument("--plant", choices=sorted(PLANTED), default="", help="a bug that has to be found")
    parser.add_argument("--jobs", type=int, help="processes; one a core by default")
    parser.add_argument("--stop", action="store_true", help="stop at the first seed that breaks a law")
    parser.add_argument("--quiet", action="store_true", help="with --seed: only the end")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _replay(told: argparse.Namespace) -> int:
    """Run one seed, and print each message that is handled, what broke, and the digest of all of it."""
    outcome = simulate(told.seed, told.plant, None if told.quiet or told.json else _say)
    if told.json:
        _say(json.dumps(msgspec.to_builtins(outcome)))
    else:
        _say(
            f"digest {outcome.digest}, {outcome.steps} steps, {outcome.orders} orders, {outcome.fills} fills"
        )
        _say(json.dumps(outcome.faults))
        _say(_sentence(outcome) if outcome.violations else "no law is broken")
    return int(bool(outcome.violations))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _sentence(outcome: Outcome) -> str:
    first = outcome.violations[0]
    return f"seed {outcome.seed}, step {first.step}: {first.law}: {first.what}"


def _summary(total: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in total.items() if name != "failing")
