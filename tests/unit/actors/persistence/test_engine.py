"""Which URLs there are engines for; nothing is opened here."""

import sys

import pytest

from actors.persistence.engine import make_engine, parse
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-006", "INT-026")


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("sqlite:///lts.db", "sqlite+aiosqlite:///lts.db"),
        ("sqlite+aiosqlite:////var/lts.db", "sqlite+aiosqlite:////var/lts.db"),
        ("postgresql://ann@host/lts", "postgresql+asyncpg://ann@host/lts"),
        ("postgresql+asyncpg://ann@host:1/lts", "postgresql+asyncpg://ann@host:1/lts"),
        ("postgresql://host/lts?sslmode=require", "postgresql+asyncpg://host/lts?ssl=require"),
        ("postgresql:///lts?host=/run/postgresql", "postgresql+asyncpg:///lts?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_url_is_taken_with_its_driver_or_without(url: str, parsed: str) -> None:
    assert parse(url).render_as_string() == parsed
    assert make_engine(url).url.render_as_string() == parsed


@pytest.mark.parametrize(
    "url", ["", "lts.db", "mysql://ann:s3cret@host/lts", "postgresql+psycopg://ann:s3cret@host/lts", "sqlite3:///x",
            "postgresql://ann:s3cret@host:port/lts"],
)  # fmt: skip
def test_any_other_url_is_refused_without_repeating_what_is_secret_in_it(url: str) -> None:
    with pytest.raises(Refused, match="write sqlite:////path/to/file or postgresql://") as refusal:
        make_engine(url)
    assert "s3cret" not in str(refusal.value)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(Refused, match=r"asyncpg is not installed: .* install lts\[postgresql\]"):
        make_engine("postgresql://host/lts")
