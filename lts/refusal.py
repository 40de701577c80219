"""The sentence a person reads when the input they gave cannot be used."""


class Refused(Exception):
    """Input that cannot be used, as one sentence: what is wrong, where, and what to do about it.

    Raised by whatever reads files, configuration and arguments, before anything has started.
    The command line prints `str(refused)` on stderr and exits with 1.
    """
