"""A broker that does not want us, or not all that we say: one sentence, and the node goes on."""

import subprocess
from pathlib import Path

import pytest

from actors.mqtt.letters import Letters
from actors.mqtt.line import opened, sentence
from actors.mqtt.params import MqttParams
from lts.refusal import Refused
from tests.brokers import MOSQUITTO, PASSWD, broker, free_port
from tests.certificates import make

pytestmark = [
    pytest.mark.requirement("LTS-003"),
    pytest.mark.skipif(not MOSQUITTO, reason="Mosquitto is not installed"),
]


def secret(directory: Path, text: str, mode: int = 0o600) -> str:
    path = directory / "password"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def guarded(directory: Path, rules: str = "user lts\ntopic readwrite lts/v1/#\n") -> str:
    users, acl = directory / "users", directory / "acl"
    subprocess.run([PASSWD, "-b", "-c", str(users), "lts", "right"], check=True)
    acl.write_text(rules)
    return f"allow_anonymous false\npassword_file {users}\nacl_file {acl}\n"


async def trouble(params: MqttParams) -> str:
    """Return why the broker is not reached; empty if it is."""
    letters = Letters(params, 0)
    try:
        line = await opened(params, letters.standing(online=False, reason="", at=0))
        try:
            await line.reach()
            await line.send(letters.standing(online=True, reason="", at=0))
            return f"{line.refused} refused" if line.refused else ""
        finally:
            await line.leave()
    except Refused as refused:
        return str(refused)
    except Exception as error:  # noqa: BLE001 - whatever it is has to make a sentence
        return sentence(error, params)


async def test_a_wrong_password_is_said_and_a_right_one_lets_in(tmp_path: Path) -> None:
    with broker(tmp_path, guarded(tmp_path)) as found:
        at = MqttParams("127.0.0.1", found.port, user="lts", password_file=secret(tmp_path, "wrong"))
        assert "user and password_file" in await trouble(at)
        secret(tmp_path, "right")
        assert not await trouble(at)


async def test_a_password_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = secret(tmp_path, "right", 0o644)
    at = MqttParams("127.0.0.1", free_port(), user="lts", password_file=path)
    assert "so others can use it" in await trouble(at)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_the_access_rules_do_not_let_through_is_counted_where_the_broker_says_so(
    tmp_path: Path, protocol: str
) -> None:
    with broker(tmp_path, guarded(tmp_path, "user lts\ntopic read lts/v1/#\n")) as found:
        at = MqttParams(
            "127.0.0.1", found.port, user="lts", password_file=secret(tmp_path, "right"), protocol=protocol
        )
        assert await trouble(at) == ("1 refused" if protocol == "5" else "")


# The client library leaves the socket of a handshake that failed to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_certificate_that_is_over_or_of_a_stranger_is_said(tmp_path: Path) -> None:
    make(tmp_path, "ca", days=2)
    make(tmp_path, "good", signed_by="ca", days=1)
    make(tmp_path, "over", signed_by="ca", days=-1)
    ca = str(tmp_path / "ca.pem")
    for name, said in (("good", ""), ("over", "certificate has expired")):
        files = f"allow_anonymous true\ncertfile {tmp_path}/{name}.pem\nkeyfile {tmp_path}/{name}.key\n"
        with broker(tmp_path, f"{files}cafile {ca}\n") as found:
            told = await trouble(MqttParams("127.0.0.1", found.port, tls=True, ca=ca, timeout_s=2))
            assert said in told
            assert bool(told) is bool(said)
    missing = await trouble(MqttParams("127.0.0.1", free_port(), tls=True, ca=str(tmp_path / "none.pem")))
    assert "a file of [mqtt] cannot be read" in missing
