"""How the revisions hang together, without a database."""

import re
from pathlib import Path

import pytest

import actors.persistence.migrations.versions
from actors.persistence import schema
from actors.persistence.rows import metadata

pytestmark = pytest.mark.requirement("INT-009")

FOLDER = Path(str(actors.persistence.migrations.versions.__file__)).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")


def test_the_revisions_are_one_line_in_the_order_of_their_names() -> None:
    assert schema.revisions() == tuple(path.name[1:5] for path in FILES)
    assert schema.revisions()[-1] == schema.head()
    assert [int(revision) for revision in schema.revisions()] == list(range(1, len(FILES) + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_revision_drops_what_it_makes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    made = re.findall(r'create_table\(\s*"(\w+)"', text)
    assert re.findall(r'drop_table\("(\w+)"\)', text) == made[::-1]


def test_each_table_is_made_by_one_revision() -> None:
    made = [
        name for path in FILES for name in re.findall(r'create_table\(\s*"(\w+)"', path.read_text("utf-8"))
    ]
    assert sorted(made) == sorted(metadata.tables)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_revision_says_does_not_change_with_the_domain(path: Path) -> None:
    imported = re.findall(r"^(?:from|import) (\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(imported) <= {
        "sqlalchemy",
        "alembic",
        "actors.persistence.columns",
        "actors.persistence.migrations.checks",
    }
