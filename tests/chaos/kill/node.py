"""`lts` with a hand in it: it may die at a point, mistake the time, or have a full disk.

    python -m tests.chaos.kill.node '{"point": "after: post", "passages": 3, "note": "…"}' run --config FILE

What is not told is as always.
"""

import json
import sys
from pathlib import Path

from tests.chaos.kill import points


def main() -> None:
    """Lay hands on what has been told, then be `lts`."""
    told = json.loads(sys.argv.pop(1))
    if told.get("point"):
        points.arm(told["point"], told["passages"], Path(told["note"]))
    points.reach(points.START)
    from lts.cli import main as lts  # noqa: PLC0415 - not before the process has come to its first point
    from tests.chaos.kill.hands import lay  # noqa: PLC0415 - the same

    lay(told)
    lts()


if __name__ == "__main__":
    main()
