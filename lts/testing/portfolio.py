"""What every portfolio owes."""

from decimal import Decimal
from typing import Any

from bus import Message
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.financing import FinancingCharged, FinancingReport
from lts.domain.journal import RecallOrders
from lts.domain.money import unrounded
from lts.domain.order_flow import OrderDenied, OrderProposed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Side
from lts.domain.plugins import Beat
from lts.domain.positions import PositionChanged
from lts.domain.signals import SignalRaised
from lts.testing.bench import Bench
from lts.testing.contract import DeciderContract, run
from lts.testing.market import TEST, bars
from lts.testing.orders import WatchfulDesk
from lts.testing.stage import NAME

LONGEST_ID = 32
PRICE = 100


class Scene:
    """A portfolio on a bench, and the desk that answers its proposals."""

    def __init__(self, bench: Bench[Any], desk: WatchfulDesk) -> None:
        self.bench = bench
        self.desk = desk

    @property
    def orders(self) -> list[Order]:
        """All that was proposed."""
        return [proposed.order for proposed in self.bench.published(OrderProposed)]

    async def wish(self, target: float) -> list[Order]:
        """Have a strategy want something, and return the orders that come of it."""
        before = len(self.orders)
        await self.bench.hear(SignalRaised(NAME, TEST.symbol, target, "the test wants it"))
        await self.bench.hear(Beat(NAME, self.bench.now))
        return self.orders[before:]

    async def fill(
        self, order: Order, quantity: Decimal | None = None, price: int = PRICE, fee: str = "0"
    ) -> Message:
        """Have an order trade, and return the news."""
        news = self.desk.fill(order, quantity, price, fee, at=self.bench.now)
        await self.bench.hear(news)
        return news

    async def charge(self, amount: str) -> FinancingCharged:
        """Have it charged for a night, or credited, and return the news."""
        number = len(self.desk.charged) + 1
        report = FinancingReport(
            NAME, TEST.symbol, Decimal(amount), TEST.currency, str(number), self.bench.now
        )
        self.desk.charge(report)
        charged = self.desk.charged[-1]
        await self.bench.hear(charged)
        return charged

    async def account(self) -> AccountReported:
        """What the portfolio says that it has."""
        return await self.bench.ask(GetAccount(NAME))

    async def held(self) -> Decimal:
        """What it says that it holds."""
        return next(each.quantity for each in (await self.account()).positions)

    async def cash(self) -> Decimal:
        """What it says that it has at hand."""
        return (await self.account()).cash


