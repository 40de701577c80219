"""The live table of `lts demo`, drawn from a view."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.box import ROUNDED
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bus import SECOND
from lts.cli.figures import change, colour, gain, money, percent, price, quantity, sparkline
from lts.cli.view import View
from lts.domain.accounts import AccountReported
from lts.domain.blotter import BlotterLine
from lts.domain.health import HealthReported, HealthStatus
from lts.domain.money import exact
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Side
from lts.domain.positions import Position

BESIDE_ROWS = 12
"""Lines of a screen that are no row of a table."""
HEALTH = {HealthStatus.OK: "green", HealthStatus.DEGRADED: "yellow", HealthStatus.FAILED: "red"}
STATUS = {
    OrderStatus.FILLED: "green",
    OrderStatus.DENIED: "red",
    OrderStatus.REJECTED: "red",
    OrderStatus.CANCELED: "dim",
    OrderStatus.EXPIRED: "dim",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve that fills the width of its column."""

    values: Sequence[float]
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        yield Text(sparkline(self.values, options.max_width), style=self.style, no_wrap=True)


def screen(view: View, title: str, lines: int) -> RenderableType:
    """Return what fits on a terminal of so many lines: the orders get what the rest leaves."""
    rows = sum(1 + len(account.positions) for account in view.accounts)
    orders = max(3, lines - BESIDE_ROWS - rows)
    return Group(
        _heading(view, title),
        _panel("portfolios", _portfolios(view)),
        _panel("positions", _positions(view)),
        _panel("last orders", _orders(view.blotter.lines[:orders], orders)),
        _machine(view),
    )


def _heading(view: View, title: str) -> Table:
    prices = Text("  ").join(
        Text.assemble((instrument, "bold"), f" {price(close)}")
        for instrument, close in sorted(view.blotter.prices.items())
    )
    return _two_ends(Text.assemble(" ", (title, "bold cyan"), "  ", (_time(view.at), "cyan")), prices)


def _portfolios(view: View) -> Table:
    table = _table(("portfolio", "owner"), ("cash", "equity", "change"))
    table.add_column("equity so far", ratio=1)
    for account in view.accounts:
        grown = change(account.equity, account.capital)
        curve = view.curves.get(account.portfolio)
        table.add_row(
            account.portfolio,
            account.owner,
            money(account.cash),
            Text(f"{money(account.equity)} {account.currency}", style="bold"),
            Text(percent(grown), style=colour(grown)),
            Curve(curve.values if curve else (), colour(grown)),
        )
    return table


def _positions(view: View) -> Table:
    figures = ("quantity", "average", "last price", "open P/L", "closed P/L")
    table = _table(("portfolio", "instrument"), figures)
    for account in view.accounts:
        for position in account.positions:
            _add_position(table, account, position, view.blotter.prices.get(position.instrument))
    return table


def _add_position(table: Table, account: AccountReported, position: Position, close: float | None) -> None:
    profit = position.value(exact(close)) - position.cost if close is not None else position.fees * 0
    table.add_row(
        account.portfolio,
        f"{position.instrument} {position.id}".rstrip(),
        Text(quantity(position.quantity) if position.quantity else "flat", style=colour(position.quantity)),
        price(position.average_price) if position.quantity else "",
        "" if close is None else price(close),
        Text(gain(profit), style=colour(profit)),
        Text(gain(position.realised), style=colour(position.realised)),
    )


def _orders(lines: tuple[BlotterLine, ...], height: int) -> Table:
    table = _table(("time", "order", "side"), ("quantity",))
    table.add_column("instrument")
    table.add_column("status")
    table.add_column("price", justify="right")
    for line in lines:
        table.add_row(
            _time(line.at)[11:16],
            line.client_order_id,
            Text(line.side, style="green" if line.side is Side.BUY else "red"),
            quantity(line.quantity),
            line.instrument,
            Text(line.status.replace("_", " "), style=STATUS.get(line.status, "yellow")),
            "" if line.price is None else price(line.price),
        )
    for _ in range(height - len(lines)):
        table.add_row()
    return table


def _machine(view: View) -> Table:
    health, blotter = view.health, view.blotter
    left = f" {blotter.orders:,} orders  {blotter.fills:,} fills  {view.events_per_s:,.0f} events/s  "
    return _two_ends(Text.assemble(left, _mailboxes(health)), _health(health))


def _mailboxes(health: HealthReported) -> str:
    waiting = [f"{actor} {depth}" for actor, depth in health.mailboxes.items()]
    return f"waiting: {', '.join(waiting)}" if waiting else "mailboxes empty"


def _health(health: HealthReported) -> Text:
    said = f"● {health.status.value}" + "".join(f", {reason}" for reason in health.reasons[:1])
    return Text(said, style=HEALTH[health.status])


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def _two_ends(left: Text, right: Text) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    right.append(" ")
    grid.add_row(left, right)
    return grid


def _table(words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(box=None, expand=True, header_style="dim", pad_edge=False)
    for column in words:
        table.add_column(column, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _panel(title: str, table: Table) -> Panel:
    return Panel(table, title=f"[bold]{title}[/]", title_align="left", box=ROUNDED, border_style="dim")
