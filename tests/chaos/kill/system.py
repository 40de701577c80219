"""A system under load: two users, three portfolios, four instruments, at a venue in a process of its own."""

from pathlib import Path

from tests.venues.process import VenueProcess

BROKER = "venue"
INSTRUMENTS = {
    "EUR/USD": ("0.00001", "1", "3000"),
    "GBP/USD": ("0.00001", "1", "2500"),
    "XAU/USD": ("0.001", "1", "12"),
    "BTC/USD": ("0.1", "0.0001", "0.5"),
}
"""By symbol: the tick, the lot, and what a full signal holds."""
PORTFOLIOS = {
    "a": ("ann", ("EUR/USD", "XAU/USD", "BTC/USD")),
    "b": ("ann", ("GBP/USD", "EUR/USD")),
    "c": ("bob", tuple(INSTRUMENTS)),
}
"""By name: the owner, and what is traded."""
CASH = "1000000"
VENUE = (
    "--tick-ms", "100", "--heartbeat", "0.3", "--commission", "0.00002", "--liquidity", "2000",
    "--balance", "10000000",
)  # fmt: skip
"""How the venue is started, beside its random prices."""


def there(symbol: str) -> str:
    """What the venue calls an instrument."""
    return symbol.replace("/", "_")


def write_system(directory: Path, venue: VenueProcess, url: str = "", appetite: float = 0.2) -> Path:
    """Write the file of the system, and the token that it trades with; return where the file is."""
    token = directory / "token"
    token.write_text(venue.token + "\n", encoding="ascii")
    token.chmod(0o600)
    access = ", ".join(
        f'{name} = "{value}"'
        for name, value in (
            ("account", venue.account),
            ("url", venue.url),
            ("stream_url", venue.url),
            ("token_file", token),
        )
    )
    plugins = Path(__file__).parent / "plugins"
    told = [f'[plugins]\ndirectories = ["{plugins}"]']
    told += ['[node]\nkey_source = "file"', "[node.backups]\nevery_h = 0", f'[database]\nurl = "{url}"']
    for symbol, (tick, lot, _) in INSTRUMENTS.items():
        sizes = f'tick_size = "{tick}"\nlot_size = "{lot}"'
        told.append(f'[[instrument]]\nsymbol = "{symbol}"\ncurrency = "USD"\n{sizes}')
        told.append(
            f'[[feed]]\nplugin = "oanda"\ninstrument = "{symbol}"\n'
            f"params = {{ {access}, heartbeat_timeout_s = 3.0 }}"
        )
    patience = "request_timeout_s = 1.5, request_lifetime_s = 2.0, heartbeat_timeout_s = 3.0"
    more = f"{patience}, reconcile_every_s = 2.0, requests_per_s = 500"
    told.append(f'[[broker]]\nname = "{BROKER}"\nplugin = "oanda"\nparams = {{ {access}, {more} }}')
    for name, (owner, symbols) in PORTFOLIOS.items():
        held = ", ".join(f'"{symbol}" = "{INSTRUMENTS[symbol][2]}"' for symbol in symbols)
        told.append(
            f'[[portfolio]]\nname = "{name}"\nowner = "{owner}"\ncurrency = "USD"\ncash = "{CASH}"\n'
            f'plugin = "varied"\nparams = {{ quantities = {{ {held} }} }}'
        )
        told += [
            f'  [[portfolio.asset]]\n  instrument = "{symbol}"\n  broker = "{BROKER}"\n'
            f'  strategy = "restless"\n'
            f"  params = {{ appetite = {appetite} }}"
            for symbol in symbols
        ]
    file = directory / "system.toml"
    file.write_text("\n\n".join(told) + "\n", encoding="utf-8")
    return file
