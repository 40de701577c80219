"""A bench: one actor under test on a real bus, and everybody else played by the test."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from bus import (
    SECOND,
    Actor,
    ActorQuarantined,
    ActorStarted,
    AskError,
    Bus,
    DeadLetter,
    Event,
    Message,
    Moment,
    Request,
    Supervision,
)
from bus.cell import Cell
from bus.handlers import hearings
from lts.config.params import parse_params
from lts.domain.market import Bar, BarOpened, Quote, Trade
from lts.domain.plugins import GetDebugInfo
from lts.kinds import KINDS
from lts.kinds.plugin import Plugin
from lts.refusal import Refused
from lts.testing.answers import Answers
from lts.testing.cast import NOBODY, Voice, ears, owner
from lts.testing.drive import BenchDriver
from lts.testing.market import BEGIN
from lts.testing.stage import assignment_of, scope_of

A = TypeVar("A", bound=Actor[Any])
E = TypeVar("E", bound=Event)
Q = TypeVar("Q", bound=Request[Any])
R = TypeVar("R")

ACTOR = "subject"
AT_ONCE = Supervision(restarts=1_000, first=0.0, jitter=0.0)
ONCE = Supervision(restarts=0)
LIVELOCK = 100_000
"""Messages at one instant, on a bench, that have no end."""
FACTS = (ActorStarted, ActorQuarantined, DeadLetter)


class Bench(Generic[A]):
    """Runs one actor with its real port, scope, lifespan, timers and supervision, in market time of its own.

        async with Bench(SmaCross, {"fast": 2, "slow": 3}) as bench:
            await bench.hear(*bars([10, 11, 12, 13]))
            assert [signal.target for signal in bench.published(SignalRaised)] == [1.0]

    A plugin gets the port of its kind and, unless told otherwise, an assignment to trade TEST for
    the portfolio "test" at the broker "test". What the actor raises, in whatever it does, is raised
    again by the next call of the bench, or at its end.

    Args:
        actor_class: the plugin, or any other actor.
        params: its parameters; for a plugin also as they would stand in a file.
        assignment: what it is here for.
        scope: the keys that it hears; by default what its assignment calls for.
        answers: for a request that it asks, the answer, a function from request to answer, an
            exception, or `NOBODY`. By default a request finds the answer that lets the actor go
            on: recent bars are those that it heard, orders are journalled, plugins start.
        history: bars that closed before it starts.
        start_at: the market time at which it starts, in UTC nanoseconds.
        supervision: how it is restarted; by default at once, as often as it fails.
    """

    actor: A
    """The actor itself."""

    def __init__(  # noqa: PLR0913 - all that makes a scene; a test says little of it
        self,
        actor_class: type[A],
        params: Any = None,
        *,
        assignment: Any = None,
        scope: Mapping[str, Any] | None = None,
        answers: Mapping[Any, Any] | None = None,
        history: Sequence[Bar] = (),
        start_at: int = BEGIN,
        supervision: Supervision | None = None,
    ) -> None:
        self.said: list[Message] = []
        """All that the actor published and asked, in order."""
        self.dead_letters: list[DeadLetter] = []
        """What came to nothing."""
        self.answers = Answers(self.said, history, answers or {})
        """The answers to what it asks, which a test may change under way."""
        self._class = actor_class
        self._params = params
        self._assignment = assignment
        self._scope = scope
        self._supervision = supervision
        self._driver = BenchDriver(livelock=LIVELOCK)
        self._start_at = max([start_at, *(bar.closed_at for bar in history)])
        self._saying: Message | None = None
        self._errors: list[BaseException] = []

    async def __aenter__(self) -> Self:
        """Start the actor.

        Raises:
            Refused: its parameters cannot be used, or it refuses to start.
            Undeclared: it hears what its kind does not grant.
        """
        self.bus = Bus(self._driver, hopeless=(Refused,))
        """The bus that all of this happens on."""
        self.bus.clock.advance(self._start_at)
        self._note_failures()
        self._spawn()
        try:
            await self._settle()
        except BaseException:
            await self.bus.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the actor."""
        await self.bus.stop()
        if error is None:
            self._raise()

    @property
    def now(self) -> int:
        """Market time."""
        return self.bus.clock.now()

    @property
    def state(self) -> str:
        """Where the actor is in its life: starting, running, restarting, quarantined or stopped."""
        return self._cell.state.value

    async def hear(self, *messages: Message) -> None:
        """Deliver messages as the bus would, one after the other, each with all that it causes.

        Market data moves market time to when it happened. A message that the actor does not
        listen to, or that is outside its scope, does not reach it.
        """
        for message in messages:
            await self._reach(_when(message))
            if isinstance(message, Request):
                await self.ask(message)
            else:
                self._say(message)
            await self._settle()

    async def ask(self, request: Request[R]) -> R:
        """Put a request to the actor and return its answer.

        Raises:
            AskError: it gave none.
        """
        await self.advance(0)
        try:
            answer = await self._voice.ask(request)
        except AskError:
            await self._settle()  # which raises why, if the actor failed
            raise
        await self._settle()
        return answer

    async def debug(self) -> Mapping[str, Any]:
        """Return the debug information of a plugin."""
        return (await self.ask(GetDebugInfo(ACTOR))).values

    async def advance(self, seconds: float) -> None:
        """Let market time pass; what comes due on the way comes due."""
        await self._reach(self.now + round(seconds * SECOND))

    async def play(self, count: int | None = None) -> list[Moment]:
        """Play the next moments of a feed that replays, by default all, and return them."""
        played: list[Moment] = []
        while count is None or len(played) < count:
            moment = await self._driver.take_next()
            self._raise()
            if moment is None:
                break
            played.append(moment)
        return played

    async def restart(self, *meanwhile: Message) -> None:
        """Restart the actor as after a failure: its state is made anew, and what it missed waits for it.

        Args:
            meanwhile: what is published while it is away.
        """
        self._supervise(self._cell, InterruptedError("the bench restarts it"))
        for message in meanwhile:
            self._say(message)
        await self._reach(max(map(_when, meanwhile), default=self.now))

    def published(self, event_type: type[E]) -> list[E]:
        """Return the events of a type that the actor has published, in order."""
        return [message for message in self.said if isinstance(message, event_type)]

    def asked(self, request_type: type[Q]) -> list[Q]:
        """Return the requests of a type that the actor has asked or sent, in order."""
        return [message for message in self.said if isinstance(message, request_type)]

    def _spawn(self) -> None:
        """Bring in first those who play the others, then the actor."""
        actor_class: Any = self._class
        guest = issubclass(actor_class, Plugin)
        contract: Any = KINDS[actor_class.kind] if guest else actor_class
        for each in contract.asks:
            if self.answers.get(each) is not NOBODY:
                self._bring(owner(each, self._answer), f"owner of {each.__name__}")
        self._bring(ears(dict.fromkeys((*contract.publishes, *FACTS)), self._listen), "ears")
        heard = [each.message_type for each in hearings(actor_class)]
        self._voice = self._bring(
            Voice,
            "voice",
            publishes=[each for each in heard if issubclass(each, Event)],
            asks=[each for each in heard if issubclass(each, Request)],
        )
        self._heard = frozenset(heard)
        params, assignment = self._params, self._assignment
        if guest and not isinstance(params, actor_class.params_model()):
            params = parse_params(actor_class.params_model(), params or {}, "params")
        if guest and assignment is None:
            assignment = assignment_of(actor_class.kind)
        self._cell: Cell = self.bus.spawn(
            actor_class,
            params,
            name=ACTOR,
            assignment=assignment,
            scope={"guest": ACTOR, **(scope_of(assignment) if self._scope is None else self._scope)},
            publishes=contract.publishes,
            asks=contract.asks,
            hears=contract.hears if guest else None,
            supervision=self._supervision or (AT_ONCE if getattr(actor_class, "restarts", True) else ONCE),
        )
        actor: Any = self._cell.actor
        self.actor = actor

    def _bring(self, actor_class: type[Actor[None]], name: str, **port: Any) -> Actor[None]:
        return self.bus.spawn(actor_class, None, name=name, supervision=AT_ONCE, **port).actor

    def _note_failures(self) -> None:
        """Keep what the actor raises; supervision goes on as it would."""
        self._supervise = supervise = self.bus.supervisor.failed

        def failed(cell: Cell, error: BaseException, *, final: bool = False) -> None:
            if cell is self._cell:
                self._errors.append(error)
            supervise(cell, error, final=final)

        self.bus.supervisor.failed = failed  # type: ignore[method-assign]
        self.bus.dispatcher.gave_out = partial(failed, final=True)

    def _say(self, message: Message) -> None:
        self._saying = message
        if isinstance(message, Bar):
            self.answers.bars.append(message)
        if isinstance(message, Event) and type(message) in self._heard:
            self._voice.publish(message)

    def _listen(self, message: Message) -> None:
        match message:
            case ActorStarted(actor=name):
                if name == ACTOR and self._cell.lifespan is not None:
                    self._cell.lifespan = self._watched(self._cell.lifespan)
            case ActorQuarantined(actor=name, reason=reason):
                if name == ACTOR and not self._errors:
                    self._errors.append(Refused(reason))
            case DeadLetter(message=request, actor=name):
                self.dead_letters.append(message)
                if name == ACTOR and isinstance(request, Request) and type(request) not in self._heard:
                    self.said.append(request)  # it found nobody, but it was asked
            case _ if message is not self._saying:
                self.said.append(message)

    def _answer(self, request: Request[Any]) -> Any:
        self.said.append(request)
        return self.answers.to(request)

    async def _watched(self, lifespan: AsyncGenerator[None, None]) -> AsyncGenerator[None, None]:
        """Stand for a lifespan that has reached its `yield`, and note it if it does not end well."""
        try:
            await anext(lifespan)
        except StopAsyncIteration:
            return
        except Exception as error:
            self._errors.append(error)
            raise
        self._errors.append(TypeError(f"the lifespan of {self._class.__name__} yields more than once"))
        yield
        await lifespan.aclose()

    async def _reach(self, at: int) -> None:
        await self._driver.reach(max(at, self.now))
        self._raise()

    async def _settle(self) -> None:
        await self._driver.settle()
        self._raise()

    def _raise(self) -> None:
        if self._errors:
            error, *_ = self._errors
            self._errors.clear()
            raise error


def _when(message: Message) -> int:
    """When a piece of market data happened; 0 for all else, which happens now."""
    match message:
        case Bar(closed_at=at) | BarOpened(at=at) | Quote(at=at) | Trade(at=at):
            return at
    return 0
