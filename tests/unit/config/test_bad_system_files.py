"""A system file that cannot be used is refused in one sentence that says where, what and why."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lts.config.file import plan_from_json, read_system
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-018", "INT-026")

Write = Callable[[str], Path]

TREND = "portfolio 'trend'"
ASSET = "portfolio 'trend', asset 'SP500'"

MISTAKES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # what is wrong: (text of the good file, what stands there instead, parts of the sentence)
    "a key is mistyped": (
        'lot_size = "1"',
        'lot_sise = "1"',
        ("instrument 'SP500': unknown key 'lot_sise'; did you mean 'lot_size'?",),
    ),
    "a key is unheard of": (
        'name = "bitcoin"',
        'colour = "red"',
        ("feed 'BTC/EUR': unknown key 'colour'; known: instrument, name, params, plugin",),
    ),
    "a key is missing": ('symbol = "SP500"\n', "", ("instrument number 1: the key 'symbol' is missing",)),
    "a table is mistyped": (
        "[[broker]]",
        "[[brokers]]",
        ("unknown key 'brokers'; did you mean 'broker'?",),
    ),
    "the file claims to be elsewhere": (
        "[[instrument]]",
        'file = "/etc/x.toml"\n[[instrument]]',
        ("unknown key 'file'; known: ",),
    ),
    "a limit is mistyped": (
        "max_exposure",
        "max_exposre",
        ("risk: unknown key 'max_exposre'; did you mean 'max_exposure'?",),
    ),
    "a repeated table is written once": (
        "[[broker]]",
        "[broker]",
        ("broker must be a list: write the table as [[broker]]; found a table",),
    ),
    "a single table is repeated": ("[node]", "[[node]]", ("node must be a table; found a list",)),
    "parameters are no table": (
        "params = { fast = 10, slow = 30 }",
        "params = 10",
        (f"{ASSET}, params must be a table; found the number 10",),
    ),
    "an amount is a word": (
        'cash = "100000"',
        'cash = "much"',
        (f"{TREND}, cash must be an amount such as \"10.5\"; found the text 'much'",),
    ),
    "an amount is true": (
        'cash = "100000"',
        "cash = true",
        (f"{TREND}, cash must be an amount", "found true"),
    ),
    "an amount is not a number": (
        'cash = "100000"',
        "cash = nan",
        (f"{TREND}, cash must be finite",),
    ),
    "an amount is infinite text": (
        'cash = "100000"',
        'cash = "-Infinity"',
        (f"{TREND}, cash must be a finite number; found the text '-Infinity'",),
    ),
    "an amount has endless digits": ('cash = "100000"', 'cash = "1e999999"', ("no more than 38 digits",)),
    "cash is negative": (
        'cash = "100000"',
        'cash = "-0.01"',
        (f"{TREND}, cash must be greater than or equal to 0; found the text '-0.01'",),
    ),
    "a tick is zero": (
        'tick_size = "0.000001"',
        "tick_size = 0",
        ("instrument 'SP500', tick_size must be greater than 0; found the number 0",),
    ),
    "a limit is negative": (
        'max_exposure = "5000"',
        "max_exposure = -1",
        ("risk.max_exposure must be greater than 0; found the number -1",),
    ),
    "a name is a number": (
        'owner = "demo"',
        "owner = 7",
        (f"{TREND}, owner must be text in quotes; found the number 7",),
    ),
    "a name is empty": (
        'owner = "demo"',
        'owner = ""',
        (f"{TREND}, owner: a name is made of", "the text ''"),
    ),
    "a name climbs directories": (
        'name = "trend"',
        'name = "../trend"',
        ("portfolio '../trend', name: a name is made of the letters",),
    ),
    "a name holds a line break": (
        'name = "trend"',
        r'name = "tr\nend"',
        (r"'tr\nend', name: a name is made",),
    ),
    "a name is too long": ('name = "trend"', f'name = "{"t" * 65}"', ("at most 64 characters",)),
    "a plugin's name is a path": (
        'strategy = "sma_cross"',
        'strategy = "../sma"',
        (f"{ASSET}, strategy: a plugin's name is made of",),
    ),
    "protection is empty": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = {}',
        ("protection: there is nothing that protects",),
    ),
    "a protection has two stops": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = { stop_loss_bps = 5, trailing_bps = 5 }',
        ("protection: stop_loss_bps and trailing_bps are two sorts of stop",),
    ),
    "a stop is as far away as the price": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = { stop_loss_bps = 10000 }',
        ("protection.stop_loss_bps must be less than 10000",),
    ),
    "a protection has nothing that can be missing": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = { take_profit_bps = 5, emergency_exit_after_s = 1 }',
        ("protection: emergency_exit_after_s needs a stop",),
    ),
    "a protection is mistyped": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = { stop_los_bps = 5 }',
        ("unknown key 'stop_los_bps'; did you mean 'stop_loss_bps'?",),
    ),
    "an exit is never": (
        'strategy = "sma_cross"',
        'strategy = "sma_cross"\nprotection = { stop_loss_bps = 5, emergency_exit_after_s = 0 }',
        ("protection.emergency_exit_after_s must be greater than 0",),
    ),
    "a plugin's name is badly joined": (
        'plugin = "csv"',
        'plugin = "c__sv"',
        ("feed 'SP500', plugin: a plugin's",),
    ),
    "a feed's own name would be too long": (
        'plugin = "csv"\ninstrument = "SP500"',
        f'plugin = "{"c" * 60}"\ninstrument = "SP500"',
        ("feed 'SP500': a name is made of", "found the text 'cccc"),
    ),
    "a currency is lower case": ('currency = "USD"', 'currency = "usd"', ("currency: a currency is a code",)),
    "a log level is unheard of": (
        "[node]",
        '[node]\nlog_level = "loud"',
        ("node.log_level must be 'debug', 'info', 'warning' or 'error'; found the text 'loud'",),
    ),
    "a path is a number": ('["mine", ', "[3, ", ("plugins.directories number 1 must be text in quotes",)),
    "a path holds a zero": (
        '"kept"',
        r'"k\u0000t"',
        ("node.state_dir: a path cannot hold a zero character",),
    ),
    "a parameter is not a number": (
        "fast = 10",
        "fast = nan",
        (f"{ASSET}, params.fast must be finite",),
    ),
    "a parameter is a maze": (
        "fast = 10",
        f"fast = {'[' * 40}{']' * 40}",
        ("params.fast must not be nested",),
    ),
    "a feed is of no instrument": (
        'plugin = "csv"\ninstrument = "SP500"',
        'plugin = "csv"\ninstrument = "SP50"',
        ("feed 'csv/SP50': there is no instrument 'SP50'; did you mean 'SP500'?", "(and 1 more problem)"),
    ),
    "an asset is of no instrument": (
        'instrument = "SP500"\n  broker',
        'instrument = "DAX"\n  broker',
        ("portfolio 'trend', asset 'DAX': there is no instrument 'DAX'; known: BTC/EUR, SP500",),
    ),
    "a broker is unknown": (
        'broker = "paper"',
        'broker = "papper"',
        (f"{ASSET}: there is no broker 'papper'; did you mean 'paper'?",),
    ),
    "an instrument has no feed": (
        '[[feed]]\nname = "bitcoin"\nplugin = "csv"\ninstrument = "BTC/EUR"\n',
        "",
        ("portfolio 'coins', asset 'BTC/EUR': no feed brings prices of the instrument; add a [[feed]]",),
    ),
    "an instrument has two feeds": (
        'name = "bitcoin"\nplugin = "csv"\ninstrument = "BTC/EUR"',
        'name = "bitcoin"\nplugin = "csv"\ninstrument = "SP500"',
        ("instrument 'SP500' has several feeds; keep one",),
    ),
    "two feeds have one name": (
        'name = "bitcoin"',
        'name = "csv/SP500"',
        ("feed 'csv/SP500' is described more",),
    ),
    "two instruments have one symbol": (
        'symbol = "BTC/EUR"',
        'symbol = "SP500"',
        ("instrument 'SP500' is described more than once; give each its own name",),
    ),
    "two portfolios have one name": (
        'name = "coins"',
        'name = "trend"',
        ("portfolio 'trend' is described more",),
    ),
    "two brokers have one name": (
        "[[broker]]\n",
        '[[broker]]\nname = "paper"\nplugin = "paper"\n[[broker]]\n',
        ("broker 'paper' is described more than once",),
    ),
    "a portfolio has an instrument twice": (
        "  [[portfolio.asset]]\n",
        '  [[portfolio.asset]]\ninstrument="SP500"\nbroker="paper"\nstrategy="x"\n  [[portfolio.asset]]\n',
        (f"{TREND} has several assets with the instrument 'SP500'; keep one",),
    ),
    "an account keeps positions in a way that there is none": (
        'plugin = "paper"\n',
        'plugin = "paper"\npositions = "netted"\n',
        ("broker 'paper', positions must be 'netting' or 'hedging'; found the text 'netted'",),
    ),
    "an asset of an account that hedges has no name": (
        'plugin = "paper"\n',
        'plugin = "paper"\npositions = "hedging"\n',
        (f"{ASSET}: its positions stand by themselves at broker 'paper', which hedges; give it a name",),
    ),
    "an asset has a name where positions are netted": (
        '  instrument = "SP500"\n',
        '  instrument = "SP500"\n  name = "slow"\n',
        (f"{TREND}, asset 'slow': positions are netted at broker 'paper', and an asset has no name there",),
    ),
    "the name of an asset leaves no room for its positions": (
        '  instrument = "SP500"\n',
        f'  instrument = "SP500"\n  name = "{"x" * 59}"\n',
        ("name ", "at most 58"),
    ),
    "a portfolio is in another currency": (
        'currency = "USD"\ncash',
        'currency = "EUR"\ncash',
        (f"{ASSET}: the instrument is in USD and the portfolio in EUR, and nothing converts",),
    ),
    "a value is missing": (
        "fast = 10",
        "fast = ",
        ("not valid TOML: Invalid value (at line 40, column 21)",),
    ),
    "a number is endless": ("fast = 10", f"fast = {'9' * 5000}", ("a number of several thousand digits",)),
    "lists are nested without end": ("fast = 10", f"fast = {'[' * 9000}", ("nested too deeply",)),
}


def refusal_of(file: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_system(file)
    sentence = str(caught.value)
    assert sentence.startswith(f"{file}: ")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_reason(system: str, write: Write, mistake: str) -> None:
    good, bad, parts = MISTAKES[mistake]
    assert good in system
    sentence = refusal_of(write(system.replace(good, bad, 1)))
    for part in parts:
        assert part in sentence


def test_the_first_of_several_mistakes_is_told_and_the_others_are_counted(system: str, write: Write) -> None:
    bad = system.replace('cash = "100000"', "cash = -1").replace("max_exposure", "max_exposre")
    bad = bad.replace('lot_size = "1"', "lot_size = true")
    assert refusal_of(write(bad)).endswith("(and 2 more problems)")


def test_a_system_without_feeds_or_portfolios_is_refused(write: Write) -> None:
    sentence = refusal_of(write("[risk]\n"))
    assert "there is no [[feed]]" in sentence
    assert "(and 1 more problem)" in sentence


def test_a_portfolio_without_assets_is_refused(system: str, write: Write) -> None:
    lonely = '[[portfolio]]\nname = "idle"\nowner = "demo"\ncurrency = "USD"\ncash = 1\nplugin = "x"\n'
    assert "portfolio 'idle' has no [[portfolio.asset]]" in refusal_of(write(lonely + system))


def test_assets_whose_orders_would_share_their_names_are_refused(system: str, write: Write) -> None:
    clash = system.replace('"trend"', '"a-b"').replace('"coins"', '"a"')
    clash = clash.replace('"SP500"', '"c"').replace('"BTC/EUR"', '"b-c"')
    assert "the orders of several assets would all be called 'a-b-c-…'" in refusal_of(write(clash))


def test_assets_whose_strategies_would_share_a_name_are_refused(system: str, write: Write) -> None:
    clash = system.replace('"trend"', '"a/b"').replace('"coins"', '"a"')
    clash = clash.replace('"SP500"', '"c"').replace('"BTC/EUR"', '"b/c"')
    assert "the strategies of several assets would all be called 'a/b/c'" in refusal_of(write(clash))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"# only a remark\n", "the file is empty"),
        (b"[risk]\nmax_exposure = '\xff'\n", "not UTF-8 text (line 2); save the file as UTF-8"),
        (
            b"[risk]\nmax_exposure 5\n",
            "not valid TOML: Expected '=' after a key in a key/value pair (at line 2,",
        ),
        (b"[risk]\nx = [1,\n", "not valid TOML: Invalid value (at line 3, the end of the file)"),
        (b"[risk]\n[risk]\n", "not valid TOML: Cannot declare ('risk',) twice (at line 2, column 6)"),
        (b"\x00\x01\x02", "not valid TOML: Invalid statement (at line 1, column 1)"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "system.toml"
    file.write_bytes(content)
    assert reason in refusal_of(file)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refusal_of(tmp_path / "absent.toml")
    assert "cannot be read: Is a directory" in refusal_of(tmp_path)
    with pytest.raises(Refused, match="not a path: embedded null byte"):
        read_system(Path("a\0b"))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "cannot be read: Permission denied" in refusal_of(tmp_path / "secret.toml")


LITERALS = (
    '""', '"10"', '"é\\u0000"', "10", "-1", "1.5", "nan", "-inf", "true", "[]", "[1, [2]]", "{}", "]",
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "9" * 400, "1e400", '"SP500"', "'''", "{ fast = {} }",
)  # fmt: skip


def damaged(text: str, seed: int, wounds: int) -> bytes:
    """The text with lines lost, doubled and swapped, values replaced, and characters broken."""
    chance = random.Random(seed)
    lines = text.splitlines()
    for _ in range(wounds):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(other, lines[at])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = lines[at].partition("=")[0] + "= " + chance.choice(LITERALS)
            case 4:
                lines[at] = lines[at].replace(chance.choice('=[]"{}'), chance.choice('=[]"{}x\0'), 1)
            case _:
                lines[at] = chance.choice(("x", "name", "params.a.b", '""', "file")) + " = 1\n" + lines[at]
    content = bytearray("\n".join(lines).encode())
    if chance.random() < 0.1:
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), wounds=st.integers(1, 4))
def test_any_damage_leads_to_a_plan_or_to_one_sentence(
    system: str, tmp_path: Path, seed: int, wounds: int
) -> None:
    file = tmp_path / "system.toml"
    file.write_bytes(damaged(system, seed, wounds))
    try:
        plan = read_system(file)
    except Refused:
        refusal_of(file)
    else:
        assert plan_from_json(plan.to_json(), "recording") == plan


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "system.toml"
    file.write_bytes(content)
    refusal_of(file)
