"""Every constraint of every table refuses the row that it is there to refuse, on both engines.

The constraints are those of the metadata: one without a row here that violates it fails the test.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.rows import metadata
from actors.persistence.troubles import Trouble, classify

pytestmark = pytest.mark.requirement("INT-5.1", "INT-5.3", "INT-008")

Values = dict[str, Any]

ONE = Decimal(1)
AUDIT = {
    "at": 1, "who": "ann", "cause": 1, "action": "insert", "entity": "users", "row_key": "[1]",
    "before": None, "after": "{}", "key_id": "k", "mac": bytes(32),
}  # fmt: skip
SEAL = {
    "kind": "segment", "first_seq": 1, "last_seq": 1, "root": bytes(32), "previous": bytes(32), "at": 1,
    "key_id": "k", "signature": bytes(64),
}  # fmt: skip
CONTRACT = {"currency": "USD", "tick_size": ONE, "lot_size": ONE, "multiplier": ONE, "min_notional": ONE}
ORDER = {
    "portfolio_id": 1, "instrument": "BTC/USD", "broker": "paper", "side": "buy", "quantity": ONE,
    "type": "limit", "limit_price": ONE, "time_in_force": "gtc", "created_at": 1, "status": "accepted",
    "filled": ONE, "cause": 1,
}  # fmt: skip
EVENT = {
    "portfolio_id": 1, "client_order_id": "main-btc-1", "status": "filled", "at": 1, "reason": "",
    "exec_id": "1",
}  # fmt: skip
FILL = {
    "broker": "paper", "portfolio_id": 1, "client_order_id": "main-btc-1", "instrument": "BTC/USD",
    "side": "buy", "quantity": ONE, "price": ONE, "fee": ONE, "currency": "USD", "at": 1,
}  # fmt: skip
CONDITION = {
    "portfolio_id": 1, "trigger_price": ONE, "trailing_offset": None, "expires_at": None,
    "reduce_only": True, "post_only": False, "parent": "", "order_group": "", "position_ref": "",
}  # fmt: skip
TERMS = {
    "portfolio_id": 1, "client_order_id": "main-btc-1", "venue_order_id": "7", "quantity": ONE,
    "limit_price": ONE, "trigger_price": None, "trailing_offset": None,
}  # fmt: skip
ADJUSTMENT = {
    "broker": "paper", "portfolio_id": 1, "instrument": "BTC/USD", "quantity": ONE, "price": ONE,
    "reason": "approved", "at": 1,
}  # fmt: skip
MARKS = {"peak": 5.0, "opening": 4.0, "since": 1, "fell": "", "at": 1}
FINANCING = {
    "broker": "paper", "portfolio_id": 1, "instrument": "BTC/USD", "amount": ONE, "currency": "USD", "at": 1,
}  # fmt: skip
RATE = {"portfolio_id": 1, "rate": ONE}
LEASE = {"epoch": 1, "host": "here", "process": 1, "at": 1}
POSITION = {
    "portfolio_id": 1, "multiplier": ONE, "quantity": ONE, "cost": ONE, "realised": ONE, "fees": ONE,
    "round_trips": 1, "at": 1,
}  # fmt: skip
HEDGED = POSITION | {"instrument": "BTC/USD"}
SNAPSHOT = POSITION | {"broker": "paper", "orders": 1, "fills": 0, "last_seq": 1}
POSTING = {
    "portfolio_id": 1,
    "booking": "fill 1",
    "account": "cash",
    "currency": "USD",
    "amount": ONE,
    "at": 1,
}
MARKED = {"user_name": "ann", "digest": "d", "kind": "order", "resource": "main-btc-1", "at": 1}
SAMPLE = {
    "series": "equity", "resolution": 60, "samples": 1, "first": 1.0, "lowest": 1.0, "highest": 1.0,
    "last": 1.0, "total": 1.0,
}  # fmt: skip
CHARGE = {
    "user_id": 1, "portfolio_id": 1, "kind": "trade", "amount": ONE, "currency": "USD", "at": 1,
    "detail": b"sealed",
}  # fmt: skip
PORTFOLIO = {"owner_id": 1, "currency": "USD", "plugin": "fixed", "params": b"sealed", "opened_at": 1}
ASSET = {"portfolio_id": 1, "broker": "paper", "strategy": "cross", "params": b"sealed"}
SETTING = {"revision": 1, "active": True, "cash": ONE, "pipeline": "default", "pipeline_params": b"sealed"}
ASSET_SETTING = {"portfolio_id": 1, "place": 0, "active": True, "protection": ""}
KEY = {
    "purpose": "mac",
    "wrapped": b"wrapped",
    "node_key": "n",
    "public": None,
    "created_at": 1,
    "retired_at": 2,
}
LOGIN = {
    "role": "trader", "password": b"sealed", "second_factor": None, "last_step": 0, "failures": 0,
    "failed_at": 0, "revision": 1,
}  # fmt: skip
SESSION = {
    "user_id": 1, "begun_at": 1, "used_at": 1, "expires_at": 2, "address": "192.0.2.1", "agent": "",
}  # fmt: skip
API_KEY = {
    "user_id": 1, "label": "desk", "scopes": "orders:read", "public_key": bytes(32), "made_at": 1,
    "expires_at": 2, "used_at": 0,
}  # fmt: skip

# Of each table a row that is stored, and another that could be: what is wrong with a row is then the change.
ROWS: dict[str, tuple[Values, Values]] = {
    "data_keys": (KEY | {"id": "a"}, KEY | {"id": "b"}),
    "audit_log": (AUDIT | {"seq": 1}, AUDIT | {"seq": 2}),
    "audit_seal": (SEAL | {"number": 1}, SEAL | {"number": 2}),
    "users": (
        {"id": 1, "name": "ann", "active": True, "created_at": 1},
        {"id": 2, "name": "bob", "active": False, "created_at": 1},
    ),
    "logins": (LOGIN | {"user_id": 1}, LOGIN | {"user_id": 2}),
    "login_identities": (
        {"user_id": 1, "issuer": "https://login.example.com", "subject": "1"},
        {"user_id": 2, "issuer": "https://login.example.com", "subject": "2"},
    ),
    "sessions": (SESSION | {"id": "a", "refresh": bytes(32)}, SESSION | {"id": "b", "refresh": b"b" * 32}),
    "spent_refresh_tokens": (
        {"refresh": "0" * 64, "session_id": "a", "spent_at": 1},
        {"refresh": "1" * 64, "session_id": "a", "spent_at": 1},
    ),
    "api_keys": (API_KEY | {"id": "a", "secret": bytes(32)}, API_KEY | {"id": "b", "secret": b"b" * 32}),
    "nonces": (
        {"key_id": "a", "nonce": "1", "expires_at": 1},
        {"key_id": "a", "nonce": "2", "expires_at": 1},
    ),
    "instruments": (CONTRACT | {"symbol": "BTC/USD"}, CONTRACT | {"symbol": "ETH/USD"}),
    "portfolios": (PORTFOLIO | {"id": 1, "name": "main"}, PORTFOLIO | {"id": 2, "name": "side"}),
    "portfolio_settings": (SETTING | {"portfolio_id": 1}, SETTING | {"portfolio_id": 2}),
    "asset_settings": (ASSET_SETTING | {"label": "BTC/USD"}, ASSET_SETTING | {"label": "ETH/USD"}),
    "assets": (ASSET | {"instrument": "BTC/USD"}, ASSET | {"instrument": "ETH/USD"}),
    "orders": (ORDER | {"client_order_id": "main-btc-1"}, ORDER | {"client_order_id": "main-btc-2"}),
    "order_events": (EVENT | {"seq": 1}, EVENT | {"seq": 2}),
    "order_conditions": (
        CONDITION | {"client_order_id": "main-btc-1"},
        CONDITION | {"client_order_id": "main-btc-2"},
    ),
    "order_terms": (TERMS | {"seq": 1}, TERMS | {"seq": 2}),
    "position_adjustments": (
        ADJUSTMENT | {"reference": "a", "seq": 3},
        ADJUSTMENT | {"reference": "b", "seq": 4},
    ),
    "conversion_rates": (RATE | {"booking": "a"}, RATE | {"booking": "b"}),
    "financing_charges": (FINANCING | {"charge_id": "a"}, FINANCING | {"charge_id": "b"}),
    "venue_cursors": ({"broker": "a", "cursor": "1", "at": 1}, {"broker": "b", "cursor": "1", "at": 1}),
    "loss_marks": (MARKS | {"scope": "system"}, MARKS | {"scope": "user:ann"}),
    "node_lease": (LEASE | {"name": "node"}, LEASE | {"name": "other"}),
    "fills": (FILL | {"exec_id": "1"}, FILL | {"exec_id": "2"}),
    "positions": (POSITION | {"instrument": "BTC/USD"}, POSITION | {"instrument": "ETH/USD"}),
    "hedged_assets": (
        ASSET | {"instrument": "BTC/USD", "name": "a"},
        ASSET | {"instrument": "BTC/USD", "name": "b"},
    ),
    "hedged_positions": (HEDGED | {"position_ref": "a"}, HEDGED | {"position_ref": "b"}),
    "hedged_snapshots": (
        HEDGED | {"position_ref": "a", "fills": 1},
        HEDGED | {"position_ref": "b", "fills": 1},
    ),
    "hedged_adjustments": (
        {"broker": "paper", "reference": "a", "position_ref": "a"},
        {"broker": "paper", "reference": "b", "position_ref": "b"},
    ),
    "ledger_entries": (POSTING | {"line": 0}, POSTING | {"line": 1}),
    "trading_states": (
        {"scope": "system", "state": "halted", "reason": "", "at": 1},
        {"scope": "ann", "state": "active", "reason": "", "at": 1},
    ),
    "idempotency_keys": (MARKED | {"request_key": "a"}, MARKED | {"request_key": "b"}),
    "feed_progress": ({"source": "a", "moments": 0, "at": 1}, {"source": "b", "moments": 0, "at": 1}),
    "statistics": (SAMPLE | {"at": 1}, SAMPLE | {"at": 2}),
    "balance_snapshots": (SNAPSHOT | {"instrument": "BTC/USD"}, SNAPSHOT | {"instrument": "ETH/USD"}),
    "billing_records": (CHARGE | {"reference": "1"}, CHARGE | {"reference": "2"}),
}
BEFOREHAND: dict[str, tuple[str, Values]] = {
    "logins": ("users", {"id": 2, "name": "bob", "active": True, "created_at": 1}),
    "login_identities": ("users", {"id": 2, "name": "bob", "active": True, "created_at": 1}),
    "assets": ("instruments", CONTRACT | {"symbol": "ETH/USD"}),
    "portfolio_settings": ("portfolios", PORTFOLIO | {"id": 2, "name": "side"}),
    "positions": ("instruments", CONTRACT | {"symbol": "ETH/USD"}),
    "order_conditions": ("orders", ORDER | {"client_order_id": "main-btc-2"}),
    "order_terms": ("order_events", EVENT | {"seq": 2}),
    "balance_snapshots": ("instruments", CONTRACT | {"symbol": "ETH/USD"}),
    "hedged_adjustments": ("position_adjustments", ADJUSTMENT | {"reference": "b", "seq": 4}),
}

AGAINST_CHECKS: dict[str, list[Values]] = {
    "ck_data_keys_purpose": [{"purpose": "guess"}],
    "ck_audit_log_seq": [{"seq": 0}, {"seq": -1}],
    "ck_audit_log_action": [{"action": "forget"}],
    "ck_audit_log_mac": [{"mac": bytes(31)}, {"mac": b""}],
    "ck_audit_seal_number": [{"number": 0}],
    "ck_audit_seal_kind": [{"kind": "guess"}],
    "ck_audit_seal_previous": [{"previous": bytes(33)}],
    "ck_logins_role": [{"role": "guest"}],
    "ck_logins_failures": [{"failures": -1}],
    "ck_logins_revision": [{"revision": 0}],
    "ck_sessions_refresh": [{"refresh": b"c" * 31}],
    "ck_spent_refresh_tokens_refresh": [{"refresh": "2" * 63}],
    "ck_api_keys_secret": [{"secret": b"c" * 33}],
    "ck_api_keys_public_key": [{"public_key": bytes(31)}],
    "ck_portfolio_settings_revision": [{"revision": 0}],
    "ck_portfolio_settings_cash": [{"cash": Decimal("-0.01")}],
    "ck_asset_settings_place": [{"place": -1}],
    "ck_instruments_tick_size": [{"tick_size": Decimal(0)}, {"tick_size": Decimal("-0.5")}],
    "ck_instruments_lot_size": [{"lot_size": Decimal(0)}],
    "ck_instruments_multiplier": [{"multiplier": Decimal(-1)}],
    "ck_instruments_min_notional": [{"min_notional": Decimal("-1E-30")}],
    "ck_orders_side": [{"side": "hold"}, {"side": "BUY"}],
    "ck_orders_type": [{"type": "iceberg"}],
    "ck_orders_time_in_force": [{"time_in_force": "week"}],
    "ck_orders_status": [{"status": "gone"}, {"status": ""}],
    "ck_orders_quantity": [{"quantity": Decimal(0)}, {"quantity": Decimal("-1E+30")}],
    "ck_orders_filled": [{"filled": Decimal(-1)}],
    "ck_order_events_seq": [{"seq": 0}],
    "ck_order_events_status": [{"status": "gone"}],
    "ck_order_conditions_trigger_price": [{"trigger_price": Decimal(0)}],
    "ck_order_conditions_trailing_offset": [{"trailing_offset": Decimal(-1)}],
    "ck_order_terms_quantity": [{"quantity": Decimal(0)}],
    "ck_position_adjustments_seq": [{"seq": 0}],
    "ck_conversion_rates_rate": [{"rate": Decimal(0)}, {"rate": Decimal("-1.1")}],
    "ck_node_lease_epoch": [{"epoch": 0}],
    "ck_fills_side": [{"side": "hold"}],
    "ck_fills_quantity": [{"quantity": Decimal(0)}],
    "ck_positions_multiplier": [{"multiplier": Decimal(0)}],
    "ck_positions_round_trips": [{"round_trips": -1}],
    "ck_balance_snapshots_multiplier": [{"multiplier": Decimal(0)}],
    "ck_balance_snapshots_round_trips": [{"round_trips": -1}],
    "ck_balance_snapshots_orders": [{"orders": 0}],
    "ck_balance_snapshots_fills": [{"fills": -1}],
    "ck_balance_snapshots_last_seq": [{"last_seq": 0}],
    "ck_hedged_positions_multiplier": [{"multiplier": Decimal(0)}],
    "ck_hedged_positions_round_trips": [{"round_trips": -1}],
    "ck_hedged_snapshots_multiplier": [{"multiplier": Decimal(0)}],
    "ck_hedged_snapshots_round_trips": [{"round_trips": -1}],
    "ck_hedged_snapshots_fills": [{"fills": 0}],
    "ck_ledger_entries_line": [{"line": -1}],
    "ck_trading_states_state": [{"state": "paused"}],
    "ck_idempotency_keys_kind": [{"kind": "wish"}],
    "ck_feed_progress_moments": [{"moments": -1}],
    "ck_statistics_resolution": [{"resolution": -1}],
    "ck_statistics_samples": [{"samples": 0}],
    "ck_billing_records_kind": [{"kind": "gift"}],
}
NOBODY: Values = {
    "sessions.id": "?",
    "api_keys.id": "?",
    "users.id": 99,
    "portfolios.id": 99,
    "portfolio_settings.portfolio_id": 99,
    "instruments.symbol": "?",
    "orders.client_order_id": "?",
    "order_events.seq": 99,
    "position_adjustments.reference": "?",
}

TABLES = pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)


def violations(table: Table) -> Iterator[tuple[str, Values]]:
    """Yields what each constraint forbids, as its kind and name, and the change that makes a good row bad."""
    stored, _ = ROWS[table.name]
    for constraint in table.constraints:
        name = str(constraint.name)
        match constraint:
            case PrimaryKeyConstraint() | UniqueConstraint():
                yield name, {column.name: stored[column.name] for column in constraint.columns}
            case ForeignKeyConstraint(elements=[*_, key]):
                yield name, {key.parent.name: NOBODY[key.target_fullname]}
            case CheckConstraint():
                for change in AGAINST_CHECKS[name]:
                    yield name, change
            case _:
                raise AssertionError(f"nothing here violates {name}")
    for column in table.columns:
        if not column.nullable and column.identity is None:  # an identity is given, not taken
            yield f"{table.name}.{column.name} NOT NULL", {column.name: None}


async def insert(connection: AsyncConnection, table: Table, row: Values) -> None:
    async with connection.begin():
        await connection.execute(table.insert(), [row])


async def refusal_of(connection: AsyncConnection, table: Table, row: Values) -> IntegrityError | None:
    try:
        await insert(connection, table, row)
    except IntegrityError as error:
        return error
    return None


async def fill_tables(connection: AsyncConnection) -> None:
    async with connection.begin():
        for table in metadata.sorted_tables:
            await connection.execute(table.insert(), [ROWS[table.name][0]])


@TABLES
async def test_each_constraint_refuses_the_row_that_violates_it(
    table: Table, writing: AsyncConnection
) -> None:
    await fill_tables(writing)
    if table.name in BEFOREHAND:
        other, row = BEFOREHAND[table.name]
        await insert(writing, metadata.tables[other], row)
    good = ROWS[table.name][1]
    for name, change in violations(table):
        refusal = await refusal_of(writing, table, good | change)
        assert refusal is not None, (name, change)
        assert classify(refusal) is Trouble.CONSTRAINT
        assert_blames(name, refusal)
    await insert(writing, table, good)  # with nothing changed it is accepted: it was the change


def assert_blames(name: str, error: IntegrityError) -> None:
    """The refusal is for the reason that was meant, as far as an engine says so."""
    said = str(error.orig)
    if "FOREIGN KEY constraint failed" in said:  # SQLite does not say which
        assert name.startswith("fk_")
    elif "UNIQUE constraint failed" in said:  # SQLite names the columns
        assert name.startswith(("pk_", "uq_"))
    elif name.endswith(" NOT NULL"):
        column = name.removesuffix(" NOT NULL").partition(".")[2]
        assert "null" in said.lower()
        assert column in said
    else:
        assert name in said


@TABLES
async def test_what_others_refer_to_cannot_be_deleted_from_under_them(
    table: Table, writing: AsyncConnection
) -> None:
    await fill_tables(writing)
    await remove_all_but(writing, {table.name, *ancestors(table)})
    for key in table.foreign_keys:
        if key.ondelete == "RESTRICT":
            with pytest.raises(IntegrityError):
                async with writing.begin():
                    await writing.execute(key.column.table.delete())


def ancestors(table: Table) -> set[str]:
    parents = {key.column.table for key in table.foreign_keys}
    return {parent.name for parent in parents} | {name for one in parents for name in ancestors(one)}


async def remove_all_but(connection: AsyncConnection, kept: set[str]) -> None:
    async with connection.begin():
        for table in reversed(metadata.sorted_tables):
            if table.name not in kept:
                await connection.execute(table.delete())


async def test_the_assets_of_a_portfolio_go_with_it(writing: AsyncConnection) -> None:
    await fill_tables(writing)
    assets, portfolios = metadata.tables["assets"], metadata.tables["portfolios"]
    await remove_all_but(writing, {"assets", *ancestors(assets)})
    async with writing.begin():
        await writing.execute(portfolios.delete())
        assert (await writing.execute(assets.select())).all() == []


async def test_all_that_lets_a_user_in_goes_with_them(writing: AsyncConnection) -> None:
    await fill_tables(writing)
    own = ("logins", "login_identities", "sessions", "spent_refresh_tokens", "api_keys", "nonces")
    await remove_all_but(writing, {"users", *own})
    async with writing.begin():
        await writing.execute(metadata.tables["users"].delete())
        for name in own:
            assert (await writing.execute(metadata.tables[name].select())).all() == [], name


def test_every_table_and_every_check_has_its_example() -> None:
    checks = {
        str(one.name)
        for table in metadata.sorted_tables
        for one in table.constraints
        if isinstance(one, CheckConstraint)
    }
    assert checks == AGAINST_CHECKS.keys()
    assert metadata.tables.keys() == ROWS.keys()
    assert all(row.keys() == set(metadata.tables[name].columns.keys()) for name in ROWS for row in ROWS[name])
    restricting = {key.ondelete for table in metadata.sorted_tables for key in table.foreign_keys}
    assert restricting == {"RESTRICT", "CASCADE"}
