"""The least that a bus can do: one actor publishes pings, others hear them and do nothing about it."""

from collections.abc import Sequence

from bus import Actor, Bus, Event, ReplayDriver, on

BURST = 256
LIMIT = 1_000_000


class Ping(Event, key="to", gc=False):
    """A message for those with one key."""

    to: str
    number: int


class Listener(Actor[None]):
    """Hears pings."""

    @on
    def hear(self, ping: Ping) -> None:
        """Take the ping, and no more."""


class Teller(Actor[None]):
    """Publishes pings."""

    publishes = (Ping,)

    def tell(self, pings: Sequence[Ping]) -> None:
        """Publish a burst."""
        for ping in pings:
            self.publish(ping)


async def bus_of(keys: Sequence[str]) -> tuple[Bus, Teller]:
    """A bus with a listener for each of the keys, and a teller."""
    bus = Bus(ReplayDriver())
    for number, wanted in enumerate(keys):
        bus.spawn(Listener, None, name=f"listener/{number}", scope={"to": wanted})
    teller = bus.spawn(Teller, None, name="teller").actor
    assert isinstance(teller, Teller)  # noqa: S101 - it was just spawned
    await bus.started()
    return bus, teller


def key(number: int) -> str:
    """A key of its own for each number; asked again, an equal one that is another object, as in life."""
    return f"listener-{number}"


def ping(number: int) -> Ping:
    """A ping for the listener with a number."""
    return Ping(key(number), number)


def in_bursts(pings: Sequence[Ping], bursts: int, of: int = BURST) -> list[list[Ping]]:
    """Pings over and over: so many bursts of so many each."""
    return [
        [pings[place % len(pings)] for place in range(burst * of, (burst + 1) * of)]
        for burst in range(bursts)
    ]
