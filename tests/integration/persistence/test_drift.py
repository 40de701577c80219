"""What differs from the rows is found and said, on both engines."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.drift import drift
from actors.persistence.fingerprint import KNOWN, fingerprint

pytestmark = pytest.mark.requirement("INT-009")

STATES = "state VARCHAR(16) NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL"
CHECK = "CONSTRAINT ck_trading_states_state CHECK (state IN ('active', 'reducing', 'halted'))"
KEY = "CONSTRAINT pk_trading_states PRIMARY KEY (scope)"
POSITION = """
    portfolio_id INTEGER NOT NULL, instrument VARCHAR(64) NOT NULL,
    multiplier {exact} NOT NULL, quantity {exact} NOT NULL, cost {exact} NOT NULL, realised {exact} NOT NULL,
    fees {exact} NOT NULL, round_trips INTEGER NOT NULL, at BIGINT NOT NULL,
    CONSTRAINT pk_positions PRIMARY KEY (portfolio_id, instrument),
    CONSTRAINT ck_positions_multiplier CHECK (CAST(multiplier AS NUMERIC) > 0),
    CONSTRAINT ck_positions_round_trips CHECK (round_trips >= 0),
    CONSTRAINT fk_positions_instrument FOREIGN KEY (instrument) REFERENCES instruments (symbol)
        ON DELETE RESTRICT"""

BILLING = """
    user_id INTEGER NOT NULL, portfolio_id INTEGER, kind VARCHAR(16) NOT NULL,
    reference VARCHAR(200) NOT NULL, amount {exact} NOT NULL,
    currency VARCHAR(12) NOT NULL, at BIGINT NOT NULL, detail {bytes}"""


def states(columns: str) -> list[str]:
    return ["DROP TABLE trading_states", f"CREATE TABLE trading_states ({columns})"]


DRIFTS: dict[str, tuple[list[str], str]] = {
    "a table less": (["DROP TABLE feed_progress"], "table feed_progress is missing"),
    "a table more": (["CREATE TABLE extra (x INTEGER)"], "an unknown table extra"),
    "a column less": (["ALTER TABLE users DROP COLUMN created_at"], "column users.created_at is missing"),
    "a column more": (["ALTER TABLE users ADD COLUMN x INTEGER"], "an unknown column users.x"),
    "an index less": (
        ["DROP INDEX ix_orders_broker_created_at"],
        "index ix_orders_broker_created_at is missing",
    ),
    "an index more": (["CREATE INDEX extra ON orders (cause)"], "an unknown index extra"),
    "another check": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES}, {KEY}, {CHECK.replace('halted', 'paused')}"),
        "check ck_trading_states_state is .*paused.* instead of .*halted",
    ),
    "a check less": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES}, {KEY}"),
        "check ck_trading_states_state is missing",
    ),
    "a check more": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES}, {KEY}, {CHECK}, CONSTRAINT extra CHECK (at > 0)"),
        "an unknown check extra",
    ),
    "another key": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES}, {KEY.replace('scope', 'scope, at')}, {CHECK}"),
        r"primary key of trading_states is \(scope, at\) instead of \(scope\)",
    ),
    "no key": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES}, {CHECK}"),
        r"primary key of trading_states is \(\) instead of \(scope\)",
    ),
    "another type": (
        states(f"scope TEXT NOT NULL, {STATES}, {KEY}, {CHECK}"),
        r"type of trading_states.scope is TEXT.* instead of VARCHAR\(128\)",
    ),
    "null allowed": (
        states(f"scope VARCHAR(128) NOT NULL, {STATES.replace('TEXT NOT NULL', 'TEXT')}, {KEY}, {CHECK}"),
        "nullable of trading_states.reason is True instead of False",
    ),
    "key no more": (
        ["DROP TABLE billing_records", f"CREATE TABLE billing_records ({BILLING})"],
        r"the primary key of billing_records is \(\) instead of \(user_id, kind, reference\)",
    ),
    "a reference less": (
        [
            "DROP TABLE positions",
            f"CREATE TABLE positions ({POSITION})",
        ],
        "fk_positions_portfolio_id is missing",
    ),
    "another reference": (
        [
            "DROP TABLE positions",
            f"""CREATE TABLE positions ({POSITION},
                CONSTRAINT fk_positions_portfolio_id FOREIGN KEY (portfolio_id) REFERENCES portfolios (id)
                    ON DELETE CASCADE)""",
        ],
        "fk_positions_portfolio_id is missing",
    ),
}


async def differences(connection: AsyncConnection, statements: list[str]) -> list[str]:
    """What is found after a change, which is undone again."""
    transaction = await connection.begin()
    for statement in statements:
        await connection.execute(text(statement))
    found = await connection.run_sync(drift)
    known = await connection.run_sync(fingerprint) in KNOWN
    assert not (known and found), "a fingerprint hides what differs"
    await transaction.rollback()
    return found


@pytest.mark.parametrize("name", DRIFTS)
async def test_a_difference_is_found_and_said(name: str, backend: str, writing: AsyncConnection) -> None:
    statements, said = DRIFTS[name]
    exact, binary = ("VARCHAR", "BLOB") if backend == "sqlite" else ("NUMERIC", "BYTEA")
    spelled = [one.replace("{exact}", exact).replace("{bytes}", binary) for one in statements]
    found = await differences(writing, spelled)
    assert any(re.search(said, one) for one in found), found


TRIGGERS = {
    "sqlite": ["CREATE TRIGGER extra AFTER INSERT ON orders BEGIN DELETE FROM fills; END"],
    "postgresql": [
        "CREATE FUNCTION extra() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER extra AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION extra()",
    ],
}


async def test_a_trigger_that_could_change_rows_past_the_audit_is_found(
    backend: str, writing: AsyncConnection
) -> None:
    assert await differences(writing, TRIGGERS[backend]) == ["there is an unknown trigger extra"]


async def test_what_the_migrations_make_is_known_without_a_comparison(writing: AsyncConnection) -> None:
    assert await writing.run_sync(fingerprint) in KNOWN, (
        "a migration is new: its fingerprint belongs into KNOWN"
    )


async def test_nothing_is_found_where_nothing_was_changed(writing: AsyncConnection) -> None:
    assert await differences(writing, []) == []
