"""The venue's book against the node's: what was lost, what was doubled, and whatever else does not agree."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from functools import wraps
from typing import Any, TypeVar

from tests.chaos.kill.books import NodeBook, Rows, our

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])
ZERO = Decimal(0)
WORKING = frozenset({"accepted", "partially_filled", "triggered"})
STANDS = {"PENDING": WORKING, "FILLED": {"filled"}, "CANCELLED": {"canceled", "expired"}}
NEVER_SENT = frozenset({"denied", "rejected", "canceled", "initialized"})
"""The states of an order that never came to its venue; one that is initialized waits for another."""
PRECISE = 60


def unrounded(function: F) -> F:
    """Add up without losing a digit."""

    @wraps(function)
    def exactly(*arguments: Any) -> Any:
        with localcontext(prec=PRECISE):
            return function(*arguments)

    return exactly  # type: ignore[return-value]


class Verdict:
    """What is found, by sort; each finding is a sentence."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        """What the venue has and the node lacks, or has otherwise."""
        self.duplicated: list[str] = []
        """Orders that reached the venue more than once, fills that were booked more than once."""
        self.invented: list[str] = []
        """What the node has and the venue lacks."""
        self.amiss: list[str] = []
        """Sums that do not agree."""
        self.positions_equal = True

    def told(self) -> Json:
        return {
            "lost": len(self.lost),
            "duplicated": len(self.duplicated),
            "invented": len(self.invented),
            "positions_equal": self.positions_equal,
            "amiss": self.amiss[:10],
            "findings": [*self.lost[:10], *self.duplicated[:10], *self.invented[:10]],
        }

    @property
    def clean(self) -> bool:
        return self.positions_equal and not (self.lost or self.duplicated or self.invented or self.amiss)


def compare(venue: Json, node: NodeBook) -> Verdict:
    """Hold the venue's book (`GET /control/book`) against the node's."""
    verdict = Verdict()
    orders = {row["client_order_id"]: row for row in node.rows("SELECT * FROM orders")}
    fills = node.rows("SELECT * FROM fills")
    _compare_orders(venue, orders, _traded(venue), verdict)
    _compare_terms(venue["orders"], orders, node, verdict)
    _compare_fills(venue["fills"], fills, verdict)
    _look_for_doubles(venue["intents"], node, fills, verdict)
    _compare_positions(venue["positions"], fills, node.rows("SELECT * FROM positions"), verdict)
    _add_up(node, fills, verdict)
    return verdict


def _traded(venue: Json) -> Mapping[str, Decimal]:
    traded: Counter[str] = Counter()
    for fill in venue["fills"]:
        traded[our(fill.get("clientOrderID", ""))] += abs(Decimal(fill["units"]))  # type: ignore[assignment]
    return traded  # type: ignore[return-value]


def _compare_orders(
    venue: Json, orders: dict[str, Json], traded: Mapping[str, Decimal], verdict: Verdict
) -> None:
    """Hold each order that the venue received against the node's, and the other way round."""
    stands: dict[str, str] = {}
    for order in sorted(venue["allOrders"], key=lambda each: int(each["id"])):
        stands[our(order.get("clientExtensions", {}).get("id", ""))] = order["state"]
    received = {our(intent["clientOrderID"]): intent for intent in venue["intents"]}
    for name, intent in received.items():
        row = orders.get(name)
        if row is None:
            verdict.lost.append(f"order {name} is at the venue, and the node does not know it")
            continue
        wanted = STANDS[stands[name]] if intent["orderIDs"] else {"rejected"}
        if row["status"] not in wanted:
            there = stands.get(name, "refused")
            verdict.lost.append(f"order {name} is {there} at the venue, and {row['status']} in the node")
        if Decimal(row["filled"]) != traded.get(name, ZERO):
            verdict.lost.append(
                f"order {name} traded {traded.get(name, 0)}, and the node has {row['filled']}"
            )
    for name, row in orders.items():
        if name not in received and row["status"] not in NEVER_SENT:
            verdict.invented.append(f"order {name} is {row['status']}, and the venue never received it")


@unrounded
def _compare_terms(there: Rows, orders: dict[str, Json], node: NodeBook, verdict: Verdict) -> None:
    """Hold what is left of each order that works, and its price, against what the node has of it."""
    triggers = node.rows("SELECT client_order_id, trigger_price FROM order_conditions")
    stops = {row["client_order_id"]: row["trigger_price"] for row in triggers}
    confirmed = node.rows(
        "SELECT t.* FROM order_terms t JOIN order_events e ON e.seq = t.seq "
        "WHERE t.quantity IS NOT NULL AND e.status <> 'pending_update' ORDER BY t.seq"
    )
    terms = {row["client_order_id"]: row for row in confirmed}
    for order in there:
        name = our(order.get("clientExtensions", {}).get("id", ""))
        if (row := orders.get(name)) is None:
            continue  # it is lost, which has been said
        first = row | {"trigger_price": stops.get(name)}
        at = terms.get(name, first)
        ours = (
            Decimal(at["quantity"]) - Decimal(row["filled"]),
            Decimal(at["limit_price"] or at["trigger_price"]),
        )
        theirs = abs(Decimal(order["units"])), Decimal(order["price"])
        if ours != theirs:
            verdict.lost.append(f"order {name} works for {theirs} at the venue, and for {ours} in the node")


