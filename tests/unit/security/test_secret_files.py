"""A secret is read only from a file that nobody else could have read."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from lts.kinds.access import AccessParams
from lts.refusal import Refused
from lts.security.secret_file import read_secret

pytestmark = pytest.mark.requirement("INT-020")

SECRET = "d41d8cd98f00b204-e9800998ecf8427e"  # noqa: S105 - of nobody


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "token"
    made.write_text(f"{SECRET}\n")
    made.chmod(0o600)
    return made


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as refused:
        read_secret(path, "access token")
    assert SECRET not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_secret(file, "access token") == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_can_use_is_not(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert f"mode {mode:04o}, so others can use it; chmod 600" in refusal(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_not(file: Path) -> None:
    os.chown(file, 12_345, -1)
    if os.geteuid() == 0:
        assert "belongs to user 12345" in refusal(file)


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    assert "symbolic link" in refusal(tmp_path / "link")


def test_what_is_no_file_is_no_secret(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent")
    assert "regular file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "regular file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("content", ["", "\n", "two words", "two\nlines", "nül", "x" * 5_000])
def test_it_holds_one_line_of_printable_characters(file: Path, content: str) -> None:
    file.write_text(content)
    assert "there is no access token in it" in refusal(file)


def test_its_path_is_whole() -> None:
    assert AccessParams.model_validate({"token_file": "~/t"}).token_file == Path.home() / "t"
    with pytest.raises(ValidationError, match="a whole path"):
        AccessParams.model_validate({"token_file": "beside/the/file"})


def test_both_addresses_are_named_or_none() -> None:
    with pytest.raises(ValidationError, match="name both or neither"):
        AccessParams.model_validate({"token_file": "/t", "url": "https://example.com"})
