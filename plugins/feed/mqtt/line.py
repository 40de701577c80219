"""The line to the broker: one client a connection, and the messages that it brings."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import IPPROTO_TCP, TCP_NODELAY

from aiomqtt import Client, Message, MqttError, ProtocolVersion

from lts.sdk import Unanswered

MOST_WAITING = 1_000
"""Messages that wait to be looked at; what comes beyond that is lost, and counted as missed."""
PATIENCE_S = 5.0


@asynccontextmanager
async def line(  # noqa: PLR0913 - where, and who
    host: str,
    port: int,
    topics: str,
    *,
    protocol: str,
    user: str,
    password: str,
    tls: ssl.SSLContext | None,
) -> AsyncIterator[AsyncIterator[Message]]:
    """Yield the messages that come under some topics, for as long as the line holds.

    Raises:
        Unanswered: the broker is not reached, or lets us hear nothing, or the line is lost.
    """
    client = Client(
        host,
        port,
        username=user or None,
        password=password or None,
        protocol=ProtocolVersion.V5 if protocol == "5" else ProtocolVersion.V311,
        timeout=PATIENCE_S,
        tls_context=tls,
        max_queued_incoming_messages=MOST_WAITING,
        socket_options=[(IPPROTO_TCP, TCP_NODELAY, 1)],
    )
    try:
        await client.__aenter__()
        granted = await client.subscribe(topics, qos=1)
        if any(getattr(code, "value", code) >= 128 for code in granted):  # noqa: PLR2004 - MQTT 5, 3.9.3
            raise Unanswered(f"the broker at {host}:{port} does not let us hear {topics}")
        yield aiter(client.messages)
    except MqttError as error:
        raise Unanswered(f"the broker at {host}:{port} is not reached: {error}") from None
    finally:
        if client._client.is_connected():  # noqa: SLF001 - the library does not say
            with suppress(MqttError):
                await client.__aexit__(None, None, None)
        if client._client.socket() is not None:  # noqa: SLF001 - it is left open where nobody answers
            client._client._sock_close()  # noqa: SLF001 - the same
