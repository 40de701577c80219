"""Topics: what can be subscribed to, what that takes, and of what there is one each."""

from collections.abc import Mapping
from enum import Enum

import msgspec

from bus.wire import name_of
from lts.domain.financing import FinancingCharged
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.permissions import Permission
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged


class Keyed(Enum):
    """Of what there is one each."""

    INSTRUMENT = "instrument"
    PORTFOLIO = "portfolio"
    NOTHING = ""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be subscribed to."""

    about: str
    needs: Permission
    keyed: Keyed
    latest: bool = False
    """Whether only the newest counts: a reader who is slow is told less often. Else each one counts."""
    journalled: bool = False
    """Whether it is told from the journal, by whose numbers it is resumed."""
    nobodys: bool = False
    """Whether it is about what is nobody's in particular, so that it takes `others` too."""


TOPICS: Mapping[str, Topic] = {
    "quotes": Topic(
        about="The best prices of an instrument.",
        needs=Permission.READ_MARKET,
        keyed=Keyed.INSTRUMENT,
        latest=True,
    ),
    "bars": Topic(about="Bars that are over.", needs=Permission.READ_MARKET, keyed=Keyed.INSTRUMENT),
    "trades": Topic(about="What others traded.", needs=Permission.READ_MARKET, keyed=Keyed.INSTRUMENT),
    "orders": Topic(
        about="Orders of a portfolio: intended, denied, and each state that they go to without a fill.",
        needs=Permission.READ_ORDERS,
        keyed=Keyed.PORTFOLIO,
        journalled=True,
    ),
    "fills": Topic(
        about="What a portfolio really bought and sold.",
        needs=Permission.READ_ORDERS,
        keyed=Keyed.PORTFOLIO,
        journalled=True,
    ),
    "bookings": Topic(
        about="What else moves a portfolio: adjustments of positions, financing.",
        needs=Permission.READ_ORDERS,
        keyed=Keyed.PORTFOLIO,
        journalled=True,
    ),
    "positions": Topic(
        about="What a portfolio holds of each instrument.",
        needs=Permission.READ_PORTFOLIOS,
        keyed=Keyed.PORTFOLIO,
        latest=True,
    ),
    "account": Topic(
        about="A portfolio's money, equity and positions, looked at once a second.",
        needs=Permission.READ_PORTFOLIOS,
        keyed=Keyed.PORTFOLIO,
        latest=True,
    ),
    "trading-states": Topic(
        about="Whether the scopes that concern one may trade.",
        needs=Permission.READ_PORTFOLIOS,
        keyed=Keyed.NOTHING,
        journalled=True,
    ),
    "alerts": Topic(
        about="What somebody should look at.",
        needs=Permission.READ_SYSTEM,
        keyed=Keyed.NOTHING,
        nobodys=True,
    ),
}

TOPIC_OF: Mapping[str, str] = {
    name_of(OrderJournalled): "orders",
    name_of(OrderDenied): "orders",
    name_of(OrderChanged): "orders",
    name_of(OrderFilled): "fills",
    name_of(PositionAdjusted): "bookings",
    name_of(FinancingCharged): "bookings",
    name_of(TradingStateChanged): "trading-states",
}
"""Under which topic a journalled event is told, by its type."""
