"""What a broker may do beyond market and limit orders, and what it owes if it says that it does."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from bus import SECOND
from lts.domain.journal import RecallOrders
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms, TimeInForce
from lts.testing.contract import PluginContract, run
from lts.testing.market import bars
from lts.testing.orders import WatchfulDesk, limit_order, market_order
from lts.testing.session import Session, order_of

ABILITIES = (
    "stop",
    "stop_limit",
    "trailing_stop",
    "ioc",
    "fok",
    "day",
    "gtd",
    "reduce_only",
    "post_only",
    "amend",
    "query",
    "financing",
    "hedging",
)
"""All that there is to be able to do."""
FAR = Decimal("0.5")
"""A limit at which nobody sells on these markets."""
EVERY_SIX_HOURS = 6 * 3_600 * SECOND
A_DAY = 4
"""So many times six hours."""

Scene = Callable[[Session], Awaitable[None]]


class AbilitiesContract(PluginContract):
    """The part of a broker's contract that asks only for what the broker says that it can do."""

    can: ClassVar[Collection[str]] = ()
    """Which of `ABILITIES` it has."""

    def test_a_stop_waits_for_its_trigger(self) -> None:
        """It trades when the market has come to its trigger, not before and not at a better price."""
        self._if_it_can("stop", _stop(Side.BUY, 103, [100, 100, 100, 105, 105, 105]))
        self._if_it_can("stop", _stop(Side.SELL, 97, [100, 100, 100, 95, 95, 95]))

    def test_a_stop_limit_keeps_both_prices(self) -> None:
        """It waits for its trigger, and does not trade beyond its limit then."""

        async def scene(it: Session) -> None:
            series, limit = bars([100, 100, 100, 110, 110, 103.5, 103.5, 103.5]), 104
            await it.play(series[:1])
            order = await it.place(order_of(OrderType.STOP_LIMIT, limit_price=limit, trigger_price=103))
            await it.play(series[1:3])
            assert it.status(order) is OrderStatus.ACCEPTED, "it does not wait for its trigger"
            await it.play(series[3:])
            assert it.status(order) is OrderStatus.FILLED, "it does not trade when it could"
            assert it.price(order) <= limit, "it trades beyond its limit"

        self._if_it_can("stop_limit", scene)

    def test_a_trailing_stop_follows_the_market(self) -> None:
        """Its trigger goes with the best price, stays where it is when the market turns, and is hit there."""

        async def scene(it: Session) -> None:
            series, top, offset = bars([100, 100, 104, 108, 108, 106, 104, 104, 104]), 108, 3
            await it.play(series[:1])
            order = await it.place(order_of(OrderType.TRAILING_STOP, Side.SELL, trailing_offset=offset))
            await it.play(series[1:6])
            assert not it.filled(order), "it trades before the market has turned by its offset"
            await it.play(series[6:])
            assert it.status(order) is OrderStatus.FILLED, "its trigger does not follow the market"
            assert it.price(order) <= top - offset, "it trades before its trigger"

        self._if_it_can("trailing_stop", scene)

    def test_immediate_or_cancel_does_not_wait(self) -> None:
        """What does not trade at the first chance is cancelled, and what does stays traded."""
        self._if_it_can("ioc", _at_once(TimeInForce.IOC))

    def test_fill_or_kill_is_whole_or_nothing(self) -> None:
        """It trades whole at the first chance, or is cancelled without having traded."""
        self._if_it_can("fok", _at_once(TimeInForce.FOK))

    def test_a_day_order_ends_with_its_day(self) -> None:
        """It expires when the session is over, at the latest after a long weekend."""

        async def scene(it: Session) -> None:
            series = bars([100.0] * 21, span=EVERY_SIX_HOURS)
            await it.play(series[:1])
            order = await it.place(limit_order(Side.BUY, 1, FAR, time_in_force=TimeInForce.DAY))
            assert it.status(order) is OrderStatus.ACCEPTED, "it does not wait"
            await it.play(series[1:])
            assert it.status(order) is OrderStatus.EXPIRED, f"after five days it is {it.status(order)}"

        self._if_it_can("day", scene)

    def test_a_good_till_date_order_ends_then(self) -> None:
        """It expires at its date, not before and not after."""

        async def scene(it: Session) -> None:
            series = bars([100.0] * 8)
            await it.play(series[:1])
            expires_at = it.bench.now + 150 * SECOND
            waiting = limit_order(Side.BUY, 1, FAR, time_in_force=TimeInForce.GTD)
            order = await it.place(msgspec.structs.replace(waiting, expires_at=expires_at))
            await it.play(series[1:3])
            assert it.status(order) is OrderStatus.ACCEPTED, "it ends too early"
            await it.play(series[3:])
            assert it.status(order) is OrderStatus.EXPIRED, f"after its time it is {it.status(order)}"

        self._if_it_can("gtd", scene)

    def test_a_reduce_only_order_never_opens_anything(self) -> None:
        """It brings a position to zero and not beyond it, and trades nothing where there is none."""

        async def scene(it: Session) -> None:
            series = bars([100.0] * 12)
            await it.play(series[:1])
            idle = await it.place(order_of(OrderType.MARKET, Side.SELL, 1, reduce_only=True))
            await it.play(series[1:3])
            assert not it.filled(idle), "it opens a position"
            bought = await it.place(market_order(Side.BUY, 3))
            await it.play(series[3:7])
            assert it.status(bought) is OrderStatus.FILLED, "a market order does not trade on this market"
            order = await it.place(order_of(OrderType.MARKET, Side.SELL, 5, reduce_only=True))
            await it.play(series[7:])
            closed, held = it.filled(order), it.filled(bought)
            assert closed == held, f"of a position of {held} it closes {closed}"

        self._if_it_can("reduce_only", scene)

    def test_positions_stand_side_by_side(self) -> None:
        """Long and short at once, each under its id; what closes one leaves the other as it is."""
        if "hedging" in self.can:
            said = getattr(self.plugin, "positions", ())
            assert "hedging" in said, "it can hedge, and its class does not say so"

        async def scene(it: Session) -> None:
            series = bars([100.0] * 36)
            await it.play(series[:1])
            long = await it.place(_of_position("a", Side.BUY, 3))
            short = await it.place(_of_position("b", Side.SELL, 2))
            await it.play(series[1:11])
            assert it.filled(long) == long.quantity, f"of 3 it buys {it.filled(long)}"
            assert it.filled(short) == short.quantity, f"of 2 it sells {it.filled(short)}"
            closing = await it.place(_of_position("a", Side.SELL, 9, reduce_only=True))
            await it.play(series[11:21])
            assert it.filled(closing) == it.filled(long), f"of 3 it closes {it.filled(closing)}"
            again = await it.place(_of_position("a", Side.SELL, 1, reduce_only=True))
            cover = await it.place(_of_position("b", Side.BUY, 9, reduce_only=True))
            await it.play(series[21:])
            assert not it.filled(again), "it reduces a position that is flat"
            assert it.filled(cover) == it.filled(short), f"of 2 short it covers {it.filled(cover)}"

        self._if_it_can("hedging", scene)

    def test_a_post_only_order_never_takes(self) -> None:
        """It ends without a trade where it would trade at once, and trades at its limit where it waits."""

        async def scene(it: Session) -> None:
            series = bars([100, 100, 100, 100, 94, 94, 94])
            await it.play(series[:1])
            taking = await it.place(order_of(OrderType.LIMIT, limit_price=150, post_only=True))
            making = await it.place(order_of(OrderType.LIMIT, limit_price=95, post_only=True))
            await it.play(series[1:3])
            assert not it.filled(taking), "it takes liquidity"
            assert it.status(taking).is_closed, f"it would take liquidity, and is {it.status(taking)}"
            assert it.status(making) is OrderStatus.ACCEPTED, "it does not wait at its limit"
            await it.play(series[3:])
            assert it.status(making) is OrderStatus.FILLED, "it does not trade at its limit"

        self._if_it_can("post_only", scene)

    def test_a_modified_order_trades_on_its_new_terms(self) -> None:
        """For the new quantity, at the new price; an order that is over stays as it is."""

        async def scene(it: Session) -> None:
            series, wanted, limit = bars([100.0] * 8), Decimal(2), Decimal(101)
            await it.play(series[:1])
            order = await it.place(limit_order(Side.BUY, 3, FAR))
            await it.play(series[1:2])
            await it.amend(order.client_order_id, Terms(wanted, limit))
            await it.play(series[2:6])
            assert it.status(order) is OrderStatus.FILLED, "it does not trade on the new terms"
            assert it.filled(order) == wanted, f"it trades {it.filled(order)} of {wanted}"
            assert it.price(order) <= limit, "it trades beyond the new limit"
            await it.amend(order.client_order_id, Terms(2 * wanted, limit))
            await it.play(series[6:])
            assert it.filled(order) == wanted, "an order that was over trades again"

        self._if_it_can("amend", scene)

    def test_what_is_held_over_night_is_charged_once(self) -> None:
        """Or credited, while it is held and not otherwise; a restart charges nothing again."""

        async def scene(it: Session) -> None:
            series = bars([100.0] * 12 * A_DAY, span=EVERY_SIX_HOURS)
            await it.play(series[: 2 * A_DAY])
            assert not it.charges, "it charges for nothing"
            await it.place(market_order(Side.BUY, 10))
            await it.play(series[2 * A_DAY : 5 * A_DAY])
            held = len(it.charges)
            assert held, "what is held for days is not charged"
            await it.bench.restart()
            await it.play(series[5 * A_DAY : 8 * A_DAY])
            assert len(it.charges) > held, "it does not go on after a restart"
            await it.place(market_order(Side.SELL, 10))
            await it.play(series[8 * A_DAY : 10 * A_DAY])
            told = len(it.charges)
            await it.play(series[10 * A_DAY :])
            assert len(it.charges) == told, "it charges for what is not held any more"

        self._if_it_can("financing", scene)

    def _if_it_can(self, ability: str, scene: Scene) -> None:
        if ability in self.can:
            run(self._play(scene))

    async def _play(self, scene: Any) -> Any:
        desk = WatchfulDesk()
        async with self.bench(answers={RecallOrders: desk.recall}) as bench:
            return await scene(Session(bench, desk))


