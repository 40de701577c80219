"""`python -m tests.chaos.replays --requests 20000 --json`: a node is shown replayed and altered requests."""

import sys

from tests.chaos.replays.run import main

if __name__ == "__main__":
    sys.exit(main())
