"""The event loop: uvloop's where there is one."""

import asyncio
from collections.abc import Callable

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for Windows
    from asyncio import new_event_loop

__all__ = ["new_event_loop"]