def _compare_fills(there: Rows, here: Rows, verdict: Verdict) -> None:
    booked = {row["exec_id"]: row for row in here}
    for fill in there:
        row, units = booked.pop(fill["id"], None), Decimal(fill["units"])
        if row is None:
            verdict.lost.append(f"fill {fill['id']} of {fill.get('clientOrderID')} is not booked")
            continue
        theirs = (
            our(fill.get("clientOrderID", "")), fill["instrument"].replace("_", "/"),
            "buy" if units > 0 else "sell",
            abs(units), Decimal(fill["price"]), Decimal(fill["commission"]),
        )  # fmt: skip
        ours = (
            row["client_order_id"], row["instrument"], row["side"],
            Decimal(row["quantity"]), Decimal(row["price"]), Decimal(row["fee"]),
        )  # fmt: skip
        if ours != theirs:
            verdict.lost.append(f"fill {fill['id']} is {theirs} at the venue, and {ours} in the node")
    verdict.invented += [f"fill {name} is booked, and the venue has none" for name in booked]


def _look_for_doubles(intents: Rows, node: NodeBook, fills: Rows, verdict: Verdict) -> None:
    verdict.duplicated += [
        f"order {intent['clientOrderID']} reached the venue {intent['times']} times"
        for intent in intents
        for _ in range(intent["times"] - 1)
    ]
    told = (row["exec_id"] for row in node.rows("SELECT exec_id FROM order_events WHERE exec_id IS NOT NULL"))
    for what, names in (("booked", (row["exec_id"] for row in fills)), ("told", told)):
        verdict.duplicated += [
            f"fill {name} is {what} {n} times" for name, n in Counter(names).items() if n > 1
        ]


@unrounded
def _compare_positions(there: Rows, fills: Rows, held: Rows, verdict: Verdict) -> None:
    folded: dict[tuple[int, str], Decimal] = {}
    for row in fills:
        key = row["portfolio_id"], row["instrument"]
        signed = Decimal(row["quantity"]) * (1 if row["side"] == "buy" else -1)
        folded[key] = folded.get(key, ZERO) + signed
    ours: dict[str, Decimal] = {}
    for row in held:
        quantity = Decimal(row["quantity"])
        ours[row["instrument"]] = ours.get(row["instrument"], ZERO) + quantity
        if folded.get((row["portfolio_id"], row["instrument"]), ZERO) != quantity:
            verdict.amiss.append(
                f"the position {row['portfolio_id']}/{row['instrument']} is not that of its fills"
            )
    theirs = {
        each["instrument"].replace("_", "/"): Decimal(each["long"]["units"]) + Decimal(each["short"]["units"])
        for each in there
    }
    for instrument in {*ours, *theirs}:
        here, away = ours.get(instrument, ZERO), theirs.get(instrument, ZERO)
        if here != away:
            verdict.positions_equal = False
            verdict.amiss.append(f"{instrument}: {away} at the venue, {here} in the node")


@unrounded
def _add_up(node: NodeBook, fills: Rows, verdict: Verdict) -> None:
    """See that every booking sums to zero, that each fill has one, and what they come to."""
    sums: dict[tuple[int, str, str], Decimal] = {}
    paid: dict[int, Decimal] = {}
    for row in node.rows("SELECT portfolio_id, booking, account, currency, amount FROM ledger_entries"):
        key = row["portfolio_id"], row["booking"], row["currency"]
        sums[key] = sums.get(key, ZERO) + Decimal(row["amount"])
        if row["account"] in {"cash", "capital"}:  # what came in from outside is no trade
            paid[row["portfolio_id"]] = paid.get(row["portfolio_id"], ZERO) + Decimal(row["amount"])
    if any(sums.values()):
        verdict.amiss.append("a booking does not sum to zero")
    booked = Counter(json.loads(booking)[-1] for _, booking, _ in sums)
    for row in fills:
        if booked[row["exec_id"]] != 1:
            verdict.amiss.append(f"fill {row['exec_id']} has {booked[row['exec_id']]} bookings")
        moved = Decimal(row["quantity"]) * Decimal(row["price"]) * (1 if row["side"] == "buy" else -1)
        whose = row["portfolio_id"]
        paid[whose] = paid.get(whose, ZERO) + moved + Decimal(row["fee"])
    verdict.amiss += [f"the cash of portfolio {whose} is off by {off}" for whose, off in paid.items() if off]
