"""Several things at once, until one of them ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first(*works: Coroutine[Any, Any, None]) -> None:
    """Work at several things until one of them ends, and raise why.

    A task that is ended just when what it waits for has come goes on (`asyncio.wait_for` before Python
    3.12, which the library uses), so it is told until it does end.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left = set(tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=0.1)
    for task in ended:
        task.result()
