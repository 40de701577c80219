"""Verification: it finds what was changed, says what it could not know, and blames nobody for nothing."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from actors.persistence import findings, pages
from actors.persistence.engine import make_engine
from actors.persistence.head import read_head, write_head
from actors.persistence.images import audited_tables
from actors.persistence.rows import (
    FillRow,
    InstrumentRow,
    LedgerEntryRow,
    OrderEventRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    UserRow,
)
from actors.persistence.verify import verify
from lts.domain.money import ONE, ZERO
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.signing import SigningKey

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-5.3")


@pytest.fixture
async def used(lane: Any, user: Any) -> Any:
    """A lane with two seals and an unsealed row: one order, filled in two parts."""
    rules = {
        "currency": "USD",
        "tick_size": ONE,
        "lot_size": ONE,
        "multiplier": Decimal(2),
        "min_notional": ZERO,
    }
    await lane.insert(UserRow, user(1, "ann"))
    await lane.insert(InstrumentRow, {"symbol": "X", **rules})
    await lane.insert(PortfolioRow, _portfolio(lane))
    await lane.seal()
    order = _order()
    await lane.insert(OrderRow, order)
    await lane.insert(OrderEventRow, *(_event(number) for number in (1, 2)))
    await lane.insert(FillRow, _fill(1, "buy", "3", "10"), _fill(2, "buy", "1", "14"))
    await lane.change(OrderRow, order, status="filled", filled=Decimal(4))
    await lane.insert(PositionRow, _position())
    await lane.seal()
    await lane.insert(
        LedgerEntryRow, *(_posting("b", number, text) for number, text in enumerate(("1", "-1")))
    )
    return lane


def _portfolio(lane: Any) -> dict[str, Any]:
    sealed = lane.keys.sealing.seal(b"{}", b"portfolios.params")
    named = {"id": 1, "name": "p", "owner_id": 1, "currency": "USD", "plugin": "fixed"}
    return named | {"params": sealed, "opened_at": 5}


def _order() -> dict[str, Any]:
    named = {"client_order_id": "o", "portfolio_id": 1, "instrument": "X", "broker": "paper", "side": "buy"}
    wanted = {"quantity": Decimal(4), "type": "market", "limit_price": None, "time_in_force": "gtc"}
    return named | wanted | {"created_at": 5, "status": "accepted", "filled": ZERO, "cause": 1}


def _event(number: int) -> dict[str, Any]:
    of = {"seq": number, "portfolio_id": 1, "client_order_id": "o", "status": "filled", "at": 5}
    return of | {"reason": "", "exec_id": f"e{number}"}


def _fill(number: int, side: str, quantity: str, price: str) -> dict[str, Any]:
    named = {"broker": "paper", "portfolio_id": 1, "exec_id": f"e{number}", "client_order_id": "o"}
    traded = {"instrument": "X", "side": side, "quantity": Decimal(quantity), "price": Decimal(price)}
    return named | traded | {"fee": Decimal("0.1"), "currency": "USD", "at": 5}


def _position() -> dict[str, Any]:
    held = {"multiplier": Decimal(2), "quantity": Decimal(4), "cost": Decimal(88), "realised": ZERO}
    return {"portfolio_id": 1, "instrument": "X"} | held | {"fees": Decimal("0.2"), "round_trips": 0, "at": 5}


def _posting(booking: str, line: int, amount: str) -> dict[str, Any]:
    place = {"portfolio_id": 1, "booking": booking, "line": line, "account": f"account {line}"}
    return place | {"currency": "USD", "amount": Decimal(amount), "at": 5}


async def test_a_database_that_nobody_touched_is_whole(used: Any) -> None:
    report = await used.verify()

    assert report.findings == ()
    assert report.ok
    assert (report.rows, report.seals, report.sealed_through) == (17, 2, 14)
    assert report.dropped_through == 0
    assert report.tables == tuple(table.name for table in audited_tables())


async def test_the_report_says_what_is_not_sealed_and_since_when(used: Any) -> None:
    report = await used.verify()
    assert report.unsealed == 3  # the two postings, and the note of the last seal
    assert report.unsealed_since_ns == used.now


async def test_a_database_in_which_nothing_happened_is_whole(lane_in: Any, tmp_path: Path) -> None:
    async with lane_in(tmp_path) as lane:
        assert (await lane.verify()).ok


TAMPERED = [
    ("UPDATE audit_log SET who = 'eve' WHERE seq = 3", "the audit row 3 is not as this node wrote it"),
    (
        "UPDATE audit_log SET after = NULL WHERE seq = 4",
        "users [1] is there, and the audit knows nothing of it",
    ),
    (
        "UPDATE audit_log SET mac = zeroblob(32) WHERE seq = 3",
        "the audit rows 1 to 6 are not those of the seal 1",
    ),
    ("UPDATE audit_log SET mac = 'text' WHERE seq = 3", "the audit row 3 is not as this node wrote it"),
    ("UPDATE audit_log SET at = 5.5 WHERE seq = 3", "the audit row 3 is not as this node wrote it"),
    ("UPDATE audit_log SET who = x'616e6e' WHERE seq = 3", "the audit row 3 is not as this node wrote it"),
    ("UPDATE audit_log SET seq = 99 WHERE seq = 3", "the audit row 3 is missing"),
    ("UPDATE audit_log SET seq = -3 WHERE seq = 3", "there is an audit row -3, which cannot be"),
    ("UPDATE audit_log SET seq = 'three' WHERE seq = 3", "there is an audit row 'three', which cannot be"),
    ("DELETE FROM audit_log WHERE seq = 3", "the audit row 3 is missing"),
    ("DELETE FROM audit_log WHERE seq BETWEEN 3 AND 7", "the audit rows 3 to 7 are missing"),
    ("DELETE FROM audit_log WHERE seq > 10", "the audit rows 11 to 14 are missing, although sealed"),
    ("DELETE FROM audit_log", "the audit rows 1 to 14 are missing, although sealed"),
    ("DELETE FROM audit_log WHERE seq = 15", "the audit row 15 is missing"),
    (
        "DELETE FROM audit_log WHERE seq > 15",
        'ledger_entries [1,"b",0] is there, and the audit knows nothing of it',
    ),
    ("DELETE FROM audit_seal WHERE number = 1", "there is a seal 2 where 1 is due"),
    ("DELETE FROM audit_seal WHERE number = 2", "the seal 2, which the head file names, is not there"),
    ("DELETE FROM audit_seal", "the seal 2 was taken away: the audit row 15 tells of it"),
    ("UPDATE audit_seal SET number = 3 - number + 100", "there is a seal 101 where 1 is due"),
    (
        "UPDATE audit_seal SET at = 5 WHERE number = 1",
        "the seal 2 names another seal before it than there is",
    ),
    ("UPDATE audit_seal SET at = 5 WHERE number = 2", "the seal 2 is not signed by this node"),
    ("UPDATE audit_seal SET root = zeroblob(32) WHERE number = 2", "are not those of the seal 2"),
    ("UPDATE audit_seal SET last_seq = 13 WHERE number = 2", "the seal 2 is not signed by this node"),
    ("UPDATE audit_seal SET kind = 'retention' WHERE number = 1", "retention that cannot have been"),
    ("UPDATE audit_seal SET kind = 'none' WHERE number = 1", "the seal 1 does not have the form of one"),
    ("UPDATE audit_seal SET root = 'AAAA' WHERE number = 1", "the seal 1 does not have the form of one"),
    ("UPDATE users SET name = 'eve'", "users [1] is not as the audit says"),
    ("UPDATE users SET active = 2", "users [1] is not as the audit says"),
    ("INSERT INTO users VALUES (2, 'eve', 1, 5)", "users [2] is there, and the audit knows nothing of it"),
    ("DELETE FROM users", "users [1] is missing, and the audit says that it is there"),
    ("DELETE FROM users", "a row of portfolios refers to one of users that is not there"),
    ("UPDATE portfolios SET params = x'00'", "portfolios [1] is not as the audit says"),
    ("UPDATE orders SET filled = '5'", "orders o: filled and its fills differ by 1"),
    ("UPDATE orders SET filled = 'many'", "orders ['o', 1, 'X'] has an amount that is none"),
    ("UPDATE fills SET quantity = '2' WHERE exec_id = 'e2'", "orders o: filled and its fills differ by -1"),
    (
        "UPDATE fills SET price = '11' WHERE exec_id = 'e2'",
        "positions [1, 'X'] is not what its fills lead to",
    ),
    ("UPDATE fills SET price = 'high' WHERE exec_id = 'e2'", "the books cannot be read"),
    ("DELETE FROM positions", "positions [1, 'X'] is not what its fills lead to"),
    ("DELETE FROM order_events WHERE seq = 2", "there are 2 fills, and order events tell of 1"),
    ("UPDATE ledger_entries SET amount = '1.6' WHERE line = 0", "the booking (1, 'b') is off by 0.6 USD"),
    (
        "UPDATE ledger_entries SET amount = '1.50' WHERE line = 0",
        'ledger_entries [1,"b",0] is not as the audit',
    ),
    ("UPDATE data_keys SET retired_at = 5 WHERE purpose = 'mac'", "there is no mac key in use"),
    (
        "UPDATE data_keys SET public = zeroblob(32) WHERE purpose = 'sign'",
        "the public key beside it is another",
    ),
    ("DELETE FROM data_keys WHERE purpose = 'mac'", "the audit row 1 is not as this node wrote it"),
    ("DELETE FROM data_keys", "there is no seal key in use"),
    ("DROP TABLE users", "the table users cannot be read: no such table: users"),
    ("DROP TABLE audit_seal", "the chain of seals cannot be read: no such table: audit_seal"),
    ("DROP TABLE audit_log", "the audit cannot be read: no such table: audit_log"),
    ("DROP TABLE data_keys", "the data keys cannot be read: no such table: data_keys"),
    ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN DELETE FROM orders; END", "the schema was changed: "),
    ("DROP INDEX ix_fills_client_order_id", "the schema was changed: "),
]


@pytest.mark.requirement("INT-5.3")
@pytest.mark.parametrize(("statement", "finding"), TAMPERED, ids=[statement for statement, _ in TAMPERED])
async def test_what_was_changed_from_outside_is_found(
    used: Any, outside: Callable[[str], None], statement: str, finding: str
) -> None:
    outside("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; " + statement)

    report = await used.verify()

    assert not report.ok
    assert any(finding in each for each in report.findings), report.findings
    assert all("\n" not in each for each in report.findings)


async def test_a_seal_that_names_no_audit_row_to_come_is_found_with_every_row_left(
    used: Any, outside: Callable[[str], None]
) -> None:
    """Whoever takes the seals away and the head file back leaves rows that tell of the seals."""
    old = read_head(used.head)
    assert old
    key = used.keys.signing
    write_head(used.head, msgspec.structs.replace(old, seal=0, hash="00" * 32, last_seq=0).signed(key))
    outside("DELETE FROM audit_seal")

    report = await used.verify()
    assert "the seal 1 was taken away: the audit row 7 tells of it" in report.findings


async def test_a_row_changed_from_outside_and_then_by_the_node_is_found_in_the_history(
    used: Any, outside: Callable[[str], None], user: Any
) -> None:
    outside("UPDATE users SET active = 0")
    await used.change(UserRow, user(1, "ann", active=False), name="ann marie")

    report = await used.verify()
    assert report.findings == ("users [1] was changed outside of LTS before the audit row 18",)


async def test_a_row_that_is_inserted_twice_is_found_in_the_history(
    used: Any, outside: Callable[[str], None], user: Any
) -> None:
    outside("PRAGMA foreign_keys = OFF; DELETE FROM users")
    await used.insert(UserRow, user(1, "ann"))

    report = await used.verify()
    assert report.findings == ("the audit row 18 inserts users [1], which was there already",)


async def test_a_head_file_that_was_deleted_edited_or_replaced_by_an_old_one_is_found(
    used: Any, tmp_path: Path
) -> None:
    shutil.copy(used.head, tmp_path / "old")
    await used.seal()
    shutil.copy(used.head, tmp_path / "new")

    async def findings_with(content: bytes | None) -> str:
        if content is None:
            used.head.unlink()
        else:
            used.head.write_bytes(content)
        return " ".join((await used.verify()).findings)

    new = (tmp_path / "new").read_bytes()
    assert "is an old one: it names the seal 2" in await findings_with((tmp_path / "old").read_bytes())
    assert "no head file" in await findings_with(None)
    assert "cannot be read as a head" in await findings_with(b"")
    assert "is not signed by this node" in await findings_with(new.replace(b'"at":1', b'"at":2'))
    forged = read_head(tmp_path / "new")
    assert forged
    foreign = forged.signed(SigningKey(used.keys.signing.id, bytes(32)))
    assert "is not signed by this node" in await findings_with(msgspec.json.encode(foreign) + b"\n")
    assert await findings_with(new) == ""


async def test_a_row_with_a_mac_of_another_key_is_found(used: Any, outside: Callable[[str], None]) -> None:
    outside(
        "INSERT INTO audit_log SELECT 18, at, who, cause, action, entity, row_key, before, after, key_id, "
        "randomblob(32) FROM audit_log WHERE seq = 17"
    )

    report = await used.verify()
    assert report.findings == ("the audit row 18 is not as this node wrote it",)


async def test_a_file_that_is_damaged_is_found(used: Any, tmp_path: Path) -> None:
    await used.engine.dispose()
    content = bytearray(used.path.read_bytes())
    assert b"ann" in content
    content[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    (tmp_path / "lts.db").write_bytes(content)

    report = await used.verify()
    assert not report.ok
    assert any("cannot be read" in each or "SQLite finds" in each for each in report.findings)


async def test_what_cannot_be_reached_is_no_finding(used: Any, tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'elsewhere' / 'lts.db'}", create=False)
    with pytest.raises(Refused):
        await verify(engine, used.node_keys, used.head)
    await engine.dispose()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN])
async def test_a_database_that_does_not_answer_is_no_finding(code: int) -> None:
    said = sqlite3.OperationalError("not now")
    said.sqlite_errorcode = code

    async def ask() -> None:
        raise OperationalError("SELECT 1", {}, said)

    found = findings.Findings()
    with pytest.raises(OperationalError, match="not now"):
        await found.look("the audit", ask())
    assert not found.count


async def test_the_database_of_another_node_is_refused(used: Any) -> None:
    other = NodeKeys(NodeKey(b"the secret of another node here,"))
    with pytest.raises(Refused, match="give the node the key"):
        await verify(used.engine, other, used.head)


async def test_findings_are_counted_and_the_first_are_told(
    used: Any, outside: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST", 3)
    outside("UPDATE audit_log SET who = 'eve'")

    report = await used.verify()
    assert len(report.findings) == 3
    assert report.found > 17


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_of_any_size_are_read_to_their_end(
    used: Any, outside: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for module in ("pages", "stock", "books"):
        monkeypatch.setattr(f"actors.persistence.{module}.PAGE", size)
    assert size == pages.PAGE
    report = await used.verify()
    assert report.findings == ()
    assert report.rows == 17

    outside("UPDATE fills SET price = '11' WHERE exec_id = 'e2'")
    assert len((await used.verify()).findings) == 2


async def test_the_node_goes_on_writing_while_everything_is_proved(
    used: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.pages.PAGE", 2)
    verifying = asyncio.create_task(used.verify())
    for number in range(2, 12):
        await used.insert(UserRow, user(number, f"user {number}"))
        await used.seal()
    report = await verifying

    assert report.findings == ()
    assert (await used.verify()).findings == ()
