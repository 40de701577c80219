"""The routes, one noun a file; the first are looked at first."""

from actors.api.routes import (
    api_keys,
    auth,
    bars,
    charges,
    documents,
    health,
    instruments,
    me,
    metrics,
    plugins,
    portfolios,
    quotes,
    sessions,
    statistics,
    strategies,
    trading_states,
    users,
)
from actors.api.table import Table

TABLES: tuple[Table, ...] = (
    portfolios.routes,
    quotes.routes,
    trading_states.routes,
    bars.routes,
    instruments.routes,
    strategies.routes,
    plugins.routes,
    statistics.routes,
    charges.routes,
    auth.routes,
    me.routes,
    sessions.routes,
    api_keys.routes,
    users.routes,
    health.routes,
    metrics.routes,
    documents.routes,
)
