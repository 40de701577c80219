"""Commands a node of LTS over MQTT 5: `pip install paho-mqtt cryptography`, and copy this file.

    python command.py --node lts --key KEY --secret key.pem ping
    python command.py --node lts --key KEY --secret key.pem submit '{"portfolio": "main",
        "idempotency_key": "monday-1", "instrument": "BTC/USD", "side": "buy", "quantity": "0.1"}'

The secret is an Ed25519 key (`openssl genpkey -algorithm ed25519 -out key.pem`), whose public half was
registered with `POST /api/v1/me/api-keys`. It prints the answer; the exit code is 0 if that is a result.
"""

import argparse
import json
import ssl
import sys
import time
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 50.0
"""Longer than a node takes to answer."""


def signed(  # noqa: PLR0913 - all that a signature is over
    secret: Ed25519PrivateKey,
    *,
    topic: str,
    key: str,
    body: bytes,
    response_topic: str = "",
    correlation: bytes = b"",
    nonce: str = "",
    created: int | None = None,
) -> bytes:
    """Return the payload of a command: its body, who signs it, and the signature.

    Args:
        secret: of the API key.
        topic: the whole topic that it is published to.
        key: the id of the API key.
        body: a JSON object, letter by letter as it goes into the payload.
        response_topic: where the answer is wanted, below `lts/v1/{node}/reply/`.
        correlation: by what the answer is known.
        nonce: 16 to 128 printable letters that were never used before; made if it is not given.
        created: seconds since 1970; now if it is not given.
    """
    nonce = nonce or token_hex(16)
    created = int(time.time()) if created is None else created
    text = "\n".join(
        (
            "lts-command/1",
            f"topic: {topic}",
            f"key: {key}",
            f"nonce: {nonce}",
            f"created: {created}",
            f"response-topic: {response_topic}",
            f"correlation: {b64encode(correlation).decode()}",
            f"sha-256: {sha256(body).hexdigest()}",
        )
    )
    signature = b64encode(secret.sign(text.encode())).decode()
    told = {"key": key, "nonce": nonce, "created": created, "signature": signature}
    return json.dumps(told).encode()[:-1] + b', "body": ' + body + b"}"


class Client:
    """A connection to the broker of a node, by which that node is commanded.

    Args:
        node: as `[mqtt] node` names it.
        key: the id of an API key.
        secret: its secret.
        host, port: where the broker is.
        user, password: who we are to the broker.
        tls: whether what passes is encrypted; a context says how.
    """

    def __init__(  # noqa: PLR0913 - where, and who
        self,
        node: str,
        key: str,
        secret: Ed25519PrivateKey,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.root = f"lts/v1/{quote(node, safe='')}"
        self.reply = f"{self.root}/reply/{token_hex(8)}"
        self._key, self._secret = key, secret
        self._answers: SimpleQueue[tuple[bytes, Any]] = SimpleQueue()
        self._ready: SimpleQueue[None] = SimpleQueue()
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if user:
            self._paho.username_pw_set(user, password)
        if tls:
            self._paho.tls_set_context(tls)
        self._paho.on_connect = lambda client, *_: client.subscribe(self.reply, 1)
        self._paho.on_subscribe = lambda *_: self._ready.put(None)
        self._paho.on_message = self._hear
        self._paho.connect(host, port)
        self._paho.loop_start()
        self._ready.get(timeout=PATIENCE_S)

    def command(self, name: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """Command something and return the answer: `status`, and `result` or `problem`.

        Raises:
            TimeoutError: none came. Under the same `idempotency_key` nothing that was done is repeated.
        """
        correlation = token_hex(8).encode()
        topic, body = f"{self.root}/command/{name}", json.dumps(fields or {}).encode()
        way = {"response_topic": self.reply, "correlation": correlation}
        payload = signed(self._secret, topic=topic, key=self._key, body=body, **way)  # type: ignore[arg-type]
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = self.reply, correlation
        self._paho.publish(topic, payload, 1, properties=properties)
        try:
            while True:
                found, answer = self._answers.get(timeout=PATIENCE_S)
                if found == correlation:
                    return dict(answer)
        except Empty:
            raise TimeoutError(f"the node has not answered within {PATIENCE_S:g} s") from None

    def close(self) -> None:
        """Take leave of the broker."""
        self._paho.disconnect()
        self._paho.loop_stop()

    def _hear(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"")
        self._answers.put((correlation, json.loads(message.payload)))


def main() -> int:
    """Read what to command from the arguments; return the exit code."""
    parser = argparse.ArgumentParser(description="Command a node of LTS over MQTT.")
    parser.add_argument("--host", default="127.0.0.1", help="of the broker")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--node", default="lts")
    parser.add_argument("--key", required=True, help="the id of an API key")
    parser.add_argument("--secret", type=Path, required=True, help="the file of its secret, PEM")
    parser.add_argument("--user", default="", help="at the broker")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("name", help="submit, cancel, ping, …")
    parser.add_argument("body", nargs="?", default="{}", help="a JSON object")
    told = parser.parse_args()
    secret = load_pem_private_key(told.secret.read_bytes(), None)
    if not isinstance(secret, Ed25519PrivateKey):
        sys.exit(f"{told.secret} is no key of Ed25519")
    client = Client(
        told.node,
        told.key,
        secret,
        host=told.host,
        port=told.port,
        user=told.user,
        password=told.password_file.read_text().strip() if told.password_file else "",
        tls=ssl.create_default_context() if told.tls else None,
    )
    try:
        answer = client.command(told.name, json.loads(told.body))
    finally:
        client.close()
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    return int("problem" in answer)


if __name__ == "__main__":
    sys.exit(main())
