"""`@on` and `@every`: what a class hears, read from its annotations."""

from typing import Any

import pytest

from bus import Actor, Event, Request, Time, every, on
from bus.handlers import Beat, beats, hearings

pytestmark = pytest.mark.requirement("INT-002", "INT-7.1")


class Rose(Event):
    pass


class Fell(Event):
    pass


class GetHeight(Request[int]):
    pass


def heard_by(actor_class: type) -> dict[type, str]:
    return {each.message_type: each.method for each in hearings(actor_class)}


def test_a_handler_hears_the_type_of_its_annotation() -> None:
    class Watcher(Actor[None]):
        @on
        def climb(self, _: Rose) -> None: ...

        @on
        async def answer(self, _: GetHeight) -> int:
            return 1

    assert heard_by(Watcher) == {Rose: "climb", GetHeight: "answer"}
    assert [each.asynchronous for each in hearings(Watcher)] == [False, True]


def test_a_union_hears_each_of_its_types() -> None:
    class Watcher(Actor[None]):
        @on
        def move(self, _: Rose | Fell) -> None: ...

    assert heard_by(Watcher) == {Rose: "move", Fell: "move"}


def test_handlers_are_inherited() -> None:
    class Watcher(Actor[None]):
        @on
        def climb(self, _: Rose) -> None: ...

    class Listener(Watcher):
        @on
        def sink(self, _: Fell) -> None: ...

    assert heard_by(Listener) == {Rose: "climb", Fell: "sink"}


def test_an_override_counts_as_its_own() -> None:
    class Watcher(Actor[None]):
        @on
        def climb(self, _: Rose) -> None: ...

        @on
        def sink(self, _: Fell) -> None: ...

    class Redirected(Watcher):
        @on
        def climb(self, _: GetHeight) -> None: ...  # type: ignore[override]

        def sink(self, _: Fell) -> None: ...

    assert heard_by(Redirected) == {GetHeight: "climb"}


def test_two_handlers_of_one_type_are_refused() -> None:
    class Torn(Actor[None]):
        @on
        def climb(self, _: Rose) -> None: ...

        @on
        def rise(self, _: Rose | Fell) -> None: ...

    with pytest.raises(TypeError, match="Torn hears Rose twice: in climb and rise"):
        hearings(Torn)


def test_a_type_heard_by_a_base_and_again_by_a_subclass_is_refused() -> None:
    class Watcher(Actor[None]):
        @on
        def climb(self, _: Rose) -> None: ...

    class Torn(Watcher):
        @on
        def rise(self, _: Rose) -> None: ...

    with pytest.raises(TypeError, match="twice"):
        hearings(Torn)


def test_a_handler_without_annotation_is_refused() -> None:
    class Vague(Actor[None]):
        @on
        def climb(self, rose) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001

    with pytest.raises(TypeError, match=r"Vague\.climb must say which message it hears"):
        hearings(Vague)


@pytest.mark.parametrize("annotation", [int, Rose | None, "list[Rose]", Any, Actor])
def test_a_handler_of_what_is_no_message_is_refused(annotation: Any) -> None:
    def climb(self: Any, _: Any) -> None: ...

    climb.__annotations__["_"] = annotation
    vague = type("Vague", (Actor,), {"climb": on(climb)})
    with pytest.raises(TypeError, match=r"Vague\.climb is annotated with .*, which is no Event or Request"):
        hearings(vague)


@pytest.mark.parametrize("annotation", [Event, Request, Request[int]])
def test_a_handler_of_no_exact_type_is_refused(annotation: Any) -> None:
    def climb(self: Any, _: Any) -> None: ...

    climb.__annotations__["_"] = annotation
    vague = type("Vague", (Actor,), {"climb": on(climb)})
    with pytest.raises(TypeError, match=r"Vague\.climb"):
        hearings(vague)


def test_a_handler_of_two_parameters_is_refused() -> None:
    class Greedy(Actor[None]):
        @on
        def climb(self, rose: Rose, fell: Fell) -> None: ...

    with pytest.raises(TypeError, match="exactly one message"):
        hearings(Greedy)


def test_an_annotation_that_does_not_exist_at_run_time_is_explained() -> None:
    class Vague(Actor[None]):
        @on
        def climb(self, _: "Missing") -> None: ...  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(TypeError, match="import the message's type where the module runs"):
        hearings(Vague)


def test_an_async_generator_is_no_handler() -> None:
    class Odd(Actor[None]):
        @on
        async def climb(self, _: Rose):  # type: ignore[no-untyped-def] # noqa: ANN202
            yield

    with pytest.raises(TypeError, match="must not yield"):
        hearings(Odd)


def test_beats_have_a_period_and_a_clock() -> None:
    class Pulsing(Actor[None]):
        @every(5)
        def look(self) -> None: ...

        @every(0.5, time=Time.SYSTEM)
        async def flush(self) -> None: ...

    assert beats(Pulsing) == (Beat("look", 5, Time.MARKET, False), Beat("flush", 0.5, Time.SYSTEM, True))


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_period_is_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="a positive number of seconds"):
        every(seconds)
