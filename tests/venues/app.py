"""The routes of v20: REST and streams, behind a bearer token."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.venues import answers
from tests.venues.candles import GRANULARITY
from tests.venues.counter import Answer
from tests.venues.instants import read, true_time
from tests.venues.instruments import LISTED, Json
from tests.venues.orders import Malformed
from tests.venues.streams import Stream
from tests.venues.transactions import PAGE
from tests.venues.venue import PRICING, TRANSACTIONS, Venue

ACCOUNT = "/v3/accounts/{account}"
NO_ORDER = {"errorCode": "NO_SUCH_ORDER", "errorMessage": "The order ID specified does not exist"}
NO_TRADE = {"errorCode": "NO_SUCH_TRADE", "errorMessage": "The trade ID specified does not exist"}
NO_POSITION = {"errorCode": "NO_SUCH_POSITION", "errorMessage": "The Position requested does not exist"}


@dataclass
class Call:
    """One request, as a handler wants it."""

    path: dict[str, str]
    query: Mapping[str, str]
    body: Json
    request_id: str
    base: str
    """What the URL of the venue begins with."""


Handler = Callable[[Call], Answer]


class Api:
    """Handlers by route."""

    def __init__(self, venue: Venue, token: str, *, any_client_id: bool = True) -> None:
        self.venue, self.book, self.log, self.counter = venue, venue.book, venue.log, venue.counter
        self.token, self.any_client_id = token, any_client_id
        self.request_ids = count(true_time() // 1000)

    def app(self) -> Starlette:
        """Return the application; a longer path comes before a shorter one that would match it."""
        routes = [
            self.route("/v3/accounts", GET=self.accounts),
            self.route(ACCOUNT, GET=lambda _: self.said(account=answers.account(self.book))),
            self.route(f"{ACCOUNT}/summary", GET=lambda _: self.said(account=answers.summary(self.book))),
            self.route(f"{ACCOUNT}/instruments", GET=self.instruments),
            self.route(f"{ACCOUNT}/orders", GET=self.orders, POST=self.place),
            self.route(f"{ACCOUNT}/pendingOrders", GET=self.pending),
            self.route(f"{ACCOUNT}/orders/{{order:path}}/cancel", PUT=self.cancel),
            self.route(f"{ACCOUNT}/orders/{{order:path}}/clientExtensions", PUT=self.extend),
            self.route(f"{ACCOUNT}/orders/{{order:path}}", GET=self.order, PUT=self.replace),
            self.route(f"{ACCOUNT}/trades", GET=self.trades),
            self.route(f"{ACCOUNT}/openTrades", GET=self.open_trades),
            self.route(f"{ACCOUNT}/trades/{{trade}}", GET=self.trade),
            self.route(f"{ACCOUNT}/trades/{{trade}}/close", PUT=self.close_trade),
            self.route(f"{ACCOUNT}/positions", GET=lambda _: self.positions(open_only=False)),
            self.route(f"{ACCOUNT}/openPositions", GET=lambda _: self.positions(open_only=True)),
            self.route(f"{ACCOUNT}/positions/{{instrument}}", GET=self.position),
            self.route(f"{ACCOUNT}/positions/{{instrument}}/close", PUT=self.close_position),
            self.route(f"{ACCOUNT}/transactions", GET=self.transactions),
            self.route(f"{ACCOUNT}/transactions/idrange", GET=self.id_range),
            self.route(f"{ACCOUNT}/transactions/sinceid", GET=self.since_id),
            Route(f"{ACCOUNT}{TRANSACTIONS}", Guarded(self, self.transaction_stream), methods=["GET"]),
            self.route(f"{ACCOUNT}/transactions/{{transaction}}", GET=self.transaction),
            self.route(f"{ACCOUNT}/pricing", GET=self.pricing),
            Route(f"{ACCOUNT}{PRICING}", Guarded(self, self.pricing_stream), methods=["GET"]),
            self.route("/v3/instruments/{instrument}/candles", GET=self.candles),
            self.route(f"{ACCOUNT}/instruments/{{instrument}}/candles", GET=self.candles),
        ]
        return Starlette(routes=routes)

    def route(self, path: str, **handlers: Handler) -> Route:
        """Return a route whose handlers need no more than a call, and give no more than an answer."""

        async def answer(request: Request) -> JSONResponse:
            request_id = str(next(self.request_ids))
            status, body = self.refusal(request) or (0, {})
            if not status:
                try:
                    told = await request.body()
                    asked = request.path_params, request.query_params, json.loads(told or b"{}")
                    call = Call(*asked, request_id, str(request.base_url))
                    status, body = handlers[request.method.replace("HEAD", "GET")](call)
                except (Malformed, ValueError) as malformed:
                    status, body = 400, {"errorMessage": str(malformed) or "Invalid request"}
            return JSONResponse(body, status, {"RequestID": request_id})

        return Route(path, answer, methods=list(handlers))

    def refusal(self, request: Request) -> Answer | None:
        """Return why a request is not heard at all, if so."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"errorMessage": "Insufficient authorization to perform request."}
        if request.path_params.get("account", self.log.account) != self.log.account:
            return 403, {"errorMessage": "The provided access token has no access to the account."}
        return None

    def said(self, **body: object) -> Answer:
        return 200, body | {"lastTransactionID": self.log.last}

    def missing(self, what: Json) -> Answer:
        return 404, what | {"lastTransactionID": self.log.last}

    def accounts(self, _: Call) -> Answer:
        return 200, {"accounts": [{"id": self.log.account, "tags": []}]}

    def instruments(self, call: Call) -> Answer:
        wanted = call.query.get("instruments", ",".join(LISTED)).split(",")
        return self.said(instruments=[each.described() for each in LISTED.values() if each.name in wanted])

    def find(self, specifier: str) -> Json | None:
        """Return the order that an id names, or `@` and a client id."""
        if specifier.startswith("@"):
            return self.book.by_client_id(specifier[1:], pending_only=not self.any_client_id)
        return self.book.orders.get(specifier)

    def visible(self, order: Json | None) -> bool:
        return order is not None and read(order["createTime"]) <= self.venue.faults.stale()

    def orders(self, call: Call) -> Answer:
        those = self.book.pending if call.query.get("state", "PENDING") == "PENDING" else self.book.orders
        seen = filter(self.visible, (those if "ids" not in call.query else self.book.orders).values())
        return self.said(orders=answers.listed(seen, call.query, "PENDING"))

    def pending(self, _: Call) -> Answer:
        return self.said(orders=list(filter(self.visible, reversed(self.book.pending.values()))))

    def order(self, call: Call) -> Answer:
        found = self.find(call.path["order"])
        return self.said(order=found) if self.visible(found) else self.missing(NO_ORDER)

    def place(self, call: Call) -> Answer:
        return self.counter.place(call.body, call.request_id)

    def replace(self, call: Call) -> Answer:
        specifier = call.path["order"]
        return self.counter.replace(self.find(specifier), specifier, call.body, call.request_id)

    def cancel(self, call: Call) -> Answer:
        specifier = call.path["order"]
        return self.counter.cancel(self.find(specifier), specifier, call.request_id)

    def extend(self, call: Call) -> Answer:
        found = self.find(call.path["order"])
        return self.counter.extend(found, call.body, call.request_id) if found else self.missing(NO_ORDER)

    def trades(self, call: Call) -> Answer:
        found = answers.listed(self.book.trades.values(), call.query, "OPEN")
        return self.said(trades=[answers.trade(self.book, each) for each in found])

    def open_trades(self, _: Call) -> Answer:
        return self.said(
            trades=[answers.trade(self.book, each) for each in reversed(self.book.open.values())]
        )

    def trade(self, call: Call) -> Answer:
        found = self.book.trades.get(call.path["trade"])
        return self.said(trade=answers.trade(self.book, found)) if found else self.missing(NO_TRADE)

    def close_trade(self, call: Call) -> Answer:
        if (found := self.book.open.get(call.path["trade"])) is None:
            return self.missing(NO_TRADE)
        return self.counter.close_trade(found, str(call.body.get("units", "ALL")), call.request_id)

    def positions(self, *, open_only: bool) -> Answer:
        return self.said(positions=answers.positions(self.book, open_only=open_only))

    def position(self, call: Call) -> Answer:
        if (name := call.path["instrument"]) not in LISTED:
            return self.missing(NO_POSITION)
        return self.said(position=answers.position(self.book, name))

    def close_position(self, call: Call) -> Answer:
        name = call.path["instrument"]
        return self.counter.close_position(name, call.body, call.request_id) or self.missing(NO_POSITION)

    def transactions(self, call: Call) -> Answer:
        size, kinds = int(call.query.get("pageSize", 100)), wanted_types(call)
        if not 0 < size <= PAGE:
            raise Malformed("Invalid value specified for 'pageSize'")
        start, end = call.query.get("from", ""), call.query.get("to", "")
        found = self.log.within(start, end, kinds)
        suffix = f"&type={','.join(sorted(kinds))}" if kinds else ""
        base = f"{call.base}v3/accounts/{self.log.account}/transactions/idrange"
        pages = [
            f"{base}?from={part[0]['id']}&to={part[-1]['id']}{suffix}"
            for part in (found[at : at + size] for at in range(0, len(found), size))
        ]
        span = {"from": start or self.book.created, "to": end or self.venue.clock.text()}
        return self.said(**span, pageSize=size, count=len(found), pages=pages)

    def id_range(self, call: Call) -> Answer:
        first, last = (int(call.query.get(name, "")) for name in ("from", "to"))
        if not 0 < first <= last <= int(self.log.last) or last - first >= PAGE:
            return 416, {"errorMessage": "The requested range of Transaction IDs is not satisfiable"}
        return self.said(transactions=self.log.between(first, last, wanted_types(call)))

    def since_id(self, call: Call) -> Answer:
        """Return what came after an id: one page of it, so that `lastTransactionID` may be further on."""
        since = int(call.query.get("id", ""))
        if not 0 <= since <= int(self.log.last):
            return 416, {"errorMessage": "The requested Transaction ID is not in the range of the Account"}
        return self.said(transactions=self.log.between(since + 1, since + PAGE, wanted_types(call)))

    def transaction(self, call: Call) -> Answer:
        number = int(call.path["transaction"])
        if not 0 < number <= int(self.log.last):
            return self.missing({"errorCode": "NO_SUCH_TRANSACTION", "errorMessage": "No such transaction"})
        return self.said(transaction=self.log.entries[number - 1])

    def pricing(self, call: Call) -> Answer:
        names = self.names(call.query)
        prices = [self.venue.prices.written(name) for name in LISTED if name in names]
        return 200, {"time": self.venue.clock.text(), "prices": prices}

    def names(self, query: Mapping[str, str]) -> frozenset[str]:
        names = frozenset(filter(None, query.get("instruments", "").split(",")))
        if not names or not names <= LISTED.keys():
            raise Malformed("Invalid value specified for 'instruments'")
        return names

    def candles(self, call: Call) -> Answer:
        name, query = call.path["instrument"], call.query
        if name not in LISTED or (granularity := query.get("granularity", "M1")) not in GRANULARITY:
            raise Malformed(
                "Invalid value specified for 'granularity'" if name in LISTED else "Invalid instrument"
            )
        start, end = (read(query[key]) if key in query else None for key in ("from", "to"))
        found = [
            each
            for at, each in self.venue.prices.candles.written(name, granularity, self.venue.clock.now())
            if (start is None or at >= start) and (end is None or at < end)
        ]
        most = int(query.get("count", 500))
        found = found[:most] if start is not None else found[-most:]
        return 200, {"instrument": name, "granularity": granularity, "candles": found}

    def transaction_stream(self, _: Request) -> Stream:
        return Stream(self.venue.streams, TRANSACTIONS, self.venue.transaction_beat, frozenset())

    def pricing_stream(self, request: Request) -> Stream:
        names = self.names(request.query_params)
        stream = Stream(self.venue.streams, PRICING, self.venue.pricing_beat, names)
        if request.query_params.get("snapshot", "true").lower() != "false":
            for name in sorted(names):
                stream.queue.put_nowait(self.venue.prices.written(name))
        return stream


class Guarded:
    """A stream behind the token; an ASGI application, so that Starlette adds nothing to it."""

    def __init__(self, api: Api, make: Callable[[Request], Stream]) -> None:
        self.api, self.make = api, make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, answer = Request(scope, receive), self.api.refusal(Request(scope, receive))
        try:
            app: ASGIApp = JSONResponse(answer[1], answer[0]) if answer else self.make(request)
        except Malformed as malformed:
            app = JSONResponse({"errorMessage": str(malformed)}, 400)
        await app(scope, receive, send)


def wanted_types(call: Call) -> set[str]:
    return set(filter(None, call.query.get("type", "").split(",")))
