"""A service on the web: what counts as its answer, how often it is asked, and when its stream is dead."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from lts.refusal import Refused
from lts.sdk import Silent, Unanswered, WebService, persist
from lts.web import patience

pytestmark = pytest.mark.requirement("INT-028")


def service(handler: Callable[..., Any], **how: Any) -> WebService:
    usual = {"timeout_s": 0.2, "requests_per_s": 1000}
    transport = httpx.MockTransport(handler)
    return WebService(
        "http://localhost", {"Authorization": "Bearer secret"}, transport=transport, **usual | how
    )


class Answers:
    """Gives one answer after the other, the last one again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, request=request)


FINE = httpx.Response(200, json={"it": "is"})
BUSY = httpx.Response(429, json={"errorMessage": "Rate limit violation"})


async def test_a_question_is_put_again_when_there_is_no_answer() -> None:
    answers = Answers(httpx.ReadTimeout("late"), httpx.Response(503), httpx.Response(429, json={}), FINE)
    async with service(answers) as it:
        assert (await it.question("/x", id=1)).body == {"it": "is"}
    assert answers.asked == 4


async def test_a_question_without_an_answer_is_given_up() -> None:
    answers = Answers(httpx.ConnectError("refused"))
    async with service(answers) as it:
        with pytest.raises(Unanswered, match="ConnectError"):
            await it.question("/x")
    assert answers.asked == 4


async def test_a_no_is_an_answer() -> None:
    answers = Answers(httpx.Response(404, json={"errorMessage": "none"}))
    async with service(answers) as it:
        answer = await it.question("/x")
    assert (answer.is_yes, answer.status, answers.asked) == (False, 404, 1)


async def test_a_command_is_sent_once_whatever_comes_of_it() -> None:
    answers = Answers(httpx.ReadTimeout("late"), FINE)
    async with service(answers) as it:
        with pytest.raises(Unanswered):
            await it.command("POST", "/x", {"do": "it"})
    assert answers.asked == 1


@pytest.mark.parametrize(
    ("answer", "over"),
    [
        (httpx.Response(500), True),
        (httpx.Response(503), True),
        (httpx.Response(502), False),
        (httpx.Response(504), False),
        (httpx.Response(408), False),
        (httpx.ReadTimeout("late"), False),
        (httpx.Response(200, content=b"?"), False),
    ],
    ids=str,
)
async def test_only_a_service_that_says_itself_that_it_failed_does_no_more(
    answer: httpx.Response | Exception, *, over: bool
) -> None:
    async with service(Answers(answer)) as it:
        with pytest.raises(Unanswered) as doubt:
            await it.command("POST", "/x", {"do": "it"})
    assert doubt.value.over is over


async def test_an_answer_that_is_too_large_is_none() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_000

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())

    async with service(answer, largest=100_000, timeout_s=10) as it:
        for asked in (it.command("POST", "/x"), it.submit("/x", {}, {})):
            with pytest.raises(Unanswered, match="more than 100000 bytes"):
                await asked


async def test_a_form_is_sent_once_with_headers_of_its_own() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return FINE

    async with service(answer) as it:
        told = await it.submit("http://localhost/elsewhere?a=1", {"code": "a b&c"}, {"Accept": "text/x"})
    assert told.body == {"it": "is"}
    [request] = sent
    assert (str(request.url), request.content) == ("http://localhost/elsewhere?a=1", b"code=a+b%26c")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "text/x"


async def test_a_question_keeps_the_query_that_an_address_has() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return FINE

    async with service(answer) as it:
        await it.question("/x?tenant=1")
    assert asked == ["http://localhost/x?tenant=1"]


async def test_an_answer_that_trickles_in_is_too_late_as_a_whole() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(100):
            await asyncio.sleep(0.05)  # noqa: TID251 - the machine's time
            yield b" "

    async with service(lambda _: httpx.Response(200, content=trickle())) as it:
        with pytest.raises(Unanswered, match="the time is over"):
            await it.command("POST", "/x")


