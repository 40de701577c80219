"""What is no part of v20: faults, prices, another hand's trades, and the whole truth, under `/control`."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from itertools import count

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.venues import answers, financing
from tests.venues.counter import SOMEBODY_ELSE, Answer
from tests.venues.faults import Fault
from tests.venues.instruments import LISTED, Json
from tests.venues.orders import Malformed
from tests.venues.prices import crossing
from tests.venues.streams import End
from tests.venues.venue import Venue
from tests.venues.wire import Wire


class Control:
    """The hand behind the scenes."""

    def __init__(self, venue: Venue, wire: Wire, token: str) -> None:
        self.venue, self.wire, self.token = venue, wire, token
        self.asked = count(1)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                self.route("/control/book", GET=lambda _: (200, self.book())),
                self.route("/control/faults", GET=self.told, POST=self.add, DELETE=self.clear),
                self.route("/control/price", POST=self.price),
                self.route("/control/market", POST=self.market),
                self.route("/control/external", POST=self.external),
                self.route("/control/day_end", POST=self.day_end),
                self.route("/control/financing", POST=self.finance),
                self.route("/control/accrue", POST=self.accrue),
                self.route("/control/dividend", POST=self.dividend),
                self.route("/control/reset", POST=self.reset),
            ]
        )

    def route(self, path: str, **handlers: Callable[[Json], Answer]) -> Route:
        async def answer(request: Request) -> JSONResponse:
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return JSONResponse({"error": "the control token is another"}, 401)
            try:
                status, body = handlers[request.method](json.loads(await request.body() or b"{}"))
            except (Malformed, ValueError, KeyError, InvalidOperation) as wrong:
                status, body = 400, {"error": f"{type(wrong).__name__}: {wrong}"}
            return JSONResponse(body, status)

        endpoint: Callable[[Request], Awaitable[JSONResponse]] = answer
        return Route(path, endpoint, methods=list(handlers))

    def told(self, _: Json) -> Answer:
        faults = self.venue.faults
        return 200, {"faults": [each.told() for each in faults.faults], "total": faults.total}

    def add(self, body: Json) -> Answer:
        """Put faults in force: `{"seed": 7, "faults": [{"kind": …}, …]}`, or one alone."""
        if "seed" in body and "faults" in body:
            self.venue.faults.seed = int(body["seed"])
        added = [self.venue.faults.add(each) for each in body.get("faults", [body])]
        for fault in added:
            self.at_once(fault)
        return 200, {"faults": [each.told() for each in added]}

    def at_once(self, fault: Fault) -> None:
        """Do what waits for no message: maintenance and a certain disconnect end the streams."""
        certain = fault.kind == "disconnect" and fault.probability == 1 and fault.count < 0 and not fault.skip
        if fault.kind == "maintenance" or certain:
            fault.fired += self.venue.streams.end(End.CUT, fault.path)
        if certain:
            total = self.venue.faults.total
            total["disconnect"] = total.get("disconnect", 0) + fault.fired
            self.venue.faults.clear(fault.id)

    def clear(self, body: Json) -> Answer:
        self.venue.faults.clear(body.get("id"))
        return 200, {}

    def price(self, body: Json) -> Answer:
        """Quote: `{"instrument": …, "bid": …, "ask": …}`, and, if it is limited, `"liquidity"`."""
        instrument, bid, ask = (
            LISTED[body["instrument"]],
            Decimal(str(body["bid"])),
            Decimal(str(body["ask"])),
        )
        if wrong := crossing(instrument, bid, ask):
            raise ValueError(wrong)
        limit = Decimal(str(body["liquidity"])) if "liquidity" in body else None
        self.venue.set_price(instrument.name, bid, ask, limit)
        return 200, self.venue.prices.written(instrument.name)

    def market(self, body: Json) -> Answer:
        """Halt an instrument, or let it be traded again: `{"instrument": …, "tradeable": false}`."""
        name, halted = LISTED[body["instrument"]].name, self.venue.prices.halted
        (halted.discard if body["tradeable"] else halted.add)(name)
        quote = self.venue.prices.quotes[name]
        self.venue.prices.set(name, quote.bid, quote.ask)
        return 200, {"halted": sorted(halted)}

    def external(self, body: Json) -> Answer:
        """Act as another user of the account: `{"order": …}`, `{"cancel": id}` or `{"close": instrument}`."""
        counter, request_id = self.venue.counter, f"external-{next(self.asked)}"
        if "cancel" in body:
            found = self.venue.book.orders.get(str(body["cancel"]))
            return counter.cancel(found, str(body["cancel"]), request_id, SOMEBODY_ELSE)
        if "close" in body:
            closed = counter.close_position(body["close"], {}, request_id, SOMEBODY_ELSE)
            return closed or (404, {"error": "there is no such position"})
        return counter.place(body, request_id, SOMEBODY_ELSE)

    def day_end(self, _: Json) -> Answer:
        self.venue.matching.expire(day_over=True)
        return 200, {"lastTransactionID": self.venue.log.last}

    def finance(self, body: Json) -> Answer:
        """Charge for a night: `{"longRate": "-0.05", "shortRate": "0.01"}`, a year's, negative if paid."""
        rates = (Decimal(str(body.get(name, 0))) for name in ("longRate", "shortRate"))
        return 200, {"charged": financing.charge(self.venue.book, *rates)}

    def accrue(self, body: Json) -> Answer:
        """Have the next fill that closes something of an instrument pay for what was held until then."""
        name, amount = LISTED[body["instrument"]].name, Decimal(str(body["amount"]))
        self.venue.book.accrued[name] = amount
        return 200, {"accrued": str(amount)}

    def dividend(self, body: Json) -> Answer:
        """Pay a dividend of so much a unit: `{"instrument": …, "rate": "0.5"}`; whoever is short pays it."""
        name, rate = LISTED[body["instrument"]].name, Decimal(str(body["rate"]))
        return 200, {"charged": financing.pay_dividend(self.venue.book, name, rate)}

    def reset(self, _: Json) -> Answer:
        self.venue.reset()
        self.wire.requests = 0
        return 200, {"lastTransactionID": self.venue.log.last}

    def book(self) -> Json:
        """Return the whole truth."""
        book, log = self.venue.book, self.venue.log
        intents: dict[str, Json] = {}
        for each in log.receipts:
            name = each["clientOrderID"] or f"(none) {each['requestID']}"
            intent = intents.setdefault(
                name, {"clientOrderID": each["clientOrderID"], "received": [], "orderIDs": [], "refused": []}
            )
            intent["received"].append(each["at"])
            intent["refused" if each["refused"] else "orderIDs"].append(
                each["refused"] or each["transactionID"]
            )
        for intent in intents.values():
            intent["times"] = len(intent["received"])
        fills = [each for each in log.entries if each["type"] == "ORDER_FILL"]
        return {
            "intents": list(intents.values()),
            "fills": fills,
            "orders": list(book.pending.values()),
            "allOrders": list(book.orders.values()),
            "trades": [answers.trade(book, each) for each in book.open.values()],
            "positions": answers.positions(book, open_only=True),
            "account": answers.summary(book),
            "lastTransactionID": log.last,
            "counters": {
                "requests": self.wire.requests,
                "received": len(log.receipts),
                "intents": len(intents),
                "duplicated": sum(each["times"] - 1 for each in intents.values()),
                "executed_again": sum(max(len(each["orderIDs"]) - 1, 0) for each in intents.values()),
                "refused": sum(bool(each["refused"]) for each in log.receipts),
                "fills": len(fills),
                "readers": len(self.venue.streams.readers),
                "faults": self.venue.faults.total,
            },
        }
