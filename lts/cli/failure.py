"""What ends a command with exit code 1, beside bad input."""


class Failed(Exception):
    """A session did not go as it should have; says how, in one sentence."""
