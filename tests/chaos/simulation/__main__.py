"""`python -m tests.chaos.simulation --seeds 2000 --json`: whole systems under seeds, held against laws."""

import sys

from tests.chaos.simulation.run import main

if __name__ == "__main__":
    sys.exit(main())
