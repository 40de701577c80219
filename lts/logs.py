"""Logs: structured, for people on a console or as JSON lines."""

import logging
import sys
from typing import Any, Literal, TextIO

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]


def set_up(level: Level = "info", form: Format = "console", stream: TextIO | None = None) -> None:
    """Send what is logged from now on to a stream (stderr if none is named), from a level upwards.

    Args:
        level: the least that is shown.
        form: "console" for people, "json" for one object a line.
        stream: where to; it stays open.
    """
    out = stream or sys.stderr
    finish: list[Any]
    if form == "json":
        finish = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        finish = [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *finish,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