def _stop(side: Side, trigger: int, closes: Sequence[float]) -> Scene:
    async def scene(it: Session) -> None:
        series = bars(closes)
        await it.play(series[:1])
        order = await it.place(order_of(OrderType.STOP, side, trigger_price=trigger))
        await it.play(series[1:3])
        assert it.status(order) is OrderStatus.ACCEPTED, "it does not wait for its trigger"
        await it.play(series[3:])
        assert it.status(order) is OrderStatus.FILLED, "it does not trade beyond its trigger"
        assert side.sign * (it.price(order) - trigger) >= 0, "it trades at a better price than its trigger"

    return scene


def _of_position(position: str, side: Side, quantity: int, **fields: Any) -> ApprovedOrder:
    return order_of(OrderType.MARKET, side, quantity, position=position, **fields)


def _at_once(time_in_force: TimeInForce) -> Scene:
    async def scene(it: Session) -> None:
        series = bars([100.0] * 6)
        await it.play(series[:1])
        hopeless, small, large = [
            await it.place(limit_order(Side.BUY, quantity, limit, time_in_force=time_in_force))
            for quantity, limit in ((1, FAR), (1, 150), (7, 150))
        ]
        await it.play(series[1:])
        assert it.status(hopeless) is OrderStatus.CANCELED, f"it cannot trade, and is {it.status(hopeless)}"
        for order in (small, large):
            assert it.status(order).is_closed, f"it had its chance, and is {it.status(order)}"
        if time_in_force is TimeInForce.FOK:
            assert it.filled(large) in {0, 7}, f"it trades {it.filled(large)} of 7"

    return scene
