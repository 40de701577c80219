"""The controls, under the names that RTS 6, SEC 15c3-5 and FIA use: each says why an order may not pass.

`CONTROLS` is the table of them. A control is in force where its limit is set, for each scope that sets it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from bus.clock import SECOND
from lts.config.schema import Limits
from lts.domain.guard import Guard, likeness
from lts.domain.money import UNROUNDED, ZERO, plain, unrounded
from lts.domain.proposal import Proposal
from lts.domain.totals import Totals, worse

Control = Callable[[Guard, Proposal], str]

_add, _multiply = UNROUNDED.add, UNROUNDED.multiply


def permission(guard: Guard, proposal: Proposal) -> str:
    """Return whether the scope may not trade at all: a permission block."""
    return "" if guard.limits.trading_permitted or proposal.reduces else "trading is not permitted"


def permitted(guard: Guard, proposal: Proposal) -> str:
    """Return whether an instrument is none of those that the scope may trade."""
    allowed = guard.limits.permitted_instruments
    symbol = proposal.order.instrument
    return "" if allowed is None or symbol in allowed or proposal.reduces else f"{symbol} is not permitted"


def restricted(guard: Guard, proposal: Proposal) -> str:
    """Return whether an instrument is restricted."""
    symbol = proposal.order.instrument
    barred = symbol in guard.limits.restricted_instruments and not proposal.reduces
    return f"{symbol} is restricted" if barred else ""


def price_age(guard: Guard, proposal: Proposal) -> str:
    """Return whether the last price is too old to judge by: market-data reasonability."""
    if proposal.exits:
        return ""
    age = proposal.prices.age(proposal.order.instrument, proposal.now, proposal.currency)
    return (
        f"the last price is {age / SECOND:g} s old"
        if age > _limit(guard.limits.max_price_age_s) * SECOND
        else ""
    )


def price_jump(guard: Guard, proposal: Proposal) -> str:
    """Return whether the last price is too far off the one before: an outlier, until the next is near it."""
    if proposal.exits:
        return ""
    jump = proposal.prices.jump(proposal.order.instrument)
    if jump > _limit(guard.limits.max_price_jump_bps):
        return f"the last price is {jump:.1f} bps off the one before"
    return ""


def price_collar(guard: Guard, proposal: Proposal) -> str:
    """Return whether a limit is too far off the last price, or off the trigger where there is one."""
    order = proposal.order
    if order.limit_price is None or proposal.exits:
        return ""
    reference = proposal.reference if order.trigger_price is None else order.trigger_price
    off = abs(order.limit_price - reference) / reference * 10_000
    if off > _limit(guard.limits.price_collar_bps):
        return f"{plain(order.limit_price)} is {off:.1f} bps off {plain(reference)}"
    return ""


def order_quantity(guard: Guard, proposal: Proposal) -> str:
    """Return whether an order is for too much: maximum order volume."""
    return "" if proposal.exits else _above(proposal.order.quantity, guard.limits.max_order_quantity)


def order_value(guard: Guard, proposal: Proposal) -> str:
    """Return whether an order is worth too much: maximum order value."""
    return "" if proposal.exits else _above(proposal.value, guard.limits.max_order_value)


def duplicate(guard: Guard, proposal: Proposal) -> str:
    """Return whether the same order, but for its id, was approved just before: duplicate order check."""
    if guard.recent is None or proposal.modifies or proposal.exits:
        return ""
    last = guard.recent.get(likeness(proposal.order))
    if last is None or proposal.now - last >= _limit(guard.limits.duplicate_window_s) * SECOND:
        return ""
    return f"the same order was approved {(proposal.now - last) / SECOND:g} s ago"


@unrounded
def position(guard: Guard, proposal: Proposal) -> str:
    """Return whether too much of one instrument could be held: position limit."""
    if proposal.reduces:
        return ""
    totals, symbol = _totals(guard), proposal.order.instrument
    lowest, highest = _moved(proposal)
    ends = totals.lowest.get(symbol, ZERO) + lowest, totals.highest.get(symbol, ZERO) + highest
    return _above(worse(ends), guard.limits.max_position)


def gross_exposure(guard: Guard, proposal: Proposal) -> str:
    """Return whether all that could be held is worth too much, long and short alike: gross exposure limit."""
    if proposal.reduces:
        return ""
    if unpriced := _unpriced(guard, proposal):
        return unpriced
    order, worth = proposal.order, proposal.worth
    more = _multiply(proposal.exposure.growth(order.side, proposal.added), worth(order.instrument))
    return _above(_add(_totals(guard).gross_value(worth), more), guard.limits.max_exposure)


@unrounded
def net_exposure(guard: Guard, proposal: Proposal) -> str:
    """Return whether all that could be held is worth too much, long against short: net exposure limit."""
    if proposal.reduces:
        return ""
    if unpriced := _unpriced(guard, proposal):
        return unpriced
    low, high = _totals(guard).net_values(proposal.worth)
    value = proposal.worth(proposal.order.instrument)
    lowest, highest = _moved(proposal)
    return _above(worse((low + lowest * value, high + highest * value)), guard.limits.max_net_exposure)


@unrounded
def credit(guard: Guard, proposal: Proposal) -> str:
    """Return whether a day's trades and open orders are worth too much: credit or capital limit."""
    if proposal.reduces or guard.credit is None:
        return ""
    added = proposal.added * proposal.price * proposal.instrument.multiplier
    if proposal.currency:
        added *= proposal.rate
    return _above(guard.credit.used(proposal.now) + added, guard.limits.credit_limit)


