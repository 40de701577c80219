"""`python -m tests.chaos.brokers --restarts 100 --json`: a broker is restarted again and again under load."""

import sys

from tests.chaos.brokers.run import main

if __name__ == "__main__":
    sys.exit(main())
