"""What every broker owes."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

import msgspec

from bus import Message
from lts.domain.journal import RecallOrders
from lts.domain.market import Bar
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.orders import ApprovedOrder, Order, OrderStatus, Side, TimeInForce
from lts.testing.bench import Bench
from lts.testing.contract import PluginContract, run, unlike
from lts.testing.market import random_walk, tape
from lts.testing.orders import WatchfulDesk, limit_order, market_order
from lts.testing.stage import NAME

ENDS = frozenset({ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED})
FAR = Decimal("0.5")
"""A limit at which nobody sells on these markets."""


class Session:
    """A broker on a bench, the desk that gives it orders, and the market they trade on."""

    def __init__(self, bench: Bench[Any], desk: WatchfulDesk) -> None:
        self.bench = bench
        self.desk = desk
        self.numbers = 0
        self.seen = 0

    async def hear(self, *messages: Message) -> None:
        """Have the broker hear something, and hold what it reports against the desk's records."""
        for message in messages:
            await self.bench.hear(message)
            for report in self.reports[self.seen :]:
                self.desk.take(report)
                self.seen += 1

    async def place(self, order: ApprovedOrder) -> ApprovedOrder:
        """Give the broker an order, under a number of its own and dated now."""
        self.numbers += 1
        order = msgspec.structs.replace(
            order,
            client_order_id=f"{order.client_order_id[:-6]}{self.numbers:06d}",
            created_at=self.bench.now,
        )
        await self.hear(self.desk.place(order))
        return order

    async def withdraw(self, client_order_id: str) -> None:
        """Tell the broker that an order is no longer wanted."""
        await self.hear(self.desk.withdraw(client_order_id, self.bench.now))

    async def play(self, series: Sequence[Bar]) -> None:
        """Let the market go on."""
        await self.hear(*tape(series))

    async def trade(self, series: Sequence[Bar], seed: int) -> None:
        """Let the market go on, and do what traders do: the same for the same seed."""
        random = Random(seed)  # noqa: S311 - a session, not a secret
        for bar in series:
            for message in tape([bar]):
                await self.hear(message)
                if random.random() < 1 / 4:
                    await self.place(_any_order(random, bar))
                if random.random() < 1 / 16 and self.desk.records:
                    await self.withdraw(random.choice(list(self.desk.records)))

    @property
    def reports(self) -> list[ExecutionReport]:
        """All that the broker has reported."""
        return self.bench.published(ExecutionReport)

    def of(self, order: Order) -> list[ExecutionReport]:
        """What it has reported of one order."""
        return [each for each in self.reports if each.client_order_id == order.client_order_id]

    def status(self, order: Order) -> OrderStatus:
        """Where an order stands by what was reported."""
        return self.desk.records[order.client_order_id].status


