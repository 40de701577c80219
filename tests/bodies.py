"""Actors that may live in a child process, which imports them from here, and what they say and hear."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from bus import (
    Actor,
    AskError,
    DeadLetter,
    Delivery,
    Event,
    Later,
    Request,
    Time,
    Undeclared,
    Undeliverable,
    every,
    on,
    pause,
)


class Do(Event):
    """An instruction to a body."""

    what: str
    number: int = 0


class Halt(Event, delivery=Delivery.URGENT):
    """An instruction that overtakes all others."""


class Came(Event, key="to"):
    to: str
    number: int


class Quote(Event, key="symbol", delivery=Delivery.LATEST):
    symbol: str
    price: float


class Noted(Event):
    """What a body has to say."""

    what: str
    number: int = 0
    at: int = 0
    cause: int = 0


class Secret(Event):
    """What no body may say."""


class Found(Event):
    text: str


class NotFound(Event):
    reason: str


class Lookup(Request[Found | NotFound]):
    """A question to a body."""

    text: str


class Promise(Request[int]):
    """A question that is answered when the body is told to."""

    number: int


class GetCapital(Request[str], key="country"):
    """A question of a body's."""

    country: str


class GetWeather(Request[Found], key="country"):
    """A question of a body's that it sends."""

    country: str


class GetSecret(Request[str]):
    """A question that no body may ask."""


class Given(msgspec.Struct, frozen=True):
    """What a body is given."""

    greeting: str
    numbers: tuple[int, ...] = ()


class Unmendable(Exception):
    """No restart mends this."""


