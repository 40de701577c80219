"""`[mqtt]`: the bridge, off unless a broker is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lts.config.file import read_system
from lts.live import bridged
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("LTS-003", "INT-016")

Write = Callable[[str], Path]


def test_without_a_word_there_is_no_bridge(system: str, write: Write) -> None:
    assert read_system(write(system)).mqtt is None


def test_one_setting_turns_it_on_and_another_off(system: str, write: Write) -> None:
    mqtt = read_system(write(f'{system}\n[mqtt]\nhost = "127.0.0.1"\n')).mqtt
    assert mqtt is not None
    assert (mqtt.enabled, bridged(mqtt).port, bridged(mqtt).tls) == (True, 1883, False)
    off = read_system(write(f'{system}\n[mqtt]\nhost = "127.0.0.1"\nenabled = false\n')).mqtt
    assert off is not None
    assert not off.enabled


def test_a_certificate_authority_means_tls_on_its_port(system: str, write: Write) -> None:
    mqtt = read_system(write(f'{system}\n[mqtt]\nhost = "broker"\nca = "ca.pem"\n')).mqtt
    assert mqtt is not None
    told = bridged(mqtt)
    assert (told.port, told.tls, Path(told.ca).is_absolute()) == (8883, True, True)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('publish = ["everything"]', "publish"),
        ("rates = { everything = 1 }", "rates"),
        ("rates = { quotes = 0 }", "rates"),
        ('rates = { trades = 5 }\nbatch = ["trades"]', "trades go in batches"),
        ('certificate = "c.pem"', "certificate and key go together"),
        ('password_file = "p"', "a password needs its user"),
        ('user = "u"\npassword_file = "p"', "without TLS the password can be read"),
        ('node = "a#b"', "node"),
        ('protocol = "4"', "protocol"),
        ("in_flight = 0", "in_flight"),
        ("topic = 1", "topic"),
    ],
)
def test_a_setting_that_would_not_do_is_refused_in_one_sentence(
    system: str, write: Write, rule: str, said: str
) -> None:
    with pytest.raises(Refused, match="mqtt") as refused:
        read_system(write(f'{system}\n[mqtt]\nhost = "broker"\n{rule}\n'))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_bridge_without_a_broker_is_refused(system: str, write: Write) -> None:
    with pytest.raises(Refused, match=r"mqtt.*host"):
        read_system(write(f"{system}\n[mqtt]\nenabled = true\n"))


def test_commands_are_off_until_they_are_turned_on_and_take_the_api(system: str, write: Write) -> None:
    mqtt = f'{system}\n[mqtt]\nhost = "127.0.0.1"\n'
    plan = read_system(write(mqtt)).mqtt
    assert plan is not None
    assert not bridged(plan).commands
    with pytest.raises(Refused, match=r"these go by the rules of the API; describe \[api\] as well"):
        read_system(write(f"{mqtt}commands = true\n"))
    plan = read_system(write(f"{mqtt}commands = true\ncommands_per_s = 5\n[api]\n")).mqtt
    assert plan is not None
    assert (bridged(plan).commands, bridged(plan).commands_per_s) == (True, 5)
