"""The line to the broker: how it is opened, what goes over it, and why it cannot be had, in one sentence."""

import asyncio
import re
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any, TypeVar

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttCodeError, MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from actors.mqtt.letters import MSGPACK, Letter
from actors.mqtt.params import MqttParams
from actors.mqtt.window import Window
from lts.security.secret_file import read_secret

T = TypeVar("T")

_CREDENTIALS = frozenset({4, 134})
_FORBIDDEN = frozenset({5, 135, 138})
"""Reason codes of CONNACK: MQTT 3.1.1, section 3.2.2.3, and MQTT 5, section 3.2.2.2."""
_CODE = re.compile(r"^\[(code:\d+|Errno -?\d+|SSL: [A-Z0-9_]+)\] *|\(_ssl\.c:\d+\)")

_FAILED = 128
"""From which on a reason code is a failure."""

MOST_UNREAD = 1_000
"""Messages of the broker that wait to be looked at; what comes beyond that is lost."""
MOST_BYTES = 1_048_576
"""Of a message of the broker."""
GRACE_S = 0.05
LAST_WORDS_S = 1.0
"""For the broker to take leave."""


class Line(Client):
    """A client of the broker. It is made anew for each connection."""

    def __init__(self, params: MqttParams, will: Letter, password: str | None, tls: Any) -> None:
        five = params.protocol == "5"
        super().__init__(
            params.host,
            params.port,
            username=params.user or None,
            password=password,
            identifier=params.identifier,
            protocol=ProtocolVersion.V5 if five else ProtocolVersion.V311,
            will=Will(will.topic, will.payload, will.qos, will.retain),
            clean_session=None if five else False,
            clean_start=False if five else 3,
            properties=_properties(params) if five else None,
            keepalive=params.keepalive_s,
            timeout=params.timeout_s,
            max_inflight_messages=params.in_flight,
            max_queued_incoming_messages=MOST_UNREAD,
            tls_context=tls,
            socket_options=[(IPPROTO_TCP, TCP_NODELAY, 1)],
        )
        self._five = five
        self.in_flight = params.in_flight
        """How many may be on their way: no more than the broker has said that it takes."""
        self._room = asyncio.Semaphore(0)
        self._window = Window(self._put)
        self._packed = _content(MSGPACK) if five else None
        self.pending_calls_threshold = params.in_flight
        self.refused = 0
        """Messages that the broker did not take from this user."""
        self._sent = 0

    @property
    def sent(self) -> int:
        """Messages that the broker has taken."""
        return self._sent + self._window.taken

    async def reach(self) -> None:
        """Connect; raises MqttError."""
        await self.__aenter__()
        self._room = asyncio.Semaphore(self.in_flight)
        self._window.most = self.in_flight

    async def say_last(self, letter: Letter) -> None:
        """Send something before the line is left, if it still takes anything."""
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.send(letter)

    async def leave(self) -> None:
        """Take leave of the broker if it still listens, and let nothing of the connection be left."""
        self.timeout = LAST_WORDS_S
        if self._client.is_connected():
            with suppress(MqttError):
                await self.__aexit__(None, None, None)
        if self._client.socket() is not None:
            self._client._sock_close()  # noqa: SLF001 - the library leaves it open when nobody answers

    async def listen(self, topics: str) -> bool:
        """Have the broker bring what comes under topics, and return whether it will; raises MqttError."""
        if self._five:
            # The flag of what is retained stays as it was published, so that such a command is known.
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            granted: Any = await self._unless_lost(self.subscribe(topics, options=options))
        else:
            granted = await self._unless_lost(self.subscribe(topics, qos=1))
        return all(getattr(code, "value", code) < _FAILED for code in granted)

    def unread(self) -> list[Any]:
        """Return what the broker has brought and nobody has looked at; it takes that as delivered."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def send(self, letter: Letter, correlation: bytes = b"") -> None:
        """Have the broker take a message, as soon as it lets us; raises MqttError."""
        properties = _correlated(correlation) if correlation and self._five else None
        async with self._room:
            await self.publish(letter.topic, letter.payload, letter.qos, letter.retain, properties=properties)
        self._sent += 1

    async def send_all(self, letters: list[Letter]) -> None:
        """Have the broker take messages, in order, as many at once as it lets us; raises MqttError."""
        await self._window.send(letters, self.timeout)

    def _put(self, letter: Letter) -> int:
        """Hand a message to the client below; the library would have a task wait for each."""
        of_its_kind = self._packed if letter.content == MSGPACK else None
        told = self._client.publish(letter.topic, letter.payload, letter.qos, letter.retain, of_its_kind)
        if told.rc:
            raise MqttCodeError(told.rc, "Could not publish message")
        return told.mid

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that the broker answers; the library would wait for that though the line is lost."""
        task = asyncio.create_task(work)
        either: set[asyncio.Future[Any]] = {task, self._disconnected}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({task}, timeout=GRACE_S)  # why it was lost may be what it has to say
            if task.done():
                return task.result()
            raise MqttError("the broker has closed the line")
        finally:
            task.cancel()

    def _on_connect(self, *told: Any) -> None:
        most = getattr(told[-1], "ReceiveMaximum", None)
        if most:
            self.in_flight = min(self.in_flight, most)
            # The client below holds back what is beyond that, of all who send; it has no door for it by now.
            self._client._max_inflight_messages = self.in_flight  # noqa: SLF001
        super()._on_connect(*told)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        """Write when the socket takes it; the library would also listen to one that was closed meanwhile."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the end of the connection
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(watch)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        self.refused += bool(getattr(reason_code, "is_failure", False))
        super()._on_publish(client, userdata, mid, reason_code, properties)
        self._window.take(mid)


async def opened(params: MqttParams, will: Letter) -> Line:
    """Return a line that is not connected yet.

    Raises:
        Refused: the password cannot be read.
        OSError, ssl.SSLError: a certificate cannot be read; see `sentence`.
    """
    password = None
    if params.password_file:
        password = await asyncio.to_thread(read_secret, Path(params.password_file), "password of the broker")
    tls = await asyncio.to_thread(_tls, params) if params.tls else None
    return Line(params, will, password, tls)


def sentence(error: Exception, params: MqttParams) -> str:
    """Return why the broker is not reached, and what to do about it."""
    where = f"the MQTT broker at {params.address}"
    code = getattr(getattr(error, "rc", None), "value", getattr(error, "rc", None))
    text = _CODE.sub("", str(error)).strip(" .")
    if isinstance(error, MqttConnectError) and code in _CREDENTIALS:
        return f"{where} does not take the user and password; check [mqtt] user and password_file"
    if isinstance(error, MqttConnectError) and code in _FORBIDDEN:
        return f"{where} does not let us in; check its access rules and [mqtt] user and password_file"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{where} shows a certificate that is not to be trusted: {text}; check [mqtt] ca and host"
    if isinstance(error, ssl.SSLError | OSError) and not isinstance(error, MqttError):
        return f"a file of [mqtt] cannot be read: {text}"
    if isinstance(error, MqttError) and "timed out" in text.lower():
        return f"{where} does not answer within {params.timeout_s:g} s"
    return f"{where} is not reached: {text or type(error).__name__}"


def _properties(params: MqttParams) -> Any:
    make: Any = Properties
    properties = make(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = params.session_expiry_s
    properties.ReceiveMaximum = params.in_flight
    properties.MaximumPacketSize = MOST_BYTES
    return properties


def _correlated(correlation: bytes) -> Any:
    make: Any = Properties
    properties = make(PacketTypes.PUBLISH)
    properties.CorrelationData = correlation
    return properties


def _content(kind: str) -> Any:
    make: Any = Properties
    properties = make(PacketTypes.PUBLISH)
    properties.ContentType = kind
    return properties


def _tls(params: MqttParams) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=params.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if params.certificate:
        context.load_cert_chain(params.certificate, params.key)
    return context
