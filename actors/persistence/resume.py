"""Taking up the audit where it was left: after a stop, after a crash, and on a new database."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import column
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.head import Head, read_head, write_head
from actors.persistence.keyring import DataKeys
from actors.persistence.pages import audit_pages, is_authentic, stored_seal, untyped
from actors.persistence.seals import Seal, Sealer
from lts.refusal import Refused


async def resume(connection: AsyncConnection, keys: DataKeys, head_path: Path) -> Sealer:
    """Return the sealer that continues the chain, after a look at its end.

    It looks at the last seal, the head file and the rows since. What is before them takes longer
    to check: that is `lts db verify`. A new database is given its head file here.

    Raises:
        Refused: the end of the audit is not as the node left it.
    """
    try:
        head = await asyncio.to_thread(read_head, head_path)
        sealer = await _take_up(connection, keys, head_path)
        _compare(sealer, head, keys)
    except ValueError as error:
        raise Refused(f"the audit was changed outside of LTS ({error}): run `lts db verify`") from None
    await _keep(head_path, sealer)
    return sealer


async def _keep(head_path: Path, sealer: Sealer) -> None:
    try:
        await asyncio.to_thread(write_head, head_path, sealer.head())
    except OSError as error:
        raise Refused(
            f"{head_path}: the head file of the audit cannot be written ({error.strerror}): "
            "let this user write there"
        ) from None


async def _take_up(connection: AsyncConnection, keys: DataKeys, head_path: Path) -> Sealer:
    """Return a sealer that knows the last seal and the rows since; ValueError if they are not sound."""
    last = await _last_seal(connection)
    if last and not last.is_signed_by(keys.publics.get(last.key_id, b"")):
        raise ValueError(f"the seal {last.number} is not signed by this node")
    segment = await _last_seal(connection, "segment")
    sealer = Sealer(keys, head_path, last, segment.last_seq if segment else 0)
    await _check_sealed_end(connection, sealer.sealed_through)
    async for page in audit_pages(connection, sealer.sealed_through):
        for row in page:
            if row[0] != sealer.last_seq + 1:
                raise ValueError(f"the audit row {sealer.last_seq + 1} is missing")
            if not is_authentic(row, keys.macs):
                raise ValueError(f"the audit row {row[0]} is not as this node wrote it")
            sealer.add([row[-1]])
    if keys.made == () and not sealer.last_seq:
        raise ValueError("there are keys, and no audit of how they came to be")
    return sealer


async def _last_seal(connection: AsyncConnection, kind: str | None = None) -> Seal | None:
    query = untyped("audit_seal", Seal.__struct_fields__).order_by(column("number").desc()).limit(1)
    if kind:
        query = query.where(column("kind") == kind)
    row: Any = (await connection.execute(query)).first()
    return row and stored_seal(row)


async def _check_sealed_end(connection: AsyncConnection, through: int) -> None:
    """Raise ValueError if the last sealed row was cut off, and not by a retention."""
    retention = await _last_seal(connection, "retention")
    if through and not (retention and retention.last_seq >= through):
        row = untyped("audit_log", ["seq"]).where(column("seq") == through)
        if await connection.scalar(row) is None:
            raise ValueError(f"the audit row {through} is missing")


def _compare(sealer: Sealer, head: Head | None, keys: DataKeys) -> None:
    """Raise ValueError unless the chain ends where the head file says."""
    if not sealer.last_seq and (head is None or (not head.seal and not head.announced)):
        return  # nothing was ever audited here
    if head is None:
        raise ValueError("its head file is gone")
    if not head.is_signed_by(keys.publics.get(head.key_id, b"")):
        raise ValueError("its head file is not signed by this node")
    if sealer.hash.hex() not in {head.hash, head.announced}:
        raise ValueError(f"it ends with the seal {sealer.number}, and its head file names {head.seal}")
