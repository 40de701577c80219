"""Permissions: what somebody may do, and the roles that are sets of them."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """Something that may be done, to what is one's own; with OTHERS, to what is other users' as well."""

    READ_MARKET = "market:read"
    READ_PORTFOLIOS = "portfolios:read"
    WRITE_PORTFOLIOS = "portfolios:write"
    READ_ORDERS = "orders:read"
    WRITE_ORDERS = "orders:write"
    HALT = "trading:halt"
    """To have less risk taken: REDUCING and HALTED."""
    RESET = "trading:reset"
    """To have risk taken again."""
    READ_PLUGINS = "plugins:read"
    DEBUG_PLUGINS = "plugins:debug"
    READ_STATISTICS = "statistics:read"
    READ_BILLING = "billing:read"
    READ_SYSTEM = "system:read"
    """Health in detail, and metrics."""
    READ_USERS = "users:read"
    WRITE_USERS = "users:write"
    READ_AUDIT = "audit:read"
    OTHERS = "others"
    """Whatever else is permitted holds for what other users own, and for what is nobody's."""


class Role(StrEnum):
    """What somebody is here for."""

    ADMIN = "admin"
    TRADER = "trader"
    VIEWER = "viewer"
    SERVICE = "service"
    """A machine that trades for its user, by an API key alone: it cannot log in."""


_VIEWS = frozenset(
    {
        Permission.READ_MARKET,
        Permission.READ_PORTFOLIOS,
        Permission.READ_ORDERS,
        Permission.READ_PLUGINS,
        Permission.READ_STATISTICS,
        Permission.READ_BILLING,
    }
)
_TRADES = _VIEWS | {Permission.WRITE_PORTFOLIOS, Permission.WRITE_ORDERS, Permission.HALT, Permission.RESET}

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.TRADER: _TRADES,
    Role.VIEWER: _VIEWS,
    Role.SERVICE: _TRADES - {Permission.WRITE_PORTFOLIOS, Permission.RESET},
}
"""What each role may do."""
