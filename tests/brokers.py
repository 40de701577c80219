"""MQTT brokers for tests: Mosquitto where it is installed, else one from PyPI; each on a port of its own."""

import json
import queue
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
PASSWD = shutil.which("mosquitto_passwd") or ""
_RUMQTTD = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 5000
    max_payload_size = 262144
    max_inflight_count = 100
"""


class Broker:
    """A broker of a test, which can be ended and begun again at the same port."""

    def __init__(
        self, directory: Path, settings: str = "", *, mosquitto: bool = MOSQUITTO is not None
    ) -> None:
        self.mosquitto = mosquitto
        self.port = free_port()
        self.config = directory / f"broker-{self.port}.toml"
        if mosquitto:
            store = f"persistence true\npersistence_location {directory}/\nautosave_interval 1\nuser root\n"
            listener = f"listener {self.port} 127.0.0.1\n"
            self.config.write_text(store + listener + (settings or "allow_anonymous true\n"))
        else:
            self.config.write_text(_RUMQTTD.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        if self.mosquitto:
            command = [str(MOSQUITTO), "-c", str(self.config)]
        else:
            serve = "from iotcore._serve import main; main()"
            command = [sys.executable, "-c", serve, json.dumps({"config_path": str(self.config)})]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)  # noqa: TID251 - it is another process
        raise TimeoutError("the broker does not listen")

    def end(self, *, kill: bool = False) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill() if kill else process.terminate()
            process.wait(10)
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def broker(directory: Path, settings: str = "", **how: Any) -> Iterator[Broker]:
    found = Broker(directory, settings, **how)
    found.begin()
    try:
        yield found
    finally:
        found.end()


class Subscriber:
    """Somebody who listens, with paho alone."""

    def __init__(self, port: int, *topics: str, name: str = "", qos: int = 1) -> None:
        self.heard: queue.SimpleQueue[paho.MQTTMessage] = queue.SimpleQueue()
        self.subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        self._topics = [(topic, qos) for topic in topics]
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = lambda *_: self.subscribed.put(None)
        self.client.on_message = lambda _client, _data, message: self.heard.put(message)
        self.client.reconnect_delay_set(1, 1)
        properties = paho.Properties(paho.PacketTypes.CONNECT)  # type: ignore[attr-defined,no-untyped-call]
        if name:
            properties.SessionExpiryInterval = 600
        self.client.connect("127.0.0.1", port, 10, clean_start=not name, properties=properties)
        self.client.loop_start()
        self.subscribed.get(timeout=10)

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topics)

    def next(self, within: float = 10.0) -> tuple[str, Any]:
        message = self.heard.get(timeout=within)
        return message.topic, json.loads(message.payload)

    def until(self, topic: str, within: float = 10.0) -> Any:
        """Return the next payload of a topic, whatever comes before."""
        deadline = time.monotonic() + within
        while True:
            found, payload = self.next(max(0.01, deadline - time.monotonic()))
            if found == topic:
                return payload

    def all(self) -> list[tuple[str, Any]]:
        return [self.next(0) for _ in range(self.heard.qsize())]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
