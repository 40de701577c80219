"""`python -m tests.chaos.commands --commands 20000 --json`: a node is commanded by who may not, over MQTT."""

import sys

from tests.chaos.commands.run import main

if __name__ == "__main__":
    sys.exit(main())
