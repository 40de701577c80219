"""What every broker owes."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from bus import Message
from lts.domain.market import Bar
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Side, Terms
from lts.testing.abilities import FAR, AbilitiesContract
from lts.testing.bench import Bench
from lts.testing.contract import run, unlike
from lts.testing.market import random_walk
from lts.testing.orders import WatchfulDesk, limit_order, market_order
from lts.testing.session import Session

ENDS = frozenset({ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED})


class BrokerContract(AbilitiesContract):
    """Inherit this, and name the plugin.

        class TestMine(BrokerContract):
            plugin = Mine
            params = {"fee": "0.5"}
            can = {"stop", "amend"}

    `can` names what it does beyond market and limit orders (`lts.testing.ABILITIES` is all there is); of
    a broker that does not say so, none of that is asked.

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

    def test_a_modification_is_answered(self) -> None:
        """By the terms that it asks for, or by a reason: and the order goes on either way."""

        async def scene(it: Session) -> None:
            await it.play(self.market[:1])
            order = await it.place(limit_order(Side.BUY, 2, FAR))
            await it.play(self.market[1:3])
            assert it.status(order) is OrderStatus.ACCEPTED, "an order that cannot trade yet is not working"
            told, wanted = len(it.of(order)), Terms(order.quantity - 1, FAR / 2)
            await it.amend(order.client_order_id, wanted)
            await it.play(self.market[3:5])
            answers = it.of(order)[told:]
            assert len(answers) == 1, f"one modification has {len(answers)} answers"
            if answers[0].kind is ExecType.UPDATED:
                assert answers[0].terms == wanted, f"it says {answers[0].terms}, and was asked for {wanted}"
            else:
                assert answers[0].kind is ExecType.UPDATE_REJECTED, f"the answer is {answers[0].kind}"
                assert answers[0].reason, "a refusal needs a reason"
            await it.withdraw(order.client_order_id)
            await it.play(self.market[5:6])
            assert it.status(order) is OrderStatus.CANCELED, "an order was lost in its modification"

        run(self._play(scene))

    def test_a_question_is_answered_with_what_is_there(self) -> None:
        """An order that works is never said to be absent, and nothing is made of one that never arrived."""

        async def scene(it: Session) -> None:
            await it.play(self.market[:1])
            order = await it.place(limit_order(Side.BUY, 1, FAR))
            await it.play(self.market[1:3])
            assert it.status(order) is OrderStatus.ACCEPTED, "an order that cannot trade yet is not working"
            lost = it.lose(limit_order(Side.BUY, 1, FAR))
            for asked in (order, lost):
                told = len(it.of(asked))
                await it.query(asked.client_order_id)
                await it.play(self.market[3:5])
                kinds = {each.kind for each in it.of(asked)[told:]}
                assert kinds, "a question has no answer"
                known = ExecType.ACCEPTED if asked is order else ExecType.ABSENT
                allowed = {known} if "query" in self.can else {known, ExecType.UNKNOWN}
                assert kinds <= allowed, f"asked after an order that is {known}, it says {kinds}"
            assert it.status(order) is OrderStatus.ACCEPTED, "a question has changed an order"

        run(self._play(scene))
