"""Measures this machine: what a message, an answer, a bar and a portfolio cost here.

Every cost is also given as a ratio to a bare method call, timed just before and after it. Read
`rounds` first; then each file is one measurement, `command` is the command line, and `targets`
the tables for people.
"""

from lts.cli.bench.command import app

__all__ = ["app"]
