"""A client in a process of its own that reads over HTTP, and the API that lets it."""

import asyncio
import sys

import msgspec

from actors.api.params import ApiLimits, ApiParams, Rate
from lts.cli.bench import client
from lts.cli.bench.client import Told, Took
from lts.cli.failure import Failed

CLIENT = (sys.executable, "-I", client.__file__)
"""By its file: it needs nothing of ours, and begins at once."""
CONNECTIONS = 8
WIDE = Rate(1_000_000_000)
PARAMS = ApiParams(limits=ApiLimits(address=WIDE, user=WIDE, key=WIDE))


async def asked(port: int, path: str, requests: int, per_s: float = 0.0) -> Took:
    """Have a client ask, so often a second if that is said; raises Failed where it could not."""
    told = Told("127.0.0.1", port, path, "a-token", requests, CONNECTIONS, per_s)
    process = await asyncio.create_subprocess_exec(
        *CLIENT,
        msgspec.json.encode(told).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await process.communicate()
    if process.returncode:
        why = trouble.decode(errors="replace").strip().rpartition("\n")[2]
        raise Failed(f"nothing was measured, as the client failed: {why or 'it was killed'}")
    return msgspec.json.decode(said, type=Took)
