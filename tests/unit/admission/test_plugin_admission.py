"""A plugin is admitted when every check passes, and otherwise refused with a reason."""

import inspect
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest

from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, Refusal, admit

pytestmark = pytest.mark.requirement("INT-001", "INT-026", "INT-027")

Write = Callable[..., Path]
Discover = Callable[..., Catalogue]

IMPORT = "from contracts_for_guests import Broker, Strategy\n"


def admitted(catalogue: Catalogue, kind: str = "strategy", name: str = "mean") -> Admitted:
    answer = admit(kind, name, catalogue)
    assert isinstance(answer, Admitted), answer
    return answer


def reason(catalogue: Catalogue, kind: str = "strategy", name: str = "mean") -> str:
    answer = admit(kind, name, catalogue)
    assert isinstance(answer, Refusal), answer
    assert (answer.kind, answer.name) == (kind, name)
    assert "\n" not in answer.reason
    assert not [module for module in sys.modules if module.startswith(f"lts_guest.{kind}.{name}")]
    return answer.reason


def test_a_plugin_in_order_is_admitted(write: Write, discover: Discover, contracts: dict[str, type]) -> None:
    directory = write()
    guest = admitted(discover())
    assert issubclass(guest.plugin, contracts["strategy"])
    assert (guest.kind, guest.name, guest.directory) == ("strategy", "mean", directory)
    assert guest.manifest.version == "1.0.0"
    assert guest.plugin.__module__ == "lts_guest.strategy.mean.plugin"


def test_a_plugin_may_have_several_files(write: Write, discover: Discover) -> None:
    write(
        plugin=IMPORT + "from .maths import mean\nfrom .inner.deep import DEPTH\nfrom . import NAME\n"
        "class Guest(Strategy):\n    seen = (mean([1, 2, 3]), DEPTH, NAME)\n",
        maths="def mean(values):\n    return sum(values) / len(values)\n",
        __init__="NAME = __name__\n",
        **{"inner.deep": "from ..maths import mean\nDEPTH = mean([2])\n"},
    )
    assert admitted(discover()).plugin.__dict__["seen"] == (2.0, 2.0, "lts_guest.strategy.mean")


def test_a_plugin_may_import_more_of_itself_later(write: Write, discover: Discover) -> None:
    later = (
        "class Guest(Strategy):\n    def late(self):\n        from .maths import ONE\n        return ONE\n"
    )
    write(plugin=IMPORT + later, maths="ONE = 1\n")
    assert admitted(discover()).plugin().late() == 1


def test_the_source_and_annotations_of_a_plugin_can_be_looked_up(write: Write, discover: Discover) -> None:
    text = "from __future__ import annotations\n" + IMPORT + "class Guest(Strategy):\n    other: Broker\n"
    directory = write(plugin=text)
    plugin = admitted(discover()).plugin
    assert "other: Broker" in inspect.getsource(plugin)
    assert inspect.getfile(plugin) == str(directory / "plugin.py")
    assert get_type_hints(plugin)["other"].__name__ == "Broker"


def test_what_was_read_is_what_runs(write: Write, discover: Discover) -> None:
    rewrite = (
        "from pathlib import Path\n(Path(__file__).parent / 'maths.py').write_text('ONE = 2')\n"
        "(Path(__file__).parent / 'added.py').write_text('')\nfrom .maths import ONE\n"
        "try:\n    from . import added\nexcept ImportError:\n    added = None\n"
    )
    write(plugin=IMPORT + rewrite + "class Guest(Strategy):\n    seen = (ONE, added)\n", maths="ONE = 1\n")
    assert admitted(discover()).plugin.__dict__["seen"] == (1, None)


def test_no_bytecode_is_left_beside_a_plugin(
    write: Write, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    directory = write(maths="")
    admitted(discover())
    assert sorted(path.name for path in directory.iterdir()) == ["maths.py", "plugin.py", "plugin.toml"]


def test_an_unchanged_plugin_is_run_once_and_a_changed_one_again(
    write: Write, discover: Discover, code: str
) -> None:
    directory = write()
    first = admitted(discover()).plugin
    assert admitted(discover()).plugin is first
    (directory / "plugin.py").write_text(code + "    changed = True\n")
    second = admitted(discover()).plugin
    assert second is not first
    assert second.__dict__["changed"]


def test_plugins_of_one_name_in_two_kinds_do_not_meet(write: Write, discover: Discover) -> None:
    write("strategy", "mean")
    write("broker", "mean", plugin=IMPORT + "class Guest(Broker):\n    def place(self): ...\n")
    catalogue = discover()
    assert admitted(catalogue, "strategy").plugin is not admitted(catalogue, "broker").plugin


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("strategi", "mean"), "'strategi' is no kind of plugin; did you mean 'strategy'?"),
        (("model", "mean"), "'model' is no kind of plugin; known: broker, strategy"),
        (
            ("strategy", "maen"),
            "there is no strategy plugin 'maen'; known: mean, other; did you mean 'mean'?",
        ),
        (
            ("strategy", "../mean"),
            "there is no strategy plugin '../mean'; known: mean, other; did you mean 'mean'?",
        ),
        (("strategy", "zzz"), "there is no strategy plugin 'zzz'; known: mean, other"),
        (("broker", "mean"), "there is no broker plugin 'mean'; none is known here"),
    ],
)
def test_an_unknown_plugin_is_refused_with_what_there_is(
    write: Write, discover: Discover, wanted: tuple[str, str], said: str
) -> None:
    write("strategy", "mean")
    write("strategy", "other")
    assert reason(discover(), *wanted) == said


