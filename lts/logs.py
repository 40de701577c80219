"""Logs: structured, for people on a console or as JSON lines."""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]

_RENDER = structlog.processors.JSONRenderer()
_TRACEBACK = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
"""Without the values of variables: a secret may be among them."""


def set_up(
    level: Level = "info",
    form: Format = "console",
    stream: TextIO | None = None,
    file: TextIO | None = None,
) -> None:
    """Send what is logged from now on to a stream (stderr if none is named), from a level upwards.

    Args:
        level: the least that is shown.
        form: "console" for people, "json" for one object a line.
        stream: where to; it stays open.
        file: where else to, as JSON whatever the form; it stays open as well.
    """
    out = stream or sys.stderr
    finish: list[Any]
    if form == "json":
        finish = [_as_json]
    else:
        plain = structlog.dev.plain_traceback
        finish = [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_copy_to(file)] if file else []),
            *finish,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def _as_json(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    return str(_RENDER(logger, method, _TRACEBACK(logger, method, event)))


def _copy_to(file: TextIO) -> structlog.typing.Processor:
    def copy(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        with suppress(OSError):  # a full disk is told of on the stream, and stops nobody who logs
            file.write(_as_json(logger, method, dict(event)) + "\n")
        return event

    return copy
