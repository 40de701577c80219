"""A service on the web as it is seen from here: what it answers, and what it streams, both in JSON."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from lts.refusal import Refused
from lts.web.turns import AT_A_TIME, Turns, Urgency

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]

LARGEST_ANSWER = 16_777_216
"""Bytes of an answer that is taken, unless a service is held to less."""
ATTEMPTS = 4
"""How often a question is put before it is given up."""
LONGEST_REST_S = 1.0
"""Between two attempts at a command that is insisted on, at most."""
LONGEST_LINE = 1_048_576
FAILED = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.SERVICE_UNAVAILABLE}
)
"""Statuses by which a service says of itself that it failed; 502 and 504 are those of a gateway before it."""


class Unanswered(Exception):
    """Nobody can tell what the service did: a time-out, a broken connection, an answer without sense.

    Args:
        reason: what happened, without what was asked.
        over: whether the service itself says that it has failed: what it has not done by then, it does not
            do later. Of one that says nothing, or for which a gateway speaks, that is not known.
    """

    def __init__(self, reason: str = "", *, over: bool = False) -> None:
        super().__init__(reason)
        self.over = over


class Silent(Unanswered):
    """A stream is open, and nothing comes."""


class _TooMuch(Exception):
    """A service has done nothing of what it was told, for it is asked too much."""

    def __init__(self, answer: "WebAnswer") -> None:
        super().__init__("it is asked too much (429)")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a service says in its own words: that it did as it was told, or that it did not."""

    status: int
    body: Json

    @property
    def is_yes(self) -> bool:
        """Whether it did."""
        return self.status < HTTPStatus.BAD_REQUEST


