"""A broker to measure with: one that is there already, Mosquitto where it is installed, or one from PyPI."""

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec

from bus import pause
from lts.refusal import Refused

MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
"""
RUMQTTD = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 5000
    max_payload_size = 1048576
    max_inflight_count = 100
"""
STARTED_S = 10.0


class Found(msgspec.Struct, frozen=True):
    """A broker, and what it is called in the report."""

    name: str
    host: str
    port: int


@contextmanager
def a_broker(address: str) -> Generator[Found, None, None]:
    """A broker that listens: the one at an address, or one that is begun here and ended again.

    Raises Refused if there is none.
    """
    if address:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise Refused(f"{address!r} is no address of a broker; give HOST:PORT")
        yield Found(address, host, int(port))
        return
    with TemporaryDirectory() as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port_here: int = probe.getsockname()[1]
        probe.close()
        name, command = _command(Path(directory), port_here)
        with subprocess.Popen(  # noqa: S603 - a broker that is installed, with a file of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield Found(name, "127.0.0.1", port_here)
            finally:
                process.terminate()


def _command(directory: Path, port: int) -> tuple[str, list[str]]:
    file = directory / "broker"
    mosquitto = which("mosquitto") or which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto:
        file.write_text(MOSQUITTO.format(port=port), encoding="utf-8")
        return "mosquitto", [mosquitto, "-c", str(file)]
    if find_spec("iotcore"):
        file.write_text(RUMQTTD.format(port=port), encoding="utf-8")
        serve = "from iotcore._serve import main; main()"
        return "iotcore", [sys.executable, "-c", serve, json.dumps({"config_path": str(file)})]
    raise Refused(
        "there is no MQTT broker to measure with; install Mosquitto, or name one by --broker HOST:PORT"
    )


async def listening(found: Found) -> None:
    """Wait until the broker listens; Refused if it does not."""
    deadline = perf_counter() + STARTED_S
    while True:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((found.host, found.port)) == 0:
                return
        if perf_counter() > deadline:
            raise Refused(f"the MQTT broker at {found.host}:{found.port} does not listen")
        await pause(0.02)
