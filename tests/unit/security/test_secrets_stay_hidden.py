"""No key shows its secret: not in a log, an error, a pickle or a copy."""

import copy
import io
import json
import pickle
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from lts.logs import set_up
from lts.security.key import Key
from lts.security.key_sources import FoundKeys
from lts.security.mac import MacKey
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import SealingKey, SealingKeys
from lts.security.signing import SigningKey

pytestmark = pytest.mark.requirement("INT-020")

SECRET = b"nobody but the node may see this"
NODE_KEYS = NodeKeys(NodeKey(SECRET))

HOLDERS: list[object] = [
    NodeKey(SECRET),
    NODE_KEYS,
    FoundKeys(NODE_KEYS, "the file node.key", Path("node.key"), store=lambda _: None),
    SealingKey("k1", SECRET),
    SealingKeys(SealingKey("k1", SECRET)),
    MacKey("k1", SECRET),
    SigningKey("k1", SECRET),
]


@pytest.fixture(params=HOLDERS, ids=lambda holder: type(holder).__name__)
def holder(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    set_up(form="json", stream=stream)
    yield stream
    structlog.reset_defaults()


def shown(text: str) -> bool:
    return any(form in text for form in (SECRET.decode(), SECRET.hex(), b64encode(SECRET).decode()))


def test_no_way_of_printing_shows_a_secret(holder: object) -> None:
    assert not shown(repr(holder) + str(holder) + f"{holder}" + repr([holder]))


def test_a_key_shows_its_id(holder: object) -> None:
    assert "k1" in repr(holder) or NODE_KEYS.current.id in repr(holder)


def test_a_log_shows_no_secret(holder: object, log: io.StringIO) -> None:
    try:
        memoryview(holder)  # type: ignore[arg-type]
    except TypeError:
        structlog.get_logger().exception("failed", holder=holder, holders=[holder])
    assert json.loads(log.getvalue())["event"] == "failed"
    assert not shown(log.getvalue())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_is_not_pickled(holder: object, protocol: int) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(holder, protocol)


def test_a_key_is_not_copied() -> None:
    for key in HOLDERS:
        if isinstance(key, Key):
            for duplicate in (copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match="neither copied nor pickled"):
                    duplicate(key)


def test_a_key_is_not_sent_in_a_message(holder: object) -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(holder)


def test_a_key_has_no_dictionary_to_look_into() -> None:
    for key in HOLDERS:
        if isinstance(key, Key):
            assert not hasattr(key, "__dict__")


@pytest.mark.parametrize("key_id", ["", "seventeen letters", "a b", "schlüssel", "line\n"])
def test_an_id_is_short_and_printable(key_id: str) -> None:
    with pytest.raises(ValueError, match="1 to 16 printable characters") as caught:
        MacKey(key_id, SECRET)
    assert not shown(str(caught.value))


def test_a_secret_of_the_wrong_size_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 33") as caught:
        MacKey("k1", SECRET + b"!")
    assert not shown(str(caught.value))


def test_every_new_key_is_another_one() -> None:
    keys = [MacKey.generate() for _ in range(100)]
    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 100
