"""The command line, and what it does: a venue, a node that trades there, and somebody who kills it."""

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.chaos.kill.engine import postgresql
from tests.chaos.kill.harness import Harness, Wishes
from tests.chaos.kill.points import POINTS


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.chaos.kill", description=__doc__)
    add = parser.add_argument
    add("--kills", type=int, default=200, help="how often the node is killed")
    add("--seed", type=int, help="of all that is drawn; another one each time if absent")
    add("--json", action="store_true", help="print what came of it as JSON, and nothing else")
    add("--url", default="", help="a PostgreSQL database, empty and ours, in the place of a SQLite file")
    add("--postgresql", action="store_true", help="the same, on a server that comes with the tests")
    add(
        "--lost-acks",
        type=float,
        default=0.0,
        metavar="PART",
        help="of the orders: handled, and not answered",
    )
    add("--lost-requests", type=float, default=0.0, metavar="PART", help="of the orders: not even received")
    add(
        "--lost-updates",
        type=float,
        default=0.0,
        metavar="PART",
        help="of the modifications: handled, and not answered, or handled late",
    )
    add("--points", default="", metavar="REGEX", help="where it may die, of all the points")
    add("--orders", type=int, help="how many the venue has to receive at least; by default ten a kill")
    add("--rest", type=float, default=0.0, metavar="SECONDS", help="to trade undisturbed before the end")
    add("--appetite", type=float, default=0.25, help="the part of the quotes at which something is wanted")
    add(
        "--no-intents",
        action="store_true",
        help="switch the journalling of intents off: this has to be noticed",
    )
    add("--keep", type=Path, metavar="DIRECTORY", help="work there, and leave everything")
    return parser.parse_args(words)


@contextmanager
def workplace(kept: Path | None) -> Iterator[Path]:
    """A directory for all of it, which stays only if it is wanted."""
    directory = kept or Path(mkdtemp(prefix="lts-kill-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        yield directory
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 1 if anything was lost, doubled, or is off."""
    told = parsed(words)
    seed = time.monotonic_ns() % 2**31 if told.seed is None else told.seed
    wishes = Wishes(
        kills=told.kills,
        seed=seed,
        lost_acks=told.lost_acks,
        lost_requests=told.lost_requests,
        lost_updates=told.lost_updates,
        points=tuple(point for point in POINTS if re.search(told.points, point)),
        rest_s=told.rest,
        orders=10 * told.kills if told.orders is None else told.orders,
        appetite=told.appetite,
        no_intents=told.no_intents,
        say=None if told.json else say,
    )
    with workplace(told.keep) as directory, postgresql(wanted=told.postgresql, given=told.url) as url:
        outcome: dict[str, Any] = Harness(directory, wishes, url).run()
    sys.stdout.write(json.dumps(outcome, indent=None if told.json else 2) + "\n")
    return 0 if outcome["ok"] else 1


def say(sentence: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(f"{sentence}\n")