class Obliging(Actor[Given]):
    """Does as it is told."""

    publishes = (Noted,)
    asks = (GetWeather,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        if self.params.greeting == "refuse":
            raise Unmendable("it is beyond repair")
        if self.params.greeting == "never":
            await pause(60)
        self.promised: list[Later[int]] = []
        self.count = 0
        yield
        if self.params.greeting == "cling":
            await pause(60)
        self.publish(Noted("farewell"))

    def note(self, what: str, number: int = 0) -> None:
        self.publish(Noted(what, number, self.clock.now(), self.cause))

    @on
    def count_up(self, came: Came) -> None:
        self.count += 1
        self.note(f"came {self.count}", came.number)

    @on
    def look(self, quote: Quote) -> None:
        if quote.price < 0:
            time.sleep(0.3)  # noqa: TID251 - somebody has to be slow
        self.note(f"quote {quote.symbol} {quote.price:g}")

    @on
    def halt(self, _: Halt) -> None:
        self.note("halted")

    @on
    def find(self, lookup: Lookup) -> Found | NotFound:
        match lookup.text:
            case "who":
                return Found(
                    f"{self.name} {self.params.greeting} {self.assignment} {sorted(self.scope['to'])}"
                )
            case "pid":
                return Found(str(os.getpid()))
            case "boom":
                raise ValueError("boom")
        return NotFound(f"no {lookup.text}")

    @on
    def promise(self, promise: Promise) -> Later[int]:
        later: Later[int] = self.later(holds=promise.number >= 0)
        self.promised.append(later)
        self.note("promised", promise.number)
        return later

    @on
    def obey(self, do: Do) -> None:
        DEEDS[do.what](self, do.number)

    @on
    def read(self, answer: Found) -> None:
        self.note(answer.text)

    @on
    def mourn(self, undeliverable: Undeliverable) -> None:
        self.note(f"{undeliverable.request.country}: {undeliverable.reason}", int(undeliverable.delivered))


class Asking(Actor[None]):
    """Asks as it is told, and notes what it hears."""

    publishes = (Noted,)
    asks = (GetCapital, Lookup)

    @on
    async def ask_for(self, do: Do) -> None:
        try:
            self.publish(Noted(await self.ask(GetCapital(do.what), within=0.2 + do.number), cause=self.cause))
        except AskError as error:
            self.publish(Noted(f"{type(error).__name__}: {error}"))

    @on
    async def answer(self, lookup: Lookup) -> Found | NotFound:
        return Found(await self.ask(GetCapital(lookup.text)))


class Punctual(Actor[None]):
    """Has timers, which need no message to strike."""

    publishes = (Noted,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.after(1.5, Do("after"))
        yield

    @every(1.0)
    def strike(self) -> None:
        self.publish(Noted("tick", at=self.clock.now()))

    @every(0.02, time=Time.SYSTEM)
    def beat(self) -> None:
        self.publish(Noted("beat"))

    @on
    def hear(self, do: Do) -> None:
        self.publish(Noted(do.what, at=self.clock.now()))


class Stubborn(Actor[list[Any]]):
    """Hears dead letters, and what is open in its answers."""

    publishes = (Noted,)

    @on
    def hear(self, letter: DeadLetter) -> None:
        self.publish(Noted(f"{type(letter.message).__name__} {letter.reason}"))

    @on
    def halt(self, halt: Halt) -> None: ...


class Busy(Actor[int]):
    """Takes its time over what it hears: so many milliseconds a message."""

    publishes = (Noted,)

    @on
    async def work(self, came: Came) -> None:
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, self.params / 1000)  # noqa: TID251
        self.publish(Noted("worked", came.number))

    @on
    async def look(self, quote: Quote) -> None:
        self.publish(Noted("saw", int(quote.price)))


def _raise(_: Obliging, number: int) -> None:
    raise RuntimeError(f"told to {number}")


def _in_the_background(body: Obliging, _: int) -> None:
    async def fail() -> None:
        await pause(0.01)
        raise RuntimeError("in the background")

    body.background(fail())


def _trespass(body: Obliging, _: int) -> None:
    try:
        body.publish(Secret())
    except Undeclared as error:
        body.note(str(error))


def _answer(body: Obliging, number: int) -> None:
    for later in body.promised:
        later.answer(number)


def _break_in(body: Obliging, _: int) -> None:
    """Do what only a body can that has been taken over: grant itself more than it was granted."""
    from bus.letters import Put, Tell  # noqa: PLC0415 - only a child that lies needs them
    from bus.packing import Packing  # noqa: PLC0415

    line = next(iter(body._bus.cells.values())).actor.line  # type: ignore[attr-defined]
    packing = Packing([Secret, GetSecret])
    line.write(Tell(0, 10**9, *packing.pack(Secret())))
    line.write(Put(99, 0, *packing.pack(GetSecret())))
    line.write(Tell(0, 10**9, *Packing([Noted]).pack(Noted("broke in"))))


def _write(data: bytes) -> Callable[[Obliging, int], None]:
    def write(_: Obliging, __: int) -> None:
        os.write(int(sys.argv[1]), data)

    return write


DEEDS: dict[str, Callable[[Obliging, int], Any]] = {
    "raise": _raise,
    "background": _in_the_background,
    "trespass": _trespass,
    "answer": _answer,
    "break in": _break_in,
    "exit": lambda *_: os._exit(3),
    "leave": lambda *_: sys.exit(4),
    "kill": lambda *_: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda *_: time.sleep(60),  # noqa: TID251 - somebody has to hang
    "noise": _write(b"\x00\x00\x00\x05noise"),
    "too large": _write(b"\xff\xff\xff\xff"),
    "wrong letter": _write(b"\x00\x00\x00\x04\x91\x92\x02\x07"),
    "give up": lambda body, number: body.give_up(Came("x", number), "no use"),
    "log": lambda body, number: body.log.warning("a word", number=number, value=object),
    "send": lambda body, number: body.send(GetWeather("France" if number else "Nowhere")),
    "note": lambda body, number: body.note("noted", number),
    "unknown type": lambda body, _: body.publish(Noted(object())),  # type: ignore[arg-type]
}


def refuse_to_prepare() -> None:
    raise RuntimeError("not prepared")
