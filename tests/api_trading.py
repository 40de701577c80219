"""The part of the small house behind the API that takes orders, and owns settings."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from bus import Actor, Request, on
from lts.domain.order_entry import (
    OrderNotTaken,
    OrderTaken,
    RetractAll,
    RetractionTaken,
    RetractOrder,
    ReviseOrder,
    RevisionTaken,
    SubmitOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    CreatePortfolio,
    GetPortfolio,
    Origin,
    PortfolioAnswer,
    PortfolioReported,
    RemoveAsset,
    SetActive,
)

ASSET = {
    "instrument": "SP500",
    "broker": "paper",
    "strategy": "sma_cross",
    "params": {"fast": 5},
    "protection": {"stop_loss_bps": "200"},
    "active": True,
}
SETTINGS = {
    "currency": "USD",
    "cash": "1E+4",
    "plugin": "fixed_quantity",
    "params": {"quantity": "1"},
    "pipeline": "default",
    "pipeline_params": {},
}


def portfolio(name: str, owner: str = "alice", *assets: dict[str, Any]) -> PortfolioReported:
    """A portfolio that was made at run time."""
    return PortfolioReported(name, owner, Origin.API, 3, True, {**SETTINGS, "asset": [*assets]})


class Traders(Actor[None]):
    """Plays the order entry and who owns the settings; keeps what it was asked."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with nothing asked, and everything going well."""
        self.asked: list[Request[Any]] = []
        self.answer: Any = None
        """What is answered instead of what goes well."""
        yield

    @on
    def submit(self, wanted: SubmitOrder) -> OrderTaken | OrderNotTaken:
        taken = OrderTaken(f"{wanted.portfolio}-SP500-000001", OrderStatus.SUBMITTED)
        return self.told(wanted, taken)  # type: ignore[no-any-return]

    @on
    def revise(self, wanted: ReviseOrder) -> RevisionTaken | OrderNotTaken:
        taken = RevisionTaken(wanted.client_order_id, OrderStatus.PENDING_UPDATE)
        return self.told(wanted, taken)  # type: ignore[no-any-return]

    @on
    def retract(self, wanted: RetractOrder | RetractAll) -> RetractionTaken | OrderNotTaken:
        return self.told(wanted, RetractionTaken(1))  # type: ignore[no-any-return]

    @on
    def create(self, wanted: CreatePortfolio) -> PortfolioAnswer:
        made = portfolio(wanted.settings["name"], wanted.settings["owner"], *wanted.settings["asset"])
        return self.told(wanted, made)  # type: ignore[no-any-return]

    @on
    def settings(
        self, wanted: GetPortfolio | ChangePortfolio | AddAsset | ChangeAsset | RemoveAsset | SetActive
    ) -> PortfolioAnswer:
        return self.told(wanted, portfolio(wanted.portfolio, "alice", ASSET))  # type: ignore[no-any-return]

    def told(self, wanted: Request[Any], well: Any) -> Any:
        self.asked.append(wanted)
        return well if self.answer is None else self.answer

    def repeat(self, answer: Any) -> None:
        """Answer from now on as to a request that was made before."""
        self.answer = msgspec.structs.replace(answer, repeated=True)
