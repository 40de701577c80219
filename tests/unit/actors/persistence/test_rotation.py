"""Rotation: new keys in small steps, while everything that was sealed or signed stays readable."""

from typing import Any

import pytest
from sqlalchemy import select

from actors.persistence import rotation
from actors.persistence.keyring import DataKeys
from actors.persistence.page import table_of
from actors.persistence.rotation import Rewrapping, Rotation, sealed_forms
from actors.persistence.rows import AssetRow, AuditRow, DataKeyRow, InstrumentRow, PortfolioRow, UserRow
from lts.domain.money import ONE, ZERO
from lts.refusal import Refused
from lts.security.node_key import NodeKeys
from lts.security.seal import key_id_of

pytestmark = pytest.mark.requirement("INT-025", "INT-020", "INT-010")

ASSETS = 7


async def _rows(lane: Any, row_class: Any) -> list[Any]:
    table = table_of(row_class)
    async with lane.engine.connect() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def _opened(lane: Any) -> list[bytes]:
    """All sealed values, read with the keys that the node has at the moment."""
    async with lane.engine.connect() as connection:
        keys = await DataKeys.load(connection, lane.node_keys, 5)
    places = [(PortfolioRow, b"portfolios.params"), (AssetRow, b"assets.params")]
    return [keys.sealing.open(row.params, place) for each, place in places for row in await _rows(lane, each)]


@pytest.fixture
async def used(lane: Any, user: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lane whose database has sealed values in two tables."""
    monkeypatch.setattr(rotation, "STEP", 3)
    rules = {"currency": "USD", "tick_size": ONE, "lot_size": ONE, "multiplier": ONE, "min_notional": ZERO}
    seal = lane.keys.sealing.seal
    await lane.insert(UserRow, user(1, "ann"))
    await lane.insert(InstrumentRow, *({"symbol": f"I{n}", **rules} for n in range(ASSETS)))
    opened = {"owner_id": 1, "currency": "USD", "plugin": "fixed", "opened_at": 6}
    params = seal(b"a portfolio", b"portfolios.params")
    await lane.insert(PortfolioRow, {"id": 1, "name": "p", "params": params, **opened})
    await lane.insert(
        AssetRow,
        *(
            {
                "portfolio_id": 1,
                "instrument": f"I{n}",
                "broker": "paper",
                "strategy": "sma",
                "params": seal(f"asset {n}".encode(), b"assets.params"),
            }
            for n in range(ASSETS)
        ),
    )
    await lane.seal()
    return lane


VALUES = [b"a portfolio", *(f"asset {n}".encode() for n in range(ASSETS))]


async def test_every_table_with_a_sealed_column_is_known() -> None:
    assert [(form.name, sealed) for form, sealed in sealed_forms()] == [
        ("assets", ["params"]),
        ("billing_records", ["detail"]),
        ("hedged_assets", ["params"]),
        ("logins", ["password", "second_factor"]),
        ("portfolio_settings", ["pipeline_params"]),
        ("portfolios", ["params"]),
    ]


async def test_new_keys_are_used_from_the_first_step_on_and_all_is_sealed_anew_in_the_end(used: Any) -> None:
    before = {key.id for key in (used.keys.sealing.current, used.keys.mac, used.keys.signing)}
    rotating, steps = Rotation(used.keys), 0
    while not rotating.finished:
        await used.write(rotating)
        steps += 1
        assert await _opened(used) == VALUES
        assert (await used.verify()).findings == ()
        await used.seal()

    in_use = {key.id for key in (used.keys.sealing.current, used.keys.mac, used.keys.signing)}
    sealed = [*await _rows(used, PortfolioRow), *await _rows(used, AssetRow)]
    keys = await _rows(used, DataKeyRow)
    assert steps == 1 + 3 + 1 + 1 + 1 + 1 + 1
    assert not before & in_use
    assert {key_id_of(row.params) for row in sealed} == {used.keys.sealing.current.id}
    assert {row.id for row in keys if row.retired_at is None} == in_use
    assert {row.id for row in keys} == before | in_use
    assert (await _rows(used, AuditRow))[-1].key_id == used.keys.mac.id


async def test_every_value_that_is_sealed_anew_is_audited(used: Any) -> None:
    last = used.sealer.last_seq
    rotating = Rotation(used.keys)
    while not rotating.finished:
        await used.write(rotating)

    noted = [(row.action, row.entity) for row in await _rows(used, AuditRow) if row.seq > last]
    assert noted.count(("update", "data_keys")) == 3
    assert noted.count(("insert", "data_keys")) == 3
    assert noted.count(("update", "assets")) == ASSETS
    assert noted.count(("update", "portfolios")) == 1


async def test_a_step_that_was_not_committed_is_made_again(used: Any) -> None:
    rotating = Rotation(used.keys)
    while not rotating.finished:
        await used.write(rotating, commit=False)
        assert await _opened(used) == VALUES
        await used.write(rotating)

    assert await _opened(used) == VALUES
    assert len(await _rows(used, DataKeyRow)) == 6
    assert (await used.verify()).findings == ()


async def test_what_was_signed_before_two_rotations_is_still_proved(used: Any, user: Any) -> None:
    for number in (2, 3):
        rotating = Rotation(used.keys)
        while not rotating.finished:
            await used.write(rotating)
        await used.insert(UserRow, user(number, f"user {number}"))
        await used.seal()

    await used.open()
    report = await used.verify()
    assert report.findings == ()
    assert report.seals == 3
    assert len({row.key_id for row in await _rows(used, AuditRow)}) == 3


async def test_the_keys_are_wrapped_anew_by_another_node_key(used: Any, user: Any) -> None:
    rotated = used.node_keys.rotated()
    rewrapping = Rewrapping(used.keys, rotated)
    await used.write(rewrapping, commit=False)
    assert not rewrapping.finished
    assert await _opened(used) == VALUES
    await used.write(rewrapping)
    assert rewrapping.finished

    with pytest.raises(Refused, match=rotated.current.id):
        await _opened(used)
    used.node_keys = NodeKeys(rotated.current)
    assert await _opened(used) == VALUES
    await used.insert(UserRow, user(2, "bob"))
    rotating = Rotation(used.keys)
    await used.write(rotating)
    assert {row.node_key for row in await _rows(used, DataKeyRow)} == {rotated.current.id}
    assert (await used.verify()).findings == ()
