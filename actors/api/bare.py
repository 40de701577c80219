"""The least that a portfolio costs with FastAPI: a route with a response model, and nothing around it.

It is what `lts bench api` compares the API with.
"""

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

PATH = "/portfolios/{portfolio}"
AMOUNTS = ("capital", "cash", "equity", "realised", "fees", "financing")


class BarePosition(BaseModel):
    """What is held of an instrument."""

    instrument: str
    quantity: str
    average_price: str
    realised: str
    fees: str
    round_trips: int
    id: str


class BarePortfolio(BaseModel):
    """A portfolio."""

    name: str
    owner: str
    currency: str
    at: str
    capital: str
    cash: str
    equity: str
    realised: str
    fees: str
    financing: str
    positions: list[BarePosition]


def bare(positions: int) -> ASGIApp:
    """Return an application that answers with a portfolio of so many positions, to anybody."""
    app = FastAPI(openapi_url=None)

    @app.get(PATH)
    async def read(portfolio: str) -> BarePortfolio:
        held = [
            BarePosition(
                instrument=f"I{each}",
                quantity="30",
                average_price="3.333333333333",
                realised="0",
                fees="0",
                round_trips=0,
                id="",
            )
            for each in range(positions)
        ]
        told = dict.fromkeys(AMOUNTS, "1000.5")
        at = "2020-01-01T00:00:00.000000000Z"
        return BarePortfolio(name=portfolio, owner="alice", currency="USD", at=at, positions=held, **told)

    return app