class PortfolioContract(DeciderContract):
    """Inherit this, and name the plugin.

        class TestMine(PortfolioContract):
            plugin = Mine
            params = {"fraction": "0.5"}

    With these parameters, 100,000 USD and a price of 100, a full signal has to lead to a position of
    two lots or more. A portfolio that waits for a beat gets one after each signal.
    """

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Go long, then flat."""
        scene = await self._opened(bench)
        for target in (1.0, 0.0):
            for order in await scene.wish(target):
                await scene.fill(order)
        return [*bench.published(OrderProposed), *bench.published(PositionChanged)]

    def test_a_signal_becomes_an_order(self) -> None:
        """One order, for its own portfolio and the broker of the instrument, with a quantity to trade."""
        (order,) = run(self._wished(1.0))
        assert (order.portfolio, order.instrument, order.broker) == (NAME, TEST.symbol, NAME)
        assert order.side is Side.BUY
        assert order.quantity.is_finite()
        assert order.quantity > 1, "two lots or more, for this suite"
        assert len(order.client_order_id) <= LONGEST_ID, f"{order.client_order_id} is too long"
        assert order.client_order_id.isascii(), f"{order.client_order_id} is not ASCII"

    def test_what_is_under_way_is_not_ordered_again(self) -> None:
        """While an order for the target works, in part traded or not, the same signal asks for no other."""

        async def scene(it: Scene) -> None:
            (order,) = await it.wish(1.0)
            assert await it.wish(1.0) == [], "it orders again what is under way"
            await it.fill(order, Decimal(1))
            assert await it.wish(1.0) == [], "it forgets what is left of an order that traded in part"
            await it.fill(order)
            assert await it.wish(1.0) == [], "it orders again what it holds"
            assert await it.held() == order.quantity

        run(self._play(scene))

    def test_a_reversal_is_one_order(self) -> None:
        """From long to the other side, or as far as the portfolio goes, in one order that sells it all."""

        async def scene(it: Scene) -> None:
            (bought,) = await it.wish(1.0)
            await it.fill(bought)
            (sold,) = await it.wish(-1.0)
            assert sold.side is Side.SELL
            assert sold.quantity >= bought.quantity, "it stays long"
            await it.fill(sold)
            assert await it.held() == bought.quantity - sold.quantity

        run(self._play(scene))

    def test_a_target_of_zero_closes_the_position(self) -> None:
        """Flat is flat, to the last lot, and then there is nothing more to do."""

        async def scene(it: Scene) -> None:
            (bought,) = await it.wish(1.0)
            await it.fill(bought)
            (sold,) = await it.wish(0.0)
            assert (sold.side, sold.quantity) == (Side.SELL, bought.quantity)
            await it.fill(sold)
            assert await it.held() == 0
            assert await it.wish(0.0) == [], "it trades although it is flat"

        run(self._play(scene))

    def test_no_two_orders_share_an_id(self) -> None:
        """Neither in one life nor after a restart from the journal."""

        async def scene(it: Scene) -> None:
            for number, target in enumerate((1.0, -1.0, 0.0, 1.0, 0.0)):
                for order in await it.wish(target):
                    await it.fill(order)
                if number == 1:
                    await it.bench.restart()
                    await it.bench.hear(*bars([PRICE], begin=it.bench.now))
            ids = [order.client_order_id for order in it.orders]
            assert len(ids) > 2, "it hardly trades"  # noqa: PLR2004
            assert len(set(ids)) == len(ids), f"an id is used twice: {ids}"

        run(self._play(scene))

    def test_a_fill_arriving_twice_changes_nothing(self) -> None:
        """Neither cash nor position, and nobody is told of a change."""

        async def scene(it: Scene) -> None:
            (order,) = await it.wish(1.0)
            news = await it.fill(order, Decimal(1))
            before, told = _money(await it.account()), len(it.bench.said)
            await it.bench.hear(news)
            assert _money(await it.account()) == before, "the fill is booked twice"
            assert len(it.bench.said) == told, "it tells the same once more"
            assert await it.held() == 1
            await it.fill(order)
            assert await it.held() == order.quantity
            assert await it.wish(1.0) == [], "the fill was counted against its order twice"

        run(self._play(scene))

    def test_the_books_balance(self) -> None:
        """Whatever traded or was charged: cash, positions, profit and costs account for every cent."""

        async def scene(it: Scene) -> None:
            for target, price in ((1.0, 100), (-1.0, 110), (0.5, 90), (0.0, 97)):
                for order in await it.wish(target):
                    await it.fill(order, Decimal(1), price, fee="0.333")
                    await it.fill(order, None, price + 1, fee="-0.01")
                charged = await it.charge("-0.0125" if target > 0 else "0.003")
                await it.bench.hear(charged)
                _check_balance(await it.account(), Decimal(PRICE))
                assert it.bench.actor.book.ledger.total(TEST.currency) == 0
            account = await it.account()
            assert account.fees > 0, "it hardly trades"
            assert account.financing == Decimal("-0.019"), "a night is not charged once"

        run(self._play(scene))

    def test_every_fill_is_told_as_a_change_of_position(self) -> None:
        """With what is held and the cash that is left."""

        async def scene(it: Scene) -> None:
            (order,) = await it.wish(1.0)
            await it.fill(order, Decimal(1))
            await it.fill(order)
            told = it.bench.published(PositionChanged)
            assert [each.position.quantity for each in told] == [1, order.quantity]
            assert told[-1].cash == await it.cash()
            assert told[-1].portfolio == NAME

        run(self._play(scene))

    def test_what_will_not_trade_is_let_go(self) -> None:
        """After an order has ended untraded, the same signal is ordered anew, as far as it is open."""

        async def scene(it: Scene) -> None:
            (denied,) = await it.wish(1.0)
            await it.bench.hear(OrderDenied(NAME, denied, "the test denies it", it.bench.now))
            (rejected,) = await it.wish(1.0)
            await it.bench.hear(it.desk.close(rejected, OrderStatus.REJECTED))
            (canceled,) = await it.wish(1.0)
            await it.fill(canceled, Decimal(1))
            await it.bench.hear(it.desk.close(canceled, OrderStatus.CANCELED))
            (expired,) = await it.wish(1.0)
            await it.bench.hear(it.desk.close(expired, OrderStatus.EXPIRED))
            (order,) = await it.wish(1.0)
            assert denied.quantity == rejected.quantity == canceled.quantity
            assert expired.quantity == order.quantity == canceled.quantity - 1, "the part that traded is lost"

        run(self._play(scene))

    def test_an_order_in_doubt_still_counts(self) -> None:
        """UNKNOWN is not gone: the same signal is not ordered a second time."""

        async def scene(it: Scene) -> None:
            (order,) = await it.wish(1.0)
            await it.bench.hear(it.desk.close(order, OrderStatus.UNKNOWN))
            assert await it.wish(1.0) == [], "it takes an order in doubt for one that is gone"
            await it.fill(order)
            assert await it.held() == order.quantity

        run(self._play(scene))

    def test_a_restart_brings_back_what_the_journal_knows(self) -> None:
        """The same cash and position, and what is under way is still under way."""

        async def scene(it: Scene) -> None:
            charged = await it.charge("-1.5")
            (order,) = await it.wish(1.0)
            news = await it.fill(order, Decimal(1))
            before = _money(await it.account())
            await it.bench.restart(news, charged)
            await it.bench.hear(*bars([PRICE], begin=it.bench.now))
            assert _money(await it.account()) == before, "cash or position differ after the restart"
            assert await it.wish(1.0) == [], "it orders again what is held and under way"
            await it.fill(order)
            assert await it.held() == order.quantity

        run(self._play(scene))

    def test_a_restart_books_fills_in_the_order_in_which_they_came(self) -> None:
        """Orders overlap: what was realised, and the round trips, depend on which fill was first."""

        async def scene(it: Scene) -> None:
            (bought,) = await it.wish(1.0)
            await it.fill(bought, Decimal(1))
            (sold,) = await it.wish(0.0)
            for order, price in ((sold, PRICE + 10), (bought, PRICE - 10)):
                await it.bench.hear(*bars([PRICE], begin=it.bench.now))
                news = await it.fill(order, None if order is sold else order.quantity - 1, price)
            before = _money(await it.account())
            await it.bench.restart(news)
            assert _money(await it.account()) == before, "the fills of overlapping orders are booked in turn"

        run(self._play(scene))

    async def _play(self, scene: Any) -> None:
        desk = WatchfulDesk()
        async with self.bench(answers={RecallOrders: desk.recall}) as bench:
            await scene(await self._opened(bench, desk))

    async def _opened(self, bench: Bench[Any], desk: WatchfulDesk | None = None) -> Scene:
        await bench.hear(*bars([PRICE, PRICE]))
        return Scene(bench, desk or WatchfulDesk())

    async def _wished(self, target: float) -> list[Order]:
        async with self.bench() as bench:
            return await (await self._opened(bench)).wish(target)


def _money(account: AccountReported) -> tuple[Any, ...]:
    return (
        account.capital,
        account.cash,
        account.fees,
        account.financing,
        account.realised,
        account.positions,
    )


@unrounded
def _check_balance(account: AccountReported, mark: Decimal) -> None:
    """Equity is cash plus positions at the last close, and capital plus profit and financing less fees."""
    value = sum((position.value(mark) for position in account.positions), Decimal(0))
    cost = sum((position.cost for position in account.positions), Decimal(0))
    assert account.equity == account.cash + value, f"{account} has another equity"
    earned = account.realised - account.fees + account.financing + value - cost
    assert account.equity == account.capital + earned, f"{account} does not balance"
