"""A node that trades at a venue is killed wherever an order can be, and nothing is lost or doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1800),
    pytest.mark.requirement("INT-006", "INT-007", "INT-4.5", "INT-5.3", "LTS-003"),
]


def killed(*words: str) -> tuple[int, Any]:
    """Run the harness; return its exit status, and what it says."""
    seed = os.environ.get("LTS_CHAOS_SEED", "")
    words = (*words, *(("--seed", seed) if seed else ()))
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.kill", *words, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)  # noqa: T201 - what a failure is repeated with
    return done.returncode, json.loads(done.stdout)


def test_after_fifty_kills_the_venues_book_and_the_nodes_are_the_same() -> None:
    status, told = killed("--kills", "50")
    assert (told["lost"], told["duplicated"], told["unjournalled"], told["unknown_left"]) == (0, 0, 0, 0)
    assert told["positions_equal"]
    assert told["orders"] >= 500
    assert status == 0


def test_the_same_on_postgresql() -> None:
    status, told = killed("--kills", "15", "--postgresql")
    assert (told["engine"], told["lost"], told["duplicated"]) == ("postgresql", 0, 0)
    assert status == 0


def test_of_answers_that_are_lost_nothing_is_doubled_and_each_doubt_is_resolved() -> None:
    status, told = killed("--kills", "5", "--lost-acks", "0.1", "--lost-requests", "0.03", "--rest", "30")
    assert (told["lost"], told["duplicated"], told["unknown_left"]) == (0, 0, 0)
    assert told["unknowns"] >= 20
    assert told["unknown_longest_s"] <= 5
    assert status == 0


def test_what_became_of_a_modification_that_was_on_its_way_is_found_out_after_a_kill() -> None:
    """The terms of all that works at the end are those that the venue has."""
    points = "replace|amend|take the answer|report|be told|keep a change|move the cursor|write the cursor"
    words = ("--points", points, "--lost-updates", "0.15", "--rest", "5")
    status, told = killed("--kills", "16", *words)
    assert (told["lost"], told["duplicated"], told["unknown_left"], told["findings"]) == (0, 0, 0, [])
    assert status == 0


def test_a_node_that_does_not_write_its_intents_first_is_found_out() -> None:
    status, told = killed("--kills", "15", "--no-intents")
    assert told["lost"] + told["duplicated"] > 0
    assert told["unjournalled"] > 0
    assert status == 1
