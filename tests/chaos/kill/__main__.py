"""`python -m tests.chaos.kill --kills 200 --json`: a node is killed in the middle of its orders."""

import sys

from tests.chaos.kill.run import main

if __name__ == "__main__":
    sys.exit(main())
