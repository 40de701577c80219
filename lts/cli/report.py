"""How a session went, for programs and for people."""

from decimal import Decimal
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from typer import echo

from lts.cli.figures import change, colour, money, percent, quantity
from lts.config.schema import SystemPlan
from lts.domain.money import plain
from lts.domain.outcome import Outcome, PortfolioOutcome


def say(result: Any, shown: RenderableType, *, json: bool) -> None:
    """Print a result on stdout: as one JSON object, or as it is shown to people."""
    if json:
        echo(as_json(result))
    else:
        Console(highlight=False).print(shown)


def as_json(result: Any) -> str:
    """Return one JSON object; amounts are numbers with all their digits and no exponent."""
    plain_values = msgspec.to_builtins(result, builtin_types=(Decimal,))
    return msgspec.json.encode(_written_out(plain_values)).decode()


def _written_out(value: Any) -> Any:
    match value:
        case Decimal():
            return msgspec.Raw(plain(value).encode())
        case dict():
            return {key: _written_out(each) for key, each in value.items()}
        case list() | tuple():
            return [_written_out(each) for each in value]
        case _:
            return value


def summary(outcome: Outcome, plan: SystemPlan) -> RenderableType:
    """Return the figures of a session: what each portfolio has, and how that came about."""
    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="bold")
    for name, value in _figures(outcome):
        figures.add_row(f" {name}", value)
    return Group("", _portfolios(outcome, plan), "", figures)


def _portfolios(outcome: Outcome, plan: SystemPlan) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(" portfolio")
    table.add_column("owner")
    for column in ("equity", "change", "holds", "fees", "trades"):
        table.add_column(column, justify="right", no_wrap=True)
    capital = {portfolio.name: portfolio.cash for portfolio in plan.portfolios}
    for each in outcome.portfolios:
        grown = change(each.equity, capital[each.name])
        table.add_row(
            f" {each.name}",
            each.owner,
            f"{money(each.equity)} {each.currency}",
            Text(percent(grown), style=colour(grown)),
            _held(each),
            money(each.fees),
            f"{each.trades:,}",
        )
    return table


def _held(portfolio: PortfolioOutcome) -> str:
    return "\n".join(
        f"{quantity(each.quantity)} {each.instrument} {each.position}".rstrip()
        for each in portfolio.positions
    )


def _figures(outcome: Outcome) -> list[tuple[str, str]]:
    figures = [("orders", f"{outcome.orders:,}, with {outcome.fills:,} fills; {outcome.denied:,} denied")]
    if outcome.final_equity is not None and outcome.fees is not None:
        costs = f"{money(outcome.fees)} of fees"
        if outcome.financing:
            costs += f" and {money(-outcome.financing)} of financing"
        figures.append(("equity", f"{money(outcome.final_equity)} after {costs}"))
    if outcome.max_drawdown is not None:
        figures.append(("drawdown", f"{outcome.max_drawdown:.2%} at most, from a peak"))
    if outcome.sharpe is not None:
        figures.append(("Sharpe ratio", f"{outcome.sharpe:.2f} a year"))
    pace = f"{outcome.bars:,} bars and {outcome.events:,} events in {outcome.elapsed_s:,.2f} s"
    figures.append(("pace", f"{pace}: {outcome.bars_per_s:,.0f} bars/s"))
    figures.append(("digest", outcome.digest))
    return figures
