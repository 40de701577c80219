"""A bench runs one actor with its real port, and everybody else is played by the test."""

from collections.abc import AsyncGenerator

import pytest

from bus import Actor, Event, Livelock, Request, Supervision, Undeclared, every, on
from lts.domain.accounts import StandingTarget
from lts.domain.market import Bar, BarOpened, Quote, RecentBars
from lts.domain.order_flow import OrderProposed
from lts.domain.signals import SignalRaised
from lts.kinds.plugin import Params
from lts.kinds.strategy import Strategy, StrategyAssignment
from lts.refusal import Refused
from lts.testing import BEGIN, NOBODY, TEST, Bench, bars

pytestmark = pytest.mark.requirement("INT-001", "INT-002", "INT-10.1")

SECOND = 10**9


class EveryOther(Params):
    """The parameters of the strategies below."""

    step: int = 2


class Counter(Strategy[EveryOther]):
    """Goes long on every `step`-th bar, flat on the others, and short on a quote."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.count = len(await self.history(100))
        self.stood = await self.standing_target()
        self.beats = 0
        yield

    @on
    def count_bars(self, bar: Bar) -> None:
        self.count += 1
        if bar.close > 1_000:
            raise ValueError("too expensive")
        self.signal(float(self.count % self.params.step == 0), because=f"bar {self.count}")

    @on
    def go_short(self, quote: Quote) -> None:
        self.signal(-1, because=f"quoted at {quote.bid}")

    @every(60)
    def beat(self) -> None:
        self.beats += 1


class Cheat(Strategy[Params]):
    """Publishes what strategies may not."""

    @on
    def order_directly(self, bar: Bar) -> None:
        self.publish(OrderProposed("test", None))  # type: ignore[arg-type]
        del bar


class Eavesdropper(Strategy[Params]):
    """Listens to what strategies may not hear."""

    @on
    def overhear(self, proposed: OrderProposed) -> None:
        """Nothing: it is never let in."""


class Careless(Strategy[Params]):
    """Does not end well."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        yield
        raise RuntimeError("cannot clean up")


