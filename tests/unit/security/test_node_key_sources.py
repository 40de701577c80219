"""The node key is looked for in a fixed order, and made only where that was asked for."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from lts.refusal import Refused
from lts.security.key_file import read_node_keys, write_node_keys
from lts.security.key_sources import Source, find_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-020", "INT-025", "INT-026")


def node_keys() -> NodeKeys:
    return NodeKeys(NodeKey.generate())


def development(keys: NodeKeys) -> dict[str, str]:
    return {"LTS_NODE_KEY": keys.format(), "LTS_DEVELOPMENT": "1"}


def refusal_of(state_dir: Path, source: Source = "auto", /, *, create: bool = False, **environ: str) -> str:
    with pytest.raises(Refused) as caught:
        find_node_keys(state_dir, source=source, create=create, environ=environ)
    return str(caught.value)


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir(0o700)
    return directory


class FakeKeyring(ModuleType):
    """What a test puts in place of the package `keyring`."""

    class KeyringError(Exception): ...

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = self.forgetful = False
        self.errors = ModuleType("keyring.errors")
        self.errors.KeyringError = self.KeyringError  # type: ignore[attr-defined]

    def get_password(self, service: str, account: str) -> str | None:
        if self.locked:
            raise self.KeyringError("the account is locked")
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        if self.locked:
            raise self.KeyringError("the account is locked")
        if not self.forgetful:
            self.kept[service, account] = password


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    fake = FakeKeyring()
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", fake.errors)
    return fake


# --- The order ------------------------------------------------------------------------------------


def test_the_first_place_that_has_a_key_counts(state_dir: Path, credentials: Path) -> None:
    credential, file, variable = node_keys(), node_keys(), node_keys()
    write_node_keys(credentials / "lts-node-key", credential)
    write_node_keys(state_dir / "node.key", file)
    environ = development(variable) | {"CREDENTIALS_DIRECTORY": str(credentials)}

    found = find_node_keys(state_dir, create=True, environ=environ)
    assert (found.keys.current.id, found.source) == (
        credential.current.id,
        "the systemd credential lts-node-key",
    )
    (credentials / "lts-node-key").unlink()
    found = find_node_keys(state_dir, create=True, environ=environ)
    assert (found.keys.current.id, found.source) == (file.current.id, f"the file {state_dir / 'node.key'}")
    (state_dir / "node.key").unlink()
    found = find_node_keys(state_dir, create=True, environ=environ)
    assert (found.keys.current.id, found.source) == (variable.current.id, "the variable LTS_NODE_KEY")
    found = find_node_keys(state_dir, create=True, environ={})
    assert (found.made, found.path) == (True, state_dir / "node.key")


@pytest.mark.parametrize("source", ["credential", "file", "environment"])
def test_a_source_that_is_named_is_the_only_one(state_dir: Path, credentials: Path, source: Source) -> None:
    kept = {"credential": node_keys(), "file": node_keys(), "environment": node_keys()}
    write_node_keys(credentials / "lts-node-key", kept["credential"])
    write_node_keys(state_dir / "node.key", kept["file"])
    environ = development(kept["environment"]) | {"CREDENTIALS_DIRECTORY": str(credentials)}
    found = find_node_keys(state_dir, source=source, create=False, environ=environ)
    assert found.keys.format() == kept[source].format()
    assert not found.made


def test_another_key_file_can_be_named(state_dir: Path, tmp_path: Path) -> None:
    keys, elsewhere = node_keys(), tmp_path / "my.key"
    tmp_path.chmod(0o700)
    write_node_keys(elsewhere, keys)
    for source in ("auto", "file"):
        found = find_node_keys(state_dir, key_file=elsewhere, source=source, create=True, environ={})
        assert (found.keys.current.id, found.path) == (keys.current.id, elsewhere)
    assert not (state_dir / "node.key").exists()


def test_a_bad_key_is_refused_and_not_passed_over(state_dir: Path, credentials: Path) -> None:
    environ = development(node_keys()) | {"CREDENTIALS_DIRECTORY": str(credentials)}
    (state_dir / "node.key").symlink_to("gone")
    assert "symbolic link" in refusal_of(state_dir, create=True, **environ)
    (credentials / "lts-node-key").write_text("nonsense")
    (credentials / "lts-node-key").chmod(0o400)
    assert "line 1 does not read" in refusal_of(state_dir, create=True, **environ)


# --- Making one -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["auto", "file"])
def test_a_key_is_made_once_and_found_from_then_on(tmp_path: Path, source: Source) -> None:
    state_dir = tmp_path / "state"
    first = find_node_keys(state_dir, source=source, create=True, environ={})
    second = find_node_keys(state_dir, source=source, create=True, environ={})
    assert (first.made, second.made) == (True, False)
    assert first.keys.format() == second.keys.format()


@pytest.mark.parametrize("source", ["auto", "file"])
def test_no_key_is_made_unasked(state_dir: Path, source: Source) -> None:
    path = state_dir / "node.key"
    assert refusal_of(state_dir, source) == (
        f"{path}: there is no node key; run `lts init`, or put back your copy of it"
    )
    assert not path.exists()


def test_a_file_can_be_found_where_nothing_may_be_written(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = node_keys()
    write_node_keys(state_dir / "node.key", keys)
    monkeypatch.setattr("lts.security.key_sources.make_node_keys", lambda _: pytest.fail("it was made"))
    assert find_node_keys(state_dir, create=True, environ={}).keys.format() == keys.format()


def test_a_key_that_another_process_has_just_made_is_taken(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = node_keys()

    def be_late(path: Path) -> None:
        write_node_keys(path, keys)

    monkeypatch.setattr("lts.security.key_sources.make_node_keys", be_late)
    found = find_node_keys(state_dir, create=True, environ={})
    assert (found.keys.format(), found.made) == (keys.format(), False)


# --- Credentials ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_a_credential_has_the_mode_that_systemd_gives_it(
    state_dir: Path, credentials: Path, mode: int
) -> None:
    write_node_keys(credentials / "lts-node-key", node_keys())
    (credentials / "lts-node-key").chmod(mode)
    credentials.chmod(0o550)
    found = find_node_keys(state_dir, create=False, environ={"CREDENTIALS_DIRECTORY": str(credentials)})
    assert (found.path, found.store) == (None, None)


@pytest.mark.parametrize("mode", [0o404, 0o444, 0o460])
def test_a_credential_for_all_is_refused(state_dir: Path, credentials: Path, mode: int) -> None:
    write_node_keys(credentials / "lts-node-key", node_keys())
    (credentials / "lts-node-key").chmod(mode)
    sentence = refusal_of(state_dir, CREDENTIALS_DIRECTORY=str(credentials))
    assert f"has mode {mode:04o}, so others can use it" in sentence


@pytest.mark.parametrize(
    "environ", [{}, {"CREDENTIALS_DIRECTORY": ""}, {"CREDENTIALS_DIRECTORY": "/nowhere"}]
)
def test_a_missing_credential_is_refused_where_it_has_to_be_one(
    state_dir: Path, environ: dict[str, str]
) -> None:
    assert refusal_of(state_dir, "credential", create=True, **environ) == (
        "systemd: there is no credential lts-node-key;"
        " add LoadCredentialEncrypted=lts-node-key to the unit, or keep the node key elsewhere"
    )


# --- The environment ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["auto", "environment"])
@pytest.mark.parametrize("development", [None, "", "0", "true", "11"])
def test_the_environment_is_for_development_alone(
    state_dir: Path, source: Source, development: str | None
) -> None:
    keys = node_keys()
    environ = {} if development is None else {"LTS_DEVELOPMENT": development}
    sentence = refusal_of(state_dir, source, create=True, LTS_NODE_KEY=keys.format(), **environ)
    assert sentence == (
        "LTS_NODE_KEY: a node key in the environment is for development alone;"
        " keep it in a file or a systemd credential, or set LTS_DEVELOPMENT=1 as well"
    )
    assert not (state_dir / "node.key").exists()


def test_a_missing_variable_is_refused_where_it_has_to_be_one(state_dir: Path) -> None:
    assert refusal_of(state_dir, "environment", create=True, LTS_DEVELOPMENT="1") == (
        "LTS_NODE_KEY: the variable is not set; set it, or keep the node key elsewhere"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "there is no node key in it"), ("hunter2", "line 1 does not read `lts-node-key-v1 ID SECRET`")],
)
def test_a_variable_that_holds_no_key_is_refused(state_dir: Path, text: str, reason: str) -> None:
    assert refusal_of(state_dir, LTS_NODE_KEY=text, LTS_DEVELOPMENT="1") == (
        f"LTS_NODE_KEY: {reason};"
        " put back your copy of the node key: nothing that was sealed opens without it"
    )


# --- The keyring ----------------------------------------------------------------------------------


def test_the_keyring_keeps_a_key_for_each_node(state_dir: Path, tmp_path: Path, keyring: FakeKeyring) -> None:
    first = find_node_keys(state_dir, source="keyring", create=True, environ={})
    other = find_node_keys(tmp_path / "other", source="keyring", create=True, environ={})
    again = find_node_keys(state_dir, source="keyring", create=False, environ={})
    assert (first.made, again.made, first.path) == (True, False, None)
    assert first.keys.format() == again.keys.format() != other.keys.format()
    assert keyring.kept.keys() == {
        ("lts-node-key", str(state_dir)),
        ("lts-node-key", str(tmp_path / "other")),
    }
    assert not (state_dir / "node.key").exists()


def test_the_keyring_is_not_looked_in_unless_it_is_named(state_dir: Path, keyring: FakeKeyring) -> None:
    keyring.locked = True
    assert find_node_keys(state_dir, create=True, environ={}).path == state_dir / "node.key"


def test_an_empty_keyring_is_refused(state_dir: Path, keyring: FakeKeyring) -> None:
    assert refusal_of(state_dir, "keyring") == (
        "keyring: there is no node key of this node; run `lts init`, or put back your copy of it"
    )
    assert not keyring.kept


def test_a_locked_keyring_is_refused(state_dir: Path, keyring: FakeKeyring) -> None:
    found = find_node_keys(state_dir, source="keyring", create=True, environ={})
    keyring.locked = True
    expected = "keyring: it cannot be used (KeyringError); unlock it, or use a key file"
    assert refusal_of(state_dir, "keyring", create=True) == expected
    assert found.store
    with pytest.raises(Refused) as caught:
        found.store(found.keys.rotated())
    assert str(caught.value) == expected


def test_a_keyring_that_keeps_nothing_is_refused(state_dir: Path, keyring: FakeKeyring) -> None:
    keyring.forgetful = True
    assert refusal_of(state_dir, "keyring", create=True) == (
        "keyring: it does not keep what is put into it; use a key file"
    )


def test_a_keyring_that_holds_something_else_is_refused(state_dir: Path, keyring: FakeKeyring) -> None:
    keyring.kept["lts-node-key", str(state_dir)] = "hunter2"
    sentence = refusal_of(state_dir, "keyring", create=True)
    assert sentence.startswith("keyring: line 1 does not read `lts-node-key-v1 ID SECRET`; ")
    assert "hunter2" not in sentence


def test_a_missing_package_is_named(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refusal_of(state_dir, "keyring", create=True) == (
        "keyring: it needs an extra; pip install 'lts[keyring]', or use a key file"
    )


# --- Rotation -------------------------------------------------------------------------------------


def test_rotated_keys_go_back_to_where_they_were_found(state_dir: Path, keyring: FakeKeyring) -> None:
    for source in ("file", "keyring"):
        found = find_node_keys(state_dir, source=source, create=True, environ={})
        rotated = found.keys.rotated()
        assert found.store
        found.store(rotated)
        again = find_node_keys(state_dir, source=source, create=False, environ={})
        assert again.keys.format() == rotated.format()
        assert again.keys.of(found.keys.current.id).secret == found.keys.current.secret
    assert keyring.kept
    assert read_node_keys(state_dir / "node.key")


def test_keys_that_lts_cannot_write_back_say_so(state_dir: Path) -> None:
    assert find_node_keys(state_dir, create=False, environ=development(node_keys())).store is None
