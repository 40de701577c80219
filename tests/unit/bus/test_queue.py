"""The common queue: what is put in while it is being read, held against a list."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import Actor, Delivery, Event, Supervision
from bus.cell import Cell
from bus.queue import CommonQueue, Entry
from bus.router import Router

pytestmark = pytest.mark.requirement("INT-002", "INT-8.1")


class Booked(Event):
    number: int


class Halted(Event, delivery=Delivery.URGENT):
    number: int


class Quoted(Event, key="symbol", delivery=Delivery.LATEST):
    number: int
    symbol: str = "A"


def hear(_: Any) -> None: ...


TARGETS = ((Cell("actor", 0, Actor(), Supervision()), hear),)

Made = Callable[[int], Event]
kinds: st.SearchStrategy[Made] = st.sampled_from([Booked, Halted, Quoted, lambda n: Quoted(n, "B")])
bursts = st.lists(st.lists(kinds, max_size=4), max_size=30)


class Model:
    """Urgent ones in order, then the rest; a LATEST one takes the place of its elder."""

    def __init__(self) -> None:
        self.urgent: list[tuple[Event, int]] = []
        self.others: list[tuple[Event, int]] = []
        self.conflated = 0

    def put(self, event: Event, cause: int) -> None:
        if event.delivery is Delivery.URGENT:
            self.urgent.append((event, cause))
            return
        for place, (elder, _) in enumerate(self.others):
            if event.delivery is Delivery.LATEST and type(elder) is type(event) and elder.key == event.key:
                self.others[place] = (event, cause)
                self.conflated += 1
                return
        self.others.append((event, cause))

    def take(self) -> tuple[Event, int]:
        return (self.urgent or self.others).pop(0)

    def __bool__(self) -> bool:
        return bool(self.urgent or self.others)


def queue_with_its_reader() -> tuple[CommonQueue, Callable[[Entry], tuple[Event, int]]]:
    router = Router()
    newest: list[Any] = []
    queue = CommonQueue(router, newest.append)
    router.of(Quoted).add(TARGETS[0], None)

    def opened(entry: Entry) -> tuple[Event, int]:
        targets, message, cause = entry
        if targets is not TARGETS:
            targets[0][1](message)
            _, message, cause = queue.newest(newest.pop())
        return message, cause

    return queue, opened


@given(bursts, st.integers(1, 7))
def test_what_is_put_in_while_the_queue_is_read_comes_in_its_order(
    bursts: list[list[Made]], batch: int
) -> None:
    queue, opened = queue_with_its_reader()
    model, number = Model(), 0

    def publish(burst: list[Made]) -> None:
        nonlocal number
        for made in burst:
            number += 1
            event = made(number)
            queue.entrance(event.delivery)((TARGETS, event, number))
            model.put(event, number)

    waiting = list(bursts)
    while waiting or queue.entries:
        if waiting:
            publish(waiting.pop())
        reader = queue.reader = iter(queue.entries)
        for entry in islice(reader, batch):
            assert opened(entry) == model.take()
            if waiting:
                publish(waiting.pop())
        queue.forget_read(reader)
        assert queue.conflated == model.conflated
        assert bool(queue.entries) == bool(model)


@given(st.lists(kinds, max_size=30))
def test_taking_all_keeps_the_order_and_the_newest(burst: list[Made]) -> None:
    queue, _ = queue_with_its_reader()
    model = Model()
    for number, made in enumerate(burst):
        queue.entrance(made(number).delivery)((TARGETS, made(number), number))
        model.put(made(number), number)
    taken = [(message, cause) for _, message, cause in queue.take_all()]
    assert taken == model.urgent + model.others
    assert not queue.entries
    assert list(queue.take_all()) == []
