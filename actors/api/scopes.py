"""Scopes of trading: whom each concerns, and how much they are told of it."""

from collections.abc import Mapping

import msgspec

from bus.wire import name_of
from lts.domain.access import Identity
from lts.domain.event_listings import JournalledEvent
from lts.domain.permissions import Permission
from lts.domain.risk import TradingStateChanged

STATE_CHANGED = name_of(TradingStateChanged)


def owner_of(scope: str, owners: Mapping[str, str]) -> str | None:
    """Return whose a scope is; None: nobody's in particular.

    >>> owner_of("portfolio:main", {"main": "alice"}), owner_of("user:bob", {}), owner_of("system", {})
    ('alice', 'bob', None)
    """
    kind, _, name = scope.partition(":")
    return name if kind == "user" else owners.get(name) if kind == "portfolio" else None


def in_reach(scope: str, identity: Identity, owners: Mapping[str, str]) -> bool:
    """Whether a scope may be one that somebody trades in."""
    owner = owner_of(scope, owners)
    return (owner is None and not scope.startswith("portfolio:")) or identity.may(
        Permission.READ_PORTFOLIOS, owner
    )


def concerns(event: JournalledEvent, identity: Identity, owners: Mapping[str, str]) -> bool:
    """Whether a journalled event may be told to somebody."""
    if event.type == STATE_CHANGED:
        return in_reach(event.body["scope"], identity, owners)
    return identity.may(Permission.READ_ORDERS, owners.get(event.portfolio))


def discreet(event: JournalledEvent, identity: Identity, owners: Mapping[str, str]) -> JournalledEvent:
    """Return an event as somebody may know it: why and by whom what is nobody's was halted is not for all."""
    if event.type != STATE_CHANGED:
        return event
    if identity.may(Permission.READ_PORTFOLIOS, owner_of(event.body["scope"], owners)):
        return event
    return msgspec.structs.replace(event, body={**event.body, "reason": "", "who": ""})
