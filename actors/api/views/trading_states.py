"""Trading states as they are shown."""

from collections.abc import Mapping

import msgspec

from actors.api.scopes import owner_of
from lts.domain.access import Identity
from lts.domain.permissions import Permission
from lts.domain.risk import TradingState, TradingStateChanged
from lts.web.times import to_rfc3339


class TradingStateView(msgspec.Struct, frozen=True):
    """What holds for a scope. Why, and since when, is for those whose it is."""

    scope: str
    state: TradingState
    reason: str
    at: str | None
    who: str
    """Who wanted it so; empty: the system itself."""
    flattening: bool


def state_view(identity: Identity, owners: Mapping[str, str], each: TradingStateChanged) -> TradingStateView:
    """Return a trading state as somebody may see it."""
    if not identity.may(Permission.READ_PORTFOLIOS, owner_of(each.scope, owners)):
        return TradingStateView(each.scope, each.state, "", None, "", flattening=each.flattening)
    return TradingStateView(
        each.scope, each.state, each.reason, to_rfc3339(each.at), each.who, each.flattening
    )