async def test_what_is_insisted_on_is_sent_again_while_the_service_is_too_busy() -> None:
    answers = Answers(BUSY, BUSY, FINE)
    async with service(answers) as it:
        assert (await it.insist("PUT", "/x", within_s=5)).is_yes
    assert answers.asked == 3


async def test_what_may_have_been_done_is_sent_again_only_if_twice_is_no_more_than_once() -> None:
    once = Answers(httpx.Response(503), FINE)
    async with service(once) as it:
        with pytest.raises(Unanswered, match="503"):
            await it.insist("POST", "/x", within_s=5)
    assert once.asked == 1
    answers = Answers(httpx.Response(503), httpx.ReadTimeout("late"), FINE)
    async with service(answers) as it:
        assert (await it.insist("PUT", "/x", within_s=5, repeatable=True)).is_yes
    assert answers.asked == 3


async def test_what_is_insisted_on_is_given_up_in_time_or_when_it_is_not_wanted_any_more() -> None:
    answers = Answers(BUSY)
    async with service(answers) as it:
        began = time.monotonic()
        assert (await it.insist("PUT", "/x", within_s=0.3)).status == 429
        assert 1 < answers.asked < 5
        assert time.monotonic() - began < 1
        asked = answers.asked
        assert (await it.insist("PUT", "/x", within_s=5, wanted=lambda: False)).status == 429
        assert answers.asked == asked + 1


def streaming(*chunks: bytes | float) -> Callable[[Any], httpx.Response]:
    async def said() -> AsyncIterator[bytes]:
        for chunk in chunks:
            if isinstance(chunk, bytes):
                yield chunk
            else:
                await asyncio.sleep(chunk)  # noqa: TID251 - the machine's time

    return lambda _: httpx.Response(200, content=said())


async def heard(it: WebService, silence_s: float = 5) -> AsyncIterator[list[dict[str, Any]]]:
    async with it, it.listen("/stream", silence_s) as bursts:
        async for burst in bursts:
            yield burst


async def test_lines_that_arrive_together_are_one_burst() -> None:
    said = heard(service(streaming(b'{"a": 1}\n{"b"', b': 2}\n\n{"c": 3}\n')))
    assert await anext(said) == [{"a": 1}]
    assert await anext(said) == [{"b": 2}, {"c": 3}]
    with pytest.raises(Unanswered, match="the stream has ended"):
        await anext(said)


async def test_bytes_that_make_no_line_are_no_life() -> None:
    with pytest.raises(Silent, match=r"silent for 0\.1 s"):
        async for _ in heard(service(streaming(b'{"a": 1}\n', b"\n", 0.06, b"\n", 0.06, b"\n", 0.06)), 0.1):
            pass


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (streaming(b"no json\n"), "something else than JSON"),
        (streaming(b'["a list"]\n'), "something else than JSON"),
        (streaming(b"x" * 2_000_000), "a line without an end"),
        (Answers(httpx.Response(401, json={})), r"refused \(401\)"),
        (Answers(httpx.ConnectError("no")), "ConnectError"),
        (Answers(httpx.ReadTimeout("no")), "silent"),
    ],
)
async def test_a_stream_that_makes_no_sense_is_broken(handler: Any, reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        async for _ in heard(service(handler)):
            pass


async def test_what_breaks_is_done_again_after_longer_and_longer_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(patience, "pause", rest)

    async def work() -> None:
        if len(rests) >= 12:
            raise KeyError
        raise Unanswered

    with pytest.raises(KeyError):
        await persist(work, Unanswered)
    assert rests[0] <= 0.1
    assert all(1.0 <= each <= 2.0 for each in rests[6:])


def test_libraries_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(
        Refused, match=r"httpx is not installed; to talk to venues, pip install 'lts\[oanda\]'"
    ):
        service(Answers(FINE))
