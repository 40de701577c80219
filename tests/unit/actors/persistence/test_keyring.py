"""Data keys: wrapped by the node's key, unwrapped in memory, and refused if anybody changed them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.keyring import KINDS, DataKeys, new_key_row, rewrapped
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import Unsealable, key_id_of

pytestmark = pytest.mark.requirement("INT-020", "INT-025")

NODE_KEYS = NodeKeys(NodeKey(b"the secret of a node in a test, "))
OTHER_NODE = NodeKeys(NodeKey(b"the secret of another node here,"))


def rows(at: int = 5, **changed: Any) -> list[dict[str, Any]]:
    """A key of each purpose, as rows."""
    return [new_key_row(purpose, NODE_KEYS.current, at) | changed for purpose in KINDS]


def test_what_is_wrapped_is_unwrapped() -> None:
    made = rows()
    keys = DataKeys(made, NODE_KEYS)

    assert [keys.sealing.current.id, keys.mac.id, keys.signing.id] == [row["id"] for row in made]
    assert keys.publics == {keys.signing.id: keys.signing.public}
    assert made[2]["public"] == keys.signing.public
    assert not keys.faults


def test_no_secret_is_shown() -> None:
    keys = DataKeys(rows(), NODE_KEYS)

    assert repr(keys) == f"<DataKeys {keys.sealing.current.id} {keys.mac.id} {keys.signing.id}>"
    assert keys.mac.secret not in rows()[1]["wrapped"]


def test_the_newest_key_that_is_not_retired_is_in_use_and_the_others_still_open() -> None:
    old, new, last = rows(5, retired_at=9), rows(7), rows(8, retired_at=9)
    keys = DataKeys(old + new + last, NODE_KEYS)
    sealed = DataKeys(rows(1) + old[1:] + new, NODE_KEYS)

    assert keys.mac.id == new[1]["id"]
    assert keys.macs.keys() == {old[1]["id"], new[1]["id"], last[1]["id"]}
    assert len(keys.publics) == 3
    assert sealed.sealing.current.id == new[0]["id"]


def test_a_key_wrapped_anew_is_the_same_key() -> None:
    row = rows()[1]
    rotated = NODE_KEYS.rotated()
    anew = rewrapped(row, rotated)

    assert anew["node_key"] == key_id_of(anew["wrapped"]) == rotated.current.id
    keys = DataKeys([anew], NodeKeys(rotated.current))
    assert keys.mac.secret == DataKeys([row], NODE_KEYS).mac.secret


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"id": "ffffffffffffffff"}, "cannot be used"),
        ({"purpose": "seal"}, "cannot be used"),
        ({"purpose": "none"}, "purpose"),
        ({"wrapped": b""}, "does not have the form"),
        ({"wrapped": "text"}, "cannot be used"),
        ({"node_key": "ffffffffffffffff"}, "says that ffffffffffffffff wraps it"),
        ({"public": bytes(32)}, "public key"),
        ({"retired_at": 9}, "no sign key in use"),
        ({"created_at": None}, "cannot be used"),
    ],
)
def test_a_key_that_was_changed_is_a_fault(changed: dict[str, Any], fault: str) -> None:
    *others, signing = rows()

    keys = DataKeys([*others, signing | changed], NODE_KEYS)

    assert fault in " ".join(keys.faults)
    assert keys.mac.id == others[1]["id"]


def test_a_key_does_not_open_in_the_place_of_another() -> None:
    first, second = rows()[1], rows()[1]

    with pytest.raises(Unsealable):
        rewrapped(first | {"wrapped": second["wrapped"]}, NODE_KEYS)


async def _load(lane: Any, node_keys: NodeKeys = NODE_KEYS) -> DataKeys:
    connection: AsyncConnection
    async with lane.engine.connect() as connection:
        return await DataKeys.load(connection, node_keys, 5)


async def test_a_new_database_is_given_keys(lane_in: Any, tmp_path: Path) -> None:
    async with lane_in(tmp_path) as lane:
        first, again = await _load(lane), await _load(lane)

    assert [row["purpose"] for row in first.made] == ["seal", "mac", "sign"]
    assert first.mac.id != again.mac.id


async def test_stored_keys_are_loaded(lane: Any) -> None:
    keys = await _load(lane)

    assert keys.mac.id == lane.keys.mac.id
    assert not keys.made


async def test_the_key_of_another_node_is_refused_in_one_sentence(lane: Any) -> None:
    with pytest.raises(Refused, match="give the node the key that the database was made with") as refused:
        await _load(lane, OTHER_NODE)

    assert NODE_KEYS.current.id in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_keys_that_were_changed_are_refused(lane: Any, outside: Any) -> None:
    outside("UPDATE data_keys SET node_key = 'ffffffffffffffff' WHERE purpose = 'mac'")

    with pytest.raises(Refused, match="run `lts db verify`"):
        await _load(lane)


async def test_a_key_that_was_taken_away_is_refused(lane: Any, outside: Any) -> None:
    outside("DELETE FROM data_keys WHERE purpose = 'seal'")

    with pytest.raises(Refused, match="no seal key in use"):
        await _load(lane)