def drawdown(guard: Guard, proposal: Proposal) -> str:
    """Return whether too much was lost since the best moment: maximum drawdown."""
    return _lost(guard, proposal, "max_drawdown_pct")


def daily_loss(guard: Guard, proposal: Proposal) -> str:
    """Return whether too much was lost since the day began: daily loss limit."""
    return _lost(guard, proposal, "max_daily_loss")


def repeated_executions(guard: Guard, proposal: Proposal) -> str:
    """Return whether the same has been done too often: repeated execution throttle."""
    most = guard.limits.max_repeated_executions
    if most is None or guard.repetition is None or proposal.modifies or proposal.reduces:
        return ""
    count = guard.repetition.count(proposal.order, proposal.now)
    seconds = plain(guard.limits.repeated_executions_s)
    return f"{count} orders have traded the same way within {seconds} s" if count >= most else ""


def messages(guard: Guard, proposal: Proposal) -> str:
    """Return whether too many messages go to venues: maximum messages. What passes uses one of them up.

    An exit can only be one too many where some are kept for it.
    """
    if guard.throttle is None or guard.throttle.take(proposal.now, safer=proposal.reduces):
        return ""
    if proposal.exits and not guard.limits.messages_kept_for_reducing:
        guard.throttle.note(proposal.now)
        return ""
    return f"more than {plain(_limit(guard.limits.max_messages_per_s))} a second"


CONTROLS: Mapping[str, Control] = {
    "trading_permitted": permission,
    "permitted_instruments": permitted,
    "restricted_instruments": restricted,
    "max_price_age_s": price_age,
    "max_price_jump_bps": price_jump,
    "price_collar_bps": price_collar,
    "max_order_quantity": order_quantity,
    "max_order_value": order_value,
    "duplicate_window_s": duplicate,
    "max_position": position,
    "max_exposure": gross_exposure,
    "max_net_exposure": net_exposure,
    "credit_limit": credit,
    "max_drawdown_pct": drawdown,
    "max_daily_loss": daily_loss,
    "max_repeated_executions": repeated_executions,
    "max_messages_per_s": messages,
}
"""By the limit that sets it, in the order in which they are asked; the last uses something up."""
_OFF = Limits()


def controls_of(limits: Limits) -> dict[str, Control]:
    """Return the controls that are in force, by the limit that sets them."""
    return {
        name: control for name, control in CONTROLS.items() if getattr(limits, name) != getattr(_OFF, name)
    }


def _lost(guard: Guard, proposal: Proposal, limit: str) -> str:
    fell = "" if guard.losses is None or proposal.reduces else guard.losses.fell
    return fell.removeprefix(f"{limit}: ") if fell.startswith(limit) else ""


def _limit(limit: Decimal | None) -> Decimal:
    assert limit is not None  # noqa: S101 - a control is in force where its limit is set
    return limit


def _above(amount: Decimal, limit: Decimal | None) -> str:
    return f"{plain(amount)} > {plain(limit)}" if limit is not None and amount > limit else ""


def _totals(guard: Guard) -> Totals:
    assert guard.totals is not None  # noqa: S101 - kept wherever a limit asks for them
    return guard.totals


def _moved(proposal: Proposal) -> tuple[Decimal, Decimal]:
    """Return by how much a proposal moves the ends of its exposure."""
    before, after = proposal.exposure.ends(), proposal.exposure.ends(proposal.order.side, proposal.added)
    return after[0] - before[0], after[1] - before[1]


def _unpriced(guard: Guard, proposal: Proposal) -> str:
    """Return why the scope cannot be valued now; empty if it can."""
    prices, symbols = proposal.prices, _totals(guard).gross
    if not symbols:
        return ""
    objection = prices.objection
    unpriced = min((said for symbol in symbols if (said := objection(symbol))), default="")
    if unpriced or not proposal.currency:
        return unpriced
    rated = (prices.objection_to_rate(symbol, proposal.currency) for symbol in symbols)
    return min(filter(None, rated), default="")
