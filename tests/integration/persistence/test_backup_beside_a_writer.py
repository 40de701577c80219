"""A backup is made in one process while another one commits, and neither waits for the other."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from actors.persistence.backup import back_up
from actors.persistence.inspection import prove
from actors.persistence.restore import restore
from actors.persistence.storage import Storage
from bus.clock import pause

pytestmark = pytest.mark.requirement("INT-5.3")

WRITER = '''
"""Makes users as fast as it can, seals after every third, and says how many there are."""

import asyncio, sys
from pathlib import Path

from actors.persistence.page import Form, Page
from actors.persistence.rows import DataKeyRow
from actors.persistence.storage import Storage, opened
from actors.persistence.units import Units
from actors.persistence.work import Steps, Work
from actors.persistence.writer import Writer
from lts.domain.units import PutUser


async def keep(batch, work):
    page = Page(Form(DataKeyRow), batch)
    for row in work.content.made:
        page.insert(row, work)
    await page.write()


async def main():
    async with opened(Storage(Path(sys.argv[1]))) as own:
        writer = Writer(own.connection, own.trail, own.sealer, lambda _: None)
        units, number = Units(lambda: own.keys.sealing), 0
        writer.put(Work(lambda batch, _: keep(batch, Work(own.keys, None, "", 0)), Steps(), "persistence", 0))
        while True:
            number += 1
            writer.put(Work((PutUser(f"user {number}"),), units, "test", number))
            await writer._write(writer._take())
            if number % 3 == 0:
                await writer.seal()
            print(number, flush=True)

asyncio.run(main())
'''


class Writing:
    """A process that writes to a storage, and the file in which it says how far it has come."""

    def __init__(self, storage: Storage, log: Path) -> None:
        self._log = log
        with log.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen([sys.executable, "-c", WRITER, storage.state_dir], stdout=file)

    @property
    def committed(self) -> int:
        """How many users it has made."""
        return self._log.read_text(encoding="utf-8").count("\n")

    async def goes_on(self) -> None:
        """Wait until it has made three more."""
        wanted = self.committed + 3
        while self.committed < wanted:
            assert self._process.poll() is None
            await pause(0.02)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "state")


@pytest.fixture
def writing(storage: Storage, tmp_path: Path) -> Iterator[Writing]:
    process = Writing(storage, tmp_path / "log")
    yield process
    process.kill()


async def test_copies_are_whole_and_the_writer_goes_on(
    storage: Storage, writing: Writing, tmp_path: Path
) -> None:
    await writing.goes_on()
    keys = storage.node_keys(create=False).keys
    made = []
    for number in range(2):
        before = writing.committed
        made.append(await back_up(storage, tmp_path / f"{number}.backup", record=AsyncMock()))
        assert writing.committed > before
        await writing.goes_on()
    assert (await prove(storage)).findings == ()
    writing.kill()

    for backup in made:
        assert backup.manifest.trouble == ""
        copy = Storage(tmp_path / backup.path.stem, key_file=storage.state_dir / "node.key")
        await restore(backup.path, copy, keys)
        assert (await prove(copy)).findings == ()
    users = [backup.manifest.tables["users"].rows for backup in made]
    assert users == sorted(set(users))
    assert (await prove(storage)).findings == ()