class WebService:
    """One service at one address, for use in `async with`.

    Only what it says itself counts as an answer: a JSON object, with a status that means yes (2xx)
    or no (4xx). All else is `Unanswered`: whatever was sent may have been done, or may yet be.

    Args:
        url: where it is.
        headers: what every request carries; they are shown nowhere.
        timeout_s: how long a request may take, from the first byte to the last.
        requests_per_s: how many may be made; a fifth of them is kept for what is urgent.
        largest: how many bytes an answer may have.
        transport: what carries the requests, for tests.

    Raises:
        Refused: the libraries for the web are not installed.
    """

    def __init__(  # noqa: PLR0913 - where it is, and how much it is asked and believed
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        requests_per_s: float,
        largest: int = LARGEST_ANSWER,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._libraries = libraries = _libraries()
        self._timeout = timeout_s
        self._largest = largest
        most = sum(AT_A_TIME.values())
        self._turns = Turns(requests_per_s, lambda rate: libraries.aiolimiter.AsyncLimiter(rate, 1))
        self._client = libraries.httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=timeout_s,
            transport=transport,
            verify=_authorities() if transport is None else True,
            trust_env=False,  # neither a proxy nor a .netrc gets to see the headers
            limits=libraries.httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )

    async def __aenter__(self) -> Self:
        """Connections are made as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    def turn(self, urgency: Urgency) -> AbstractAsyncContextManager[None]:
        """Wait until another request may be made; what is asked for within is that request."""
        return self._turns.turn(urgency)

    async def command(self, method: str, path: str, body: Json | None = None) -> WebAnswer:
        """Send something once, within its `turn`, and return what the service says to it.

        Raises:
            Unanswered: it may have been done, or may yet be.
        """
        return await self._command(method, path, json=body)

    async def submit(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> WebAnswer:
        """Send a form once, with headers of its own, and return what the service says to it.

        Raises:
            Unanswered: it may have been taken, or may yet be.
        """
        return await self._command("POST", path, data=fields, headers=headers)

    async def insist(  # noqa: PLR0913 - what, for how long, and on what condition
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        within_s: float,
        repeatable: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> WebAnswer:
        """Send what makes things safer before all else, and again while the service has no time for it (429).

        Args:
            method: of the request.
            path: of the request.
            body: of the request.
            within_s: for how long it is begun anew, after longer and longer rests.
            repeatable: whether it is sent again also where nobody can tell whether it was done, for twice
                does no more than once.
            wanted: whether it still is.

        Returns:
            What the service says to it; 429 if it has said nothing else in all that time.

        Raises:
            Unanswered: it may have been done, or may yet be.
        """
        again = (_TooMuch, Unanswered) if repeatable else (_TooMuch,)
        try:
            async for attempt in self._libraries.stamina.retry_context(
                again,
                attempts=None,
                timeout=within_s,
                wait_initial=0.1,
                wait_jitter=0.1,
                wait_max=LONGEST_REST_S,
            ):
                with attempt:
                    async with self.turn(Urgency.FIRST):
                        answer = await self.command(method, path, body)
                    return _settled(answer) if wanted() else answer
        except _TooMuch as busy:
            return busy.answer
        raise AssertionError  # the last attempt returns or raises

    async def question(self, path: str, **params: str | int) -> WebAnswer:
        """Ask for something that asking does not change, a few times if need be.

        Raises:
            Unanswered: each time.
        """
        httpx = self._libraries.httpx
        async for attempt in self._libraries.stamina.retry_context(
            Unanswered, attempts=ATTEMPTS, timeout=4 * self._timeout, wait_initial=0.05, wait_jitter=0.1
        ):
            with attempt:
                try:
                    async with self.turn(Urgency.SOON), asyncio.timeout(self._timeout):
                        response = await self._whole("GET", path, params=params or None)
                except (httpx.HTTPError, TimeoutError) as error:
                    raise Unanswered(_told(error)) from None
                answer = _answer(response)
                if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise Unanswered("it is asked too much (429)")
                return answer
        raise AssertionError  # the last attempt returns or raises

    def listen(
        self, path: str, silence_s: float, **params: str
    ) -> AbstractAsyncContextManager[AsyncIterator[list[Json]]]:
        """Open a stream of JSON lines; it yields those that arrive together, and has no end.

        Args:
            path: of the stream.
            silence_s: for how long nothing at all may arrive before the stream counts as dead.
            params: of the query.

        Raises:
            Unanswered: by opening or iterating it: the stream is refused, broken, over or silent.
        """
        return self._listen(path, silence_s, params)

    async def _command(self, method: str, path: str, **how: Any) -> WebAnswer:
        httpx = self._libraries.httpx
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._whole(method, path, **how)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unanswered(_told(error)) from None
        return _answer(response)

    async def _whole(self, method: str, path: str, **how: Any) -> "httpx.Response":
        """Return an answer with all that is in it, unless that is too much; raises Unanswered then."""
        content = bytearray()
        async with self._client.stream(method, path, **how) as response:
            async for part in response.aiter_bytes():
                content += part
                if len(content) > self._largest:
                    raise Unanswered(f"its answer has more than {self._largest} bytes")
        whole: httpx.Response = self._libraries.httpx.Response(response.status_code, content=bytes(content))
        return whole

    @asynccontextmanager
    async def _listen(
        self, path: str, silence_s: float, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[list[Json]]]:
        httpx = self._libraries.httpx
        timeout = httpx.Timeout(self._timeout, read=silence_s)
        await self._turns.take(Urgency.SOON)
        try:
            async with self._client.stream("GET", path, params=params, timeout=timeout) as response:
                if response.status_code != HTTPStatus.OK:
                    raise Unanswered(f"the stream is refused ({response.status_code})")
                yield _lines(response, silence_s)
        except httpx.ReadTimeout:
            raise Silent(f"the stream is silent for {silence_s:g} s") from None
        except httpx.HTTPError as error:
            raise Unanswered(_told(error)) from None


async def _lines(response: "httpx.Response", silence_s: float) -> AsyncIterator[list[Json]]:
    """Yield the lines of each burst; bytes that make no line do not count as life."""
    rest, now = b"", asyncio.get_running_loop().time
    heard = now()
    async for more in response.aiter_bytes():
        *whole, rest = (rest + more).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Unanswered("the stream has a line without an end")
        if burst := [_object(line) for line in whole if line.strip()]:
            heard = now()
            yield burst
        elif now() - heard > silence_s:
            raise Silent(f"the stream is silent for {silence_s:g} s")
    raise Unanswered("the stream has ended")


def _answer(response: "httpx.Response") -> WebAnswer:
    """What a service says, if it is the service that says it; raises Unanswered."""
    status = response.status_code
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if not (response.is_success or refused) or status == HTTPStatus.REQUEST_TIMEOUT:
        raise Unanswered(f"it answers {status}", over=status in FAILED)
    try:
        return WebAnswer(status, _object(response.content))
    except Unanswered:
        raise Unanswered(f"it answers {status}, and nothing that makes sense") from None


def _object(text: bytes) -> Json:
    try:
        return msgspec.json.decode(text, type=Json)
    except msgspec.DecodeError:
        raise Unanswered("it sends something else than JSON objects") from None


def _settled(answer: WebAnswer) -> WebAnswer:
    """An answer that means something has come of it; raises _TooMuch."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _TooMuch(answer)
    return answer


def _told(error: Exception) -> str:
    """What happened to a request, without what was in it."""
    name = "the time is over" if isinstance(error, TimeoutError) else type(error).__name__
    return f"no answer: {name}"


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed; read once, for that takes a while and a system has many services."""
    authorities: ssl.SSLContext = _libraries().httpx.create_ssl_context(trust_env=False)
    return authorities


class _Libraries(NamedTuple):
    httpx: ModuleType
    aiolimiter: ModuleType
    stamina: ModuleType


def _libraries() -> _Libraries:
    """The optional libraries, where they are installed; raises Refused."""
    try:
        import aiolimiter  # noqa: PLC0415 - an extra: most systems talk to no service
        import httpx  # noqa: PLC0415 - the same
        import stamina  # noqa: PLC0415 - the same
    except ImportError as missing:
        raise Refused(
            f"{missing.name} is not installed; to talk to venues, pip install 'lts[oanda]', to log in "
            "at a provider, pip install 'lts[oidc]'"
        ) from None
    return _Libraries(httpx, aiolimiter, stamina)
