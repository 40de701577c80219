"""Why the settings of a portfolio stay as they are, in one sentence each."""

from lts.config.params import Misfit
from lts.config.schema import PortfolioPlan
from lts.domain.portfolio_changes import Change
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangePortfolio,
    Objection,
    PortfolioAnswer,
    PortfolioNotChanged,
)


def objection_to(command: Change, plan: PortfolioPlan, revision: int | None) -> PortfolioNotChanged | None:
    """Return why a command cannot be meant for a portfolio as it stands; None if it can.

    Args:
        command: what is wanted.
        plan: the portfolio.
        revision: of it; None if the node's file describes it.
    """
    name = plan.name
    if revision is None:
        reason = f"{plan.place} is described in the node's file; change it there, and start the node again"
        return PortfolioNotChanged(name, Objection.FROM_THE_FILE, reason)
    if command.revision not in {None, revision}:
        reason = f"{plan.place} has revision {revision} by now, not {command.revision}; look at it again"
        return PortfolioNotChanged(name, Objection.CONFLICT, reason)
    label = "" if isinstance(command, ChangePortfolio | AddAsset) else command.asset
    if label and all(asset.label != label for asset in plan.assets):
        return PortfolioNotChanged(name, Objection.UNKNOWN, f"{plan.place} has no asset '{label}'", "asset")
    return None


def unknown(portfolio: str) -> PortfolioNotChanged:
    """Return that there is no such portfolio."""
    return PortfolioNotChanged(portfolio, Objection.UNKNOWN, f"there is no portfolio '{portfolio}'")


def too_early(portfolio: str) -> PortfolioNotChanged:
    """Return that there is nobody yet to start anything."""
    return PortfolioNotChanged(
        portfolio, Objection.NOT_KEPT, "the node is still starting; try again in a moment"
    )


def key_reused(key: str) -> PortfolioNotChanged:
    """Return that a command's key marks another one."""
    return PortfolioNotChanged("", Objection.KEY_REUSED, f"the key {key} marks another command")


def misfitting(portfolio: str, misfit: Misfit) -> PortfolioNotChanged:
    """Return that settings cannot be read, and which of them."""
    return PortfolioNotChanged(portfolio, Objection.INVALID, str(misfit), misfit.field)


def as_given(answer: PortfolioAnswer) -> PortfolioAnswer:
    """Return an answer that names a field as it was given, for a command that is about one asset only."""
    if isinstance(answer, PortfolioNotChanged) and answer.field.startswith("asset."):
        *_, field = answer.field.split(".", 2)
        return PortfolioNotChanged(answer.portfolio, answer.objection, answer.reason, field)
    return answer
