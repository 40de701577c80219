"""How the system is: what has gone wrong, what waits, what the process uses."""

from collections.abc import Mapping
from enum import StrEnum

from bus.message import Event, Request


class HealthStatus(StrEnum):
    """The short answer."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works, and somebody should look."""
    FAILED = "failed"
    """A part of it does not work."""


class HealthReported(Event):
    """The system's health since it started."""

    status: HealthStatus
    reasons: tuple[str, ...]
    messages: int
    inputs: int
    actors: int
    failures: int
    dead_letters: int
    slow_handlers: int
    conflated: int
    quarantined: Mapping[str, str]
    mailboxes: Mapping[str, int]
    """The depth of every mailbox in which something waits."""
    load: Mapping[str, float]
    """The share of the watched time that each actor was seen running, the busiest first."""
    memory_bytes: int
    cpu_seconds: float


class GetHealth(Request[HealthReported]):
    """Asks how the system is."""
