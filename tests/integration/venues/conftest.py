"""A venue for each test, and a plain HTTP client that knows nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.venues.process import VenueProcess

Json = dict[str, Any]


@pytest.fixture
def venue_with(tmp_path: Path) -> Iterator[Callable[..., VenueProcess]]:
    """Starts a venue with options of one's own."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(VenueProcess(tmp_path, "--heartbeat", "0.1", *options))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    with VenueProcess(tmp_path_factory.mktemp("venue"), "--heartbeat", "0.1") as process:
        yield process


@pytest.fixture
def venue(process: VenueProcess) -> VenueProcess:
    """Return a venue that has no past."""
    return (process if process.running else process.start()).reset()


@pytest.fixture
def client_of() -> Iterator[Callable[[VenueProcess], httpx.Client]]:
    """Connects to the account of a venue; it never uses a proxy."""
    with ExitStack() as stack:

        def connect(venue: VenueProcess) -> httpx.Client:
            url, headers = (
                f"{venue.url}/v3/accounts/{venue.account}",
                {"Authorization": f"Bearer {venue.token}"},
            )
            client = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)
            return stack.enter_context(client)

        yield connect


@pytest.fixture
def v20(venue: VenueProcess, client_of: Callable[[VenueProcess], httpx.Client]) -> httpx.Client:
    return client_of(venue)


@pytest.fixture
def place() -> Callable[..., Json]:
    """Places an order: `place(client, 100, price="1.1", id="A-1")`, by default a market order in EUR_USD."""

    def place(client: httpx.Client, units: object, kind: str = "MARKET", **more: Any) -> Json:
        order = {"type": kind, "instrument": "EUR_USD", "units": str(units)} | more
        if (name := order.pop("id", None)) is not None:
            order["clientExtensions"] = {"id": name}
        answer: Json = client.post("/orders", json={"order": order}).json()
        return answer

    return place