class Twofold(Strategy[Params]):
    """Lives twice, or so it believes."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        yield
        yield


class Answered(Event):
    """A number."""

    number: int


class Ask(Request[Answered]):
    """Asks for a number."""


class Wondered(Event):
    """A number, to which another is to be added."""

    number: int


class Curious(Actor[None]):
    """Asks for a number when it hears one."""

    asks = (Ask,)
    publishes = (Answered,)

    @on
    async def wonder(self, wondered: Wondered) -> None:
        self.publish(Answered(wondered.number + (await self.ask(Ask())).number))


class Restless(Actor[None]):
    """Never comes to an end."""

    publishes = (Wondered,)

    @on
    def wonder(self, wondered: Wondered) -> None:
        self.publish(Wondered(wondered.number + 1))


def targets(bench: Bench[Counter]) -> list[float]:
    return [signal.target for signal in bench.published(SignalRaised)]


async def test_a_strategy_hears_and_signals() -> None:
    async with Bench(Counter, {"step": 3}) as bench:
        await bench.hear(*bars([10, 11, 12, 13]))
        assert targets(bench) == [0, 0, 1, 0]
        assert bench.actor.params.step == 3
        assert bench.published(SignalRaised)[0] == SignalRaised("test", "TEST", 0, "bar 1")


async def test_market_data_moves_market_time_and_timers_come_due_on_the_way() -> None:
    async with Bench(Counter) as bench:
        assert bench.now == BEGIN
        await bench.hear(*bars([10, 11]))
        assert bench.now == BEGIN + 120 * SECOND
        assert bench.actor.beats == 2
        await bench.advance(seconds=59.5)
        assert bench.actor.beats == 2
        await bench.advance(seconds=0.5)
        assert bench.actor.beats == 3
        await bench.hear(BarOpened("TEST", BEGIN, 10))
        assert bench.now == BEGIN + 180 * SECOND


async def test_what_is_out_of_scope_or_not_listened_to_does_not_arrive() -> None:
    async with Bench(Counter) as bench:
        await bench.hear(*bars([10], instrument="OTHER"))
        await bench.hear(BarOpened("TEST", BEGIN, 10))
        assert bench.said == bench.asked(RecentBars) + bench.asked(StandingTarget)
        await bench.hear(Quote("TEST", BEGIN, 9, 11, 1, 1))
        assert targets(bench) == [-1]


async def test_an_assignment_sets_the_scope() -> None:
    other = StrategyAssignment("mine", TEST.__class__("OTHER", "EUR", TEST.tick_size, TEST.lot_size))
    async with Bench(Counter, assignment=other) as bench:
        await bench.hear(*bars([10]))
        await bench.hear(*bars([10], instrument="OTHER", begin=bench.now))
        assert [(each.portfolio, each.instrument) for each in bench.published(SignalRaised)] == [
            ("mine", "OTHER")
        ]


async def test_history_is_what_was_heard_and_a_restart_makes_state_anew() -> None:
    before = bars([1, 2, 3])
    async with Bench(Counter, history=before) as bench:
        assert bench.now == before[-1].closed_at
        assert bench.actor.count == 3
        await bench.hear(*bars([4], begin=bench.now))
        bench.actor.left_over = True  # type: ignore[attr-defined]
        await bench.restart()
        assert (bench.actor.count, bench.actor.stood) == (4, 1)
        assert not hasattr(bench.actor, "left_over")
        assert [asked.count for asked in bench.asked(RecentBars)] == [100, 100]


async def test_what_is_missed_in_a_restart_waits_unless_history_has_it() -> None:
    async with Bench(Counter) as bench:
        (bar,) = bars([1])
        await bench.restart(bar, Quote("TEST", BEGIN, 9, 11, 1, 1))
        assert bench.now == bar.closed_at
        assert bench.actor.count == 1
        assert targets(bench) == [-1]


async def test_what_the_actor_raises_is_raised_in_the_test_and_it_starts_again() -> None:
    async with Bench(Counter) as bench:
        with pytest.raises(ValueError, match="too expensive"):
            await bench.hear(*bars([2_000]))
        assert [letter.reason for letter in bench.dead_letters] == ["ValueError: too expensive"]
        await bench.hear(*bars([10], begin=bench.now))
        assert bench.state == "running"
        assert bench.actor.count == 2
        assert targets(bench) == [1]


async def test_supervision_can_be_as_it_is_in_earnest() -> None:
    async with Bench(Counter, supervision=Supervision(restarts=1, first=10, jitter=0)) as bench:
        for begin in (0, 20):
            with pytest.raises(ValueError, match="too expensive"):
                await bench.hear(*bars([2_000], begin=BEGIN + begin * SECOND, span=SECOND))
            assert bench.state == ("quarantined" if begin else "restarting")
            await bench.advance(seconds=10)


async def test_a_port_carries_what_the_kind_grants_and_no_more() -> None:
    with pytest.raises(Undeclared, match="may not hear OrderProposed"):
        async with Bench(Eavesdropper):
            raise AssertionError
    async with Bench(Cheat) as bench:
        with pytest.raises(Undeclared, match="may not use OrderProposed"):
            await bench.hear(*bars([10]))


async def test_parameters_are_read_as_from_a_file() -> None:
    async with Bench(Counter, EveryOther(step=5)) as bench:
        assert bench.actor.params.step == 5
    with pytest.raises(Refused, match=r"params\.step must be a whole number, without quotes"):
        async with Bench(Counter, {"step": "5"}):
            raise AssertionError
    with pytest.raises(Refused, match=r"params: unknown key 'stop'; did you mean 'step'\?"):
        async with Bench(Counter, {"stop": 5}):
            raise AssertionError


@pytest.mark.parametrize(
    ("plugin", "error", "said"),
    [(Careless, RuntimeError, "cannot clean up"), (Twofold, TypeError, "Twofold yields more than once")],
)
async def test_a_bad_end_is_raised_as_well(
    plugin: type[Strategy[Params]], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        async with Bench(plugin):
            pass
    with pytest.raises(error, match=said):
        async with Bench(plugin) as bench:
            await bench.restart()


async def test_an_error_of_the_test_itself_is_not_hidden_by_one_of_the_actor() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Bench(Careless):
            raise ZeroDivisionError


async def test_answers_are_values_functions_errors_or_nobody() -> None:
    async with Bench(Curious, answers={Ask: Answered(1)}) as bench:
        await bench.hear(Wondered(10))
        bench.answers[Ask] = lambda _: Answered(len(bench.asked(Ask)))
        await bench.hear(Wondered(20))
        assert bench.published(Answered) == [Answered(11), Answered(22)]
        assert bench.asked(Ask) == [Ask(), Ask()]
        bench.answers[Ask] = ValueError("no idea")
        with pytest.raises(Exception, match="no idea"):
            await bench.hear(Wondered(30))
    async with Bench(Curious, answers={Ask: NOBODY}) as bench:
        with pytest.raises(Exception, match="no actor owns Ask"):
            await bench.hear(Wondered(10))
        assert bench.asked(Ask) == [Ask()]


async def test_an_actor_without_end_is_named() -> None:
    async with Bench(Restless) as bench:
        with pytest.raises(Livelock, match="was still busy after"):
            await bench.hear(Wondered(1))


async def test_debug_information_can_be_read() -> None:
    async with Bench(Counter) as bench:
        assert await bench.debug() == {"plugin": "Counter", "params": {"step": 2}}