def test_a_plugin_in_two_places_is_refused_with_both(
    write: Write, discover: Discover, tmp_path: Path
) -> None:
    built_in = write()
    mine = write(at=tmp_path / "mine" / "strategy" / "mean")
    said = reason(discover(tmp_path / "mine"))
    assert said.startswith("the strategy plugin 'mean' is in more than one place: ")
    assert f"{built_in} (built-in)" in said
    assert f"{mine} (plugins.directories)" in said


def test_a_manifest_that_cannot_be_used_is_the_reason(write: Write, discover: Discover) -> None:
    directory = write(manifest='kind = "strategy"\n')
    assert reason(discover()).startswith(f"{directory / 'plugin.toml'}: the key 'name' is missing")


def test_a_manifest_of_another_plugin_is_refused(write: Write, discover: Discover) -> None:
    directory = write("strategy", "other")
    directory.rename(directory.parent / "mean")
    assert "its plugin.toml says that it is the strategy plugin 'other'" in reason(discover())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('requires-lts = ">=2"', "is made for LTS SDK >=2, not for 1.2.0"),
        ('requires-lts = "<1.2"', "is made for LTS SDK <1.2, not for 1.2.0"),
        (
            'requires-lts = ">=1"\nrequires-python = ">=9"',
            f"is made for Python >=9, not for {platform.python_version()}",
        ),
    ],
)
def test_a_plugin_for_other_versions_is_refused_before_its_code_runs(
    write: Write, discover: Discover, line: str, said: str
) -> None:
    head = 'kind = "strategy"\nname = "mean"\nversion = "1"\nentry = "plugin:Guest"\n'
    write(manifest=head + line, plugin="raise RuntimeError('ran')")
    assert said in reason(discover())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero ({file}, line 1)"),
        ("\n\nimport absent_library\n", "No module named 'absent_library' ({file}, line 3)"),
        ("def f():\n    raise ValueError('two\\nlines')\nf()\n", "ValueError: two lines ({file}, line 2)"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3 ({file}, line 2)"),
        ("class Guest(:\n", "SyntaxError: invalid syntax (plugin.py, line 1)"),
        ("# \xff\n\0", "null bytes"),
        ("from .absent import x\n", "No module named 'lts_guest.strategy.mean.absent' ({file}, line 1)"),
        ("import json\njson.loads('{')\n", "line 1 column 2 (char 1) ({file}, line 2)"),
        ("Guest = 3\n", "has no class 'Guest'; its entry names one"),
        ("class Gust: ...\n", "has no class 'Guest'; its entry names one"),
        ("class Guest: ...\n", "is not a Strategy; let its class 'Guest' extend that"),
        (IMPORT + "class Guest(Broker): ...\n", "is not a Strategy; let its class 'Guest' extend that"),
    ],
)
def test_code_that_does_not_make_a_plugin_is_refused(
    write: Write, discover: Discover, code: str, said: str
) -> None:
    directory = write(plugin=code)
    sentence = reason(discover())
    assert sentence.startswith(f"strategy plugin 'mean' in {directory}")
    assert said.format(file=directory / "plugin.py") in sentence


def test_a_class_that_leaves_out_a_duty_is_refused(write: Write, discover: Discover) -> None:
    write("broker", "mean", plugin=IMPORT + "class Guest(Broker): ...\n")
    assert "leaves out place; let its class 'Guest' define that" in reason(discover(), "broker")


def test_an_entry_without_its_module_is_refused(write: Write, discover: Discover) -> None:
    (write() / "plugin.py").unlink()
    assert "has no module 'plugin'; its entry names one" in reason(discover())


def test_a_file_that_cannot_be_read_is_the_reason(write: Write, discover: Discover) -> None:
    (write() / "broken.py").symlink_to("nowhere")
    assert "cannot be read: " in reason(discover())


def test_a_refused_plugin_is_admitted_once_it_is_mended(write: Write, discover: Discover, code: str) -> None:
    directory = write(plugin="from .maths import ONE\n", maths="1 / 0\n")
    assert "maths.py, line 1" in reason(discover())
    (directory / "maths.py").write_text("ONE = 1\n")
    (directory / "plugin.py").write_text("from .maths import ONE\n" + code)
    admitted(discover())


def test_an_interrupt_is_not_a_refusal(write: Write, discover: Discover) -> None:
    write(plugin="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        admit("strategy", "mean", discover())


def test_an_offer_that_could_not_be_listed_is_told_when_a_plugin_is_missing(
    contracts: dict[str, type],
) -> None:
    catalogue = Catalogue(contracts, "1.2.0", (), ("entry point 'x' of lts.plugins: it is broken",))
    assert reason(catalogue) == (
        "there is no strategy plugin 'mean'; none is known here; entry point 'x' of lts.plugins: it is broken"
    )
