"""The broker of deploy/mosquitto: TLS, passwords, and who may read and write what."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.brokers import MOSQUITTO, PASSWD, Broker
from tests.certificates import make

pytestmark = [
    pytest.mark.requirement("LTS-003"),
    pytest.mark.skipif(not MOSQUITTO, reason="Mosquitto is not installed"),
]
DEPLOYED = Path(__file__).parents[3] / "deploy/mosquitto"
USERS = ("lts", "dashboard", "trader", "office", "feed")
ROOT = "lts/v1/lts"
TOPICS = (
    f"{ROOT}/market/SP500/quote",
    f"{ROOT}/batch/quotes",
    f"{ROOT}/portfolio/main/order",
    f"{ROOT}/portfolio/main/account",
    f"{ROOT}/system/status",
    f"{ROOT}/command/submit",
    f"{ROOT}/reply/trader/1",
    f"{ROOT}/reply/other/1",
    f"{ROOT}/in/market/SP500/quote",
    "lts/v1/other/market/SP500/quote",
)
READS = {
    "dashboard": {0, 1},
    "trader": {6},
    "office": {2, 3, 4},
    "feed": set[int](),
}
WRITES = {"dashboard": set[int](), "trader": {5}, "office": set[int](), "feed": {8}}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Mosquitto, with the files of deploy as they are but for where they lie and the port."""
    here = tmp_path_factory.mktemp("mosquitto")
    make(here, "ca", days=2)
    make(here, "server", signed_by="ca", days=1)
    for number, user in enumerate(USERS):
        create = [] if number else ["-c"]
        subprocess.run([PASSWD, *create, "-b", str(here / "passwords"), user, f"{user}-word"], check=True)
    (here / "acl").write_text((DEPLOYED / "acl").read_text(encoding="utf-8"), encoding="utf-8")
    found = Broker(here, mosquitto=True)
    text = (DEPLOYED / "mosquitto.conf").read_text(encoding="utf-8")
    for placed, name in (
        ("/etc/mosquitto/certs/server.crt", "server.pem"),
        ("/etc/mosquitto/certs/server.key", "server.key"),
        ("/etc/mosquitto/passwords", "passwords"),
        ("/etc/mosquitto/acl", "acl"),
        ("/var/lib/mosquitto/", ""),
    ):
        assert placed in text
        text = text.replace(placed, f"{here}/{name}")
    found.config.write_text(f"user root\n{text}".replace("listener 8883", f"listener {found.port} 127.0.0.1"))
    found.begin()
    yield found
    found.end()


class Visitor:
    """A user of the broker, over TLS."""

    def __init__(self, found: Broker, user: str, password: str = "") -> None:
        self.heard: SimpleQueue[str] = SimpleQueue()
        self.told: SimpleQueue[int] = SimpleQueue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.username_pw_set(user, password or f"{user}-word")
        self.client.tls_set(str(found.config.parent / "ca.pem"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.on_connect = lambda _c, _d, _f, code, _p: self.told.put(code.value)
        self.client.on_publish = lambda _c, _d, _m, code, _p: self.told.put(code.value)
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.told.put(codes[0].value)
        self.client.on_message = lambda _c, _d, message: self.heard.put(message.topic)
        self.client.connect("127.0.0.1", found.port, 10)
        self.client.loop_start()
        self.let_in = self.told.get(timeout=10) == 0

    def may_write(self, topic: str) -> bool:
        self.client.publish(topic, b"{}", 1)
        return self.told.get(timeout=10) < 128

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_nobody_is_let_in_without_a_password(deployed: Broker) -> None:
    stranger = Visitor(deployed, "lts", "wrong")
    assert not stranger.let_in
    stranger.close()


def test_each_may_write_what_is_theirs(deployed: Broker) -> None:
    for user, allowed in {**WRITES, "lts": set(range(9))}.items():
        visitor = Visitor(deployed, user)
        assert {at for at, topic in enumerate(TOPICS) if visitor.may_write(topic)} == allowed, user
        visitor.close()


def test_each_hears_what_is_theirs(deployed: Broker) -> None:
    visitors = {user: Visitor(deployed, user) for user in READS}
    for visitor in visitors.values():
        visitor.client.subscribe([("lts/v1/#", 1)])
        visitor.told.get(timeout=10)
    node = Visitor(deployed, "lts")
    for topic in TOPICS:
        node.may_write(topic)
    for user, visitor in visitors.items():
        heard = set()
        for _ in READS[user]:
            heard.add(TOPICS.index(visitor.heard.get(timeout=10)))
        with pytest.raises(Empty):
            visitor.heard.get(timeout=0.1)
        assert heard == READS[user], user
        visitor.close()
    node.close()