class BrokerContract(PluginContract):
    """Inherit this, and name the plugin.

        class TestMine(BrokerContract):
            plugin = Mine
            params = {"fee": "0.5"}

    The market is a random walk with a bar, a quote and a trade a minute. A broker of a real venue
    overrides `bench` to put a venue of the test in its place.
    """

    market: ClassVar[Sequence[Bar]] = random_walk(240, seed=2)
    """The bars, in order; on them market orders trade, and limit orders now and then."""

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Trade on the market."""
        await Session(bench, WatchfulDesk()).trade(self.market, seed=3)
        return [*bench.published(ExecutionReport)]

    def test_every_order_is_answered_and_ends_once(self) -> None:
        """Reports follow the order's states: no fill too much, no second end, no order that was not given."""

        async def scene(it: Session) -> None:
            await it.trade(self.market, seed=3)
            records = it.desk.records.values()
            unanswered = [each.order for each in records if each.status is OrderStatus.SUBMITTED]
            assert not unanswered, f"nothing was reported of {unanswered[0]}"
            for record in records:
                kinds = [each.kind for each in it.of(record.order)]
                assert sum(kind in ENDS for kind in kinds) <= 1, f"{record.order} ends twice: {kinds}"
                assert record.filled <= record.order.quantity
            filled = [each for each in records if each.status is OrderStatus.FILLED]
            assert len(filled) * 4 > len(records), "hardly anything trades; override `market`"

        run(self._play(scene))

    def test_a_session_gives_the_same_reports_each_time(self) -> None:
        """A broker depends on nothing but its orders and the market."""

        async def scene(it: Session) -> list[ExecutionReport]:
            await it.trade(self.market[:60], seed=4)
            return it.reports

        first, second = run(self._play(scene)), run(self._play(scene))
        assert first, "it reports nothing"
        assert unlike(first, second) is None, f"the second time: {unlike(first, second)}"

    def test_what_it_cannot_trade_it_rejects(self) -> None:
        """With a reason, and without failing: an exception would leave the order's fate unknown."""

        async def scene(it: Session) -> None:
            await it.play(self.market[:1])
            nameless = await it.place(market_order(instrument="NO SUCH"))
            priceless = await it.place(
                msgspec.structs.replace(limit_order(Side.BUY, 1, FAR), limit_price=None)
            )
            await it.play(self.market[1:4])
            for order in (nameless, priceless):
                (report,) = it.of(order)
                assert report.kind is ExecType.REJECTED, f"{order} is not rejected but {report.kind}"
                assert report.reason, "a rejection needs a reason"

        run(self._play(scene))

    def test_withdrawing_what_is_not_there_is_harmless(self) -> None:
        """An order that never was, or has ended, is left alone; others go on."""

        async def scene(it: Session) -> None:
            await it.play(self.market[:1])
            await it.withdraw("never-was-000001")
            assert it.reports == [], "it reports an order that it was never given"
            order = await it.place(market_order())
            await it.play(self.market[1:4])
            assert it.status(order) is OrderStatus.FILLED, "a market order does not trade on this market"
            told = len(it.reports)
            await it.withdraw(order.client_order_id)
            await it.play(self.market[4:6])
            assert len(it.reports) == told, "it reports an order that was over"

        run(self._play(scene))

    def test_a_withdrawn_order_is_cancelled_once(self) -> None:
        """And trades no more, however the market goes and however often it is withdrawn."""

        async def scene(it: Session) -> None:
            await it.play(self.market[:1])
            order = await it.place(limit_order(Side.BUY, 1, FAR))
            await it.play(self.market[1:3])
            assert it.status(order) is OrderStatus.ACCEPTED, "an order that cannot trade yet is not working"
            await it.withdraw(order.client_order_id)
            await it.withdraw(order.client_order_id)
            await it.play(self.market[3:6])
            ends = [each.kind for each in it.of(order) if each.kind in ENDS]
            assert ends == [ExecType.CANCELED], f"it ends with {ends}"

        run(self._play(scene))

    def test_a_limit_is_kept(self) -> None:
        """Nothing is bought above its limit or sold below it."""

        async def scene(it: Session) -> None:
            await it.trade(self.market, seed=5)
            fills = 0
            for record in it.desk.records.values():
                limit = record.order.limit_price
                if limit is None:
                    continue
                for fill in record.fills:
                    fills += 1
                    assert fill.side.sign * (fill.price - limit) <= 0, f"{fill} breaks its limit {limit}"
            assert fills, "no limit order trades; override `market`"

        run(self._play(scene))

    def test_working_orders_survive_a_restart(self) -> None:
        """What was accepted is taken up again from the journal: it can trade, once, and be withdrawn."""

        async def scene(it: Session) -> None:
            await it.trade(self.market[:60], seed=6)
            waiting = await it.place(limit_order(Side.BUY, 1, FAR))
            order = await it.place(market_order())
            assert it.status(order) in {OrderStatus.ACCEPTED, OrderStatus.FILLED}
            await it.bench.restart()
            await it.trade(self.market[60:120], seed=7)
            assert it.status(order) is OrderStatus.FILLED, "an order was lost in the restart"
            await it.withdraw(waiting.client_order_id)
            await it.play(self.market[120:122])
            assert it.status(waiting) is OrderStatus.CANCELED, "an order was lost in the restart"

        run(self._play(scene))

    async def _play(self, scene: Any) -> Any:
        desk = WatchfulDesk()
        async with self.bench(answers={RecallOrders: desk.recall}) as bench:
            return await scene(Session(bench, desk))


def _any_order(random: Random, bar: Bar) -> ApprovedOrder:
    """An order as a trader might give: at the market, or at a limit near it."""
    side, quantity = random.choice(tuple(Side)), random.randint(1, 5)
    if random.random() < 1 / 2:
        return market_order(side, quantity, broker=NAME)
    limit = Decimal(f"{bar.close * random.uniform(0.98, 1.02):.2f}")
    return limit_order(side, quantity, limit, time_in_force=random.choice(tuple(TimeInForce)))
