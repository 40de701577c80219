"""Messages: frozen values that declare key, delivery and version on the class line."""

from types import new_class

import pytest

from bus import Delivery, Event, Request

pytestmark = pytest.mark.requirement("INT-002", "INT-7.1")


class Ticked(Event, key="symbol", delivery=Delivery.LATEST, version=3):
    symbol: str
    price: float


class Halted(Event, delivery=Delivery.URGENT):
    pass


class GetPrice(Request[float], key="symbol"):
    symbol: str


def test_a_message_says_what_scopes_it() -> None:
    assert Ticked("ABC", 1.5).key == "ABC"
    assert Ticked.key_name == "symbol"


def test_a_message_without_a_key_has_the_key_none() -> None:
    assert Halted().key is None
    assert Halted.key_name is None


def test_delivery_and_version_stand_on_the_class() -> None:
    assert (Ticked.delivery, Ticked.version) == (Delivery.LATEST, 3)
    assert (GetPrice.delivery, GetPrice.version) == (Delivery.EVERY, 1)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Ticked("ABC", 1.5).price = 2.0


def test_messages_are_equal_by_value_and_can_be_keys() -> None:
    assert Ticked("ABC", 1.5) == Ticked("ABC", 1.5)
    assert len({GetPrice("ABC"), GetPrice("ABC"), GetPrice("XYZ")}) == 2


def test_a_subclass_inherits_key_and_delivery() -> None:
    class Quoted(Ticked):
        bid: float

    assert Quoted("ABC", 1.5, 1.4).key == "ABC"
    assert Quoted.delivery is Delivery.LATEST


def test_a_key_must_be_a_field() -> None:
    with pytest.raises(TypeError, match="'portfolio', which is not one of its fields"):

        class Wrong(Event, key="portfolio"):
            symbol: str


def test_a_request_cannot_be_latest() -> None:
    with pytest.raises(TypeError, match="each one is owed an answer"):

        class Wrong(Request[int], delivery=Delivery.LATEST):
            pass


@pytest.mark.parametrize("word", ["delivery", "key", "key_name", "version"])
def test_a_field_cannot_take_a_word_of_the_bus(word: str) -> None:
    with pytest.raises(TypeError, match=f"a field named '{word}', which is a word of the bus"):
        new_class("Wrong", (Event,), exec_body=lambda body: body.update(__annotations__={word: str}))


def test_a_field_named_key_may_be_the_key() -> None:
    class Set(Event, key="key"):
        key: str  # type: ignore[misc]

    class SetAgain(Set):
        value: int

    assert Set("a").key == "a"
    assert SetAgain("b", 1).key == "b"
