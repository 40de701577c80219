"""aaa/oidc on a bench, and a provider in a process of its own for it to talk to."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bus import SystemClock
from lts.domain.access import (
    AccessRefused,
    BeginProviderLogin,
    FinishProviderLogin,
    LoggedIn,
    ProviderLoginBegun,
)
from lts.domain.credentials import NoteRefusals, RecallAccess
from lts.domain.secret import Secret
from lts.domain.units import Perform
from lts.testing import Bench, Shelf, Watch, aaa_assignment
from lts.testing.house import HOME, House
from plugins.aaa.oidc.plugin import OidcAaa
from tests.providers.oidc import SECRET
from tests.providers.process import ProviderProcess

CALLBACK = "https://lts.example.com/api/v1/auth/oidc/callback"


class Hotel(House):
    """A house whose guests come from a provider."""

    provider: ProviderProcess

    async def begin(self) -> ProviderLoginBegun:
        """Begin a login."""
        begun = await self.bench.ask(BeginProviderLogin(HOME))
        assert isinstance(begun, ProviderLoginBegun), begun
        return begun

    async def come_back(self, begun: ProviderLoginBegun, **other: Any) -> LoggedIn | AccessRefused:
        """Log in at the provider, and come back with what it gives; what is other than so is altered."""
        brought = self.provider.log_in(begun.url).params
        parts = {
            "state": brought.get("state", ""),
            "code": Secret(brought.get("code", "")),
            "ticket": begun.ticket,
            "issuer": brought.get("iss", ""),
            "address": HOME,
        }
        return await self.bench.ask(FinishProviderLogin(**(parts | other)))

    async def come(self) -> LoggedIn | AccessRefused:
        """Come by the provider, as a browser does."""
        return await self.come_back(await self.begin())

    async def refusals(self) -> list[NoteRefusals]:
        """Return what the audit has been told of."""
        await self.bench.actor.store.tell()
        told = [each for unit in self.shelf.units for each in unit.commands]
        return [each for each in told if isinstance(each, NoteRefusals)]


Open = Callable[..., AbstractAsyncContextManager[Hotel]]


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    with ProviderProcess(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(provider_process: ProviderProcess) -> ProviderProcess:
    provider_process.tell(reset=True)
    return provider_process


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "client-secret"
    file.write_text(f"{SECRET}\n", encoding="ascii")
    file.chmod(0o600)
    return file


@pytest.fixture
def open_hotel(provider: ProviderProcess, secret_file: Path, short_logs: None) -> Open:  # noqa: ARG001
    """Opens the plugin with parameters of one's own."""

    @asynccontextmanager
    async def opened(shelf: Shelf | None = None, **params: Any) -> AsyncIterator[Hotel]:
        known, watch = shelf or Shelf("owner"), Watch(SystemClock().now())
        usual = {
            "issuer": provider.url,
            "client_id": "lts",
            "client_secret_file": str(secret_file),
            "redirect_uri": CALLBACK,
            "roles": [{"claim": "groups", "value": "traders", "role": "trader"}],
            "name_claim": "preferred_username",
            "passwords": ["root"],
            "timeout_s": 1.0,
        }
        answers = {Perform: known.perform, RecallAccess: known.recall}
        assignment = aaa_assignment(watch)
        async with Bench(OidcAaa, usual | params, assignment=assignment, answers=answers) as bench:
            hotel = Hotel(bench, known, watch)
            hotel.provider = provider
            yield hotel

    return opened


@pytest.fixture
async def hotel(open_hotel: Open) -> AsyncIterator[Hotel]:
    async with open_hotel() as opened:
        yield opened
