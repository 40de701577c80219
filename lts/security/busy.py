"""What is said when too many passwords wait to be looked at."""


class Busy(Exception):
    """Too many wait already; nothing was looked at."""
