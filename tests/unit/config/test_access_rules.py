"""`[access]`: who may come in, and by which rules."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lts.config.file import read_system
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-021", "INT-022", "INT-026")

Write = Callable[[str], Path]


def test_without_a_word_users_are_known_by_the_built_in_plugin(system: str, write: Write) -> None:
    access = read_system(write(system)).access
    assert (access.plugin, access.params, access.token_minutes, access.lock_after) == ("local", {}, 10, 5)


def test_each_rule_can_be_another(system: str, write: Write) -> None:
    rules = "\n[access]\nsession_idle_h = 0.5\nsession_days = 1\nlock_first_s = 5\ntoken_minutes = 5\n"
    access = read_system(write(system + rules)).access
    assert (access.session_idle_h, access.session_days, access.lock_first_s) == (0.5, 1, 5)
    assert access.token_minutes == 5


@pytest.mark.parametrize(
    "rule",
    [
        "token_minutes = 11", "token_minutes = 4", "session_idle_h = 0", "session_days = 366",
        "lock_after = 2",
        "lock_longest_s = 0", "signature_window_s = 301", "key_days = -1", 'plugin = "../x"', "tokens = 1",
    ],
)  # fmt: skip
def test_a_rule_that_would_not_do_is_refused_by_its_name(system: str, write: Write, rule: str) -> None:
    with pytest.raises(Refused, match="access") as refused:
        read_system(write(f"{system}\n[access]\n{rule}\n"))
    assert rule.partition(" ")[0] in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
