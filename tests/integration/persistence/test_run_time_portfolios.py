"""Portfolios that are made at run time are kept with all their settings, revision by revision."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lts.domain.journal import RecallDeposits
from lts.domain.portfolio_settings import RecallPortfolios
from lts.domain.request_mark import Marked, RecallMark, RequestMark
from lts.domain.storage import KeysRotated, RotateKeys
from lts.domain.units import AssetSettings, NotPerformed, Perform, Performed, PutPortfolio, PutUser

pytestmark = pytest.mark.requirement("INT-019", "INT-007", "INT-010", "INT-025", "INT-5.1")

STOP = {"stop_loss_bps": "200", "emergency_exit_after_s": "5"}
MADE = PutPortfolio(
    "made",
    "carol",
    "USD",
    Decimal("500.50"),
    "fixed_quantity",
    {"quantity": "1"},
    (
        AssetSettings("Y", "paper", "sma_cross", {"fast": 2, "slow": 5}, protection=STOP),
        AssetSettings("X", "hedge", "sma_cross", {"fast": 3}, "b", active=False),
        AssetSettings("X", "hedge", "ema_cross", {}, "a"),
    ),
    "default",
    {"beat_s": 60},
    revision=1,
)


def next_of(command: PutPortfolio, **changes: Any) -> PutPortfolio:
    return msgspec.structs.replace(command, revision=command.revision + 1, **changes)


async def perform(node: Any, *commands: Any) -> Any:
    return await node.client.ask(Perform(commands, "carol"))


async def recalled(node: Any) -> Any:
    return (await node.client.ask(RecallPortfolios())).portfolios


async def test_it_comes_back_as_the_command_that_leads_to_it(node: Any) -> None:
    assert await recalled(node) == ()  # those of the file have no settings here
    assert await perform(node, PutUser("carol"), MADE) == Performed()
    assert await recalled(node) == (MADE,)
    (deposit,) = (await node.client.ask(RecallDeposits("made"))).deposits
    assert deposit.amount == Decimal("500.50")
    later = next_of(
        MADE,
        plugin="fixed_fraction",
        params={"fraction": "0.5"},
        assets=(MADE.assets[2], msgspec.structs.replace(MADE.assets[0], protection=None, active=False)),
        pipeline_params={},
        active=False,
    )
    assert await perform(node, later) == Performed()
    assert await recalled(node) == (later,)
    assert await node.verify() == ()


async def test_a_revision_follows_on_the_one_before_or_nothing_is_written(node: Any) -> None:
    assert await perform(node, PutUser("carol"), MADE) == Performed()
    for command, reason in (
        (MADE, "revision 1 of the portfolio made cannot follow on revision 1"),
        (next_of(next_of(MADE)), "revision 3 of the portfolio made cannot follow on revision 1"),
        (msgspec.structs.replace(MADE, revision=0), "made was made at run time; give the one in the file"),
        (msgspec.structs.replace(MADE, name="p", owner="ann"), "p is one that the node's file describes"),
        (next_of(MADE, owner="ann"), "belongs to somebody else than ann"),
        (next_of(MADE, name="other"), "revision 2 of the portfolio other cannot follow on revision 0"),
        (next_of(MADE, assets=(AssetSettings("?", "paper", "s"),)), "refuses a row"),
    ):
        answer = await perform(node, command)
        assert isinstance(answer, NotPerformed)
        assert reason in answer.reason
    assert await recalled(node) == (MADE,)
    assert await node.verify() == ()


async def test_the_mark_of_its_command_is_kept_with_it_and_opens_no_other(node: Any) -> None:
    mark = RequestMark("carol", "key", "digest")
    marked = msgspec.structs.replace(MADE, request=mark)
    twice = msgspec.structs.replace(marked, name="other")
    assert (await node.client.ask(RecallMark(mark))).found is None
    assert await perform(node, PutUser("carol"), marked) == Performed()
    refused = await perform(node, twice)
    assert isinstance(refused, NotPerformed)
    assert "its mark has led to something else" in refused.reason
    assert await recalled(node) == (MADE,)
    for digest in ("digest", "another"):
        asked = RequestMark("carol", "key", digest)
        assert (await node.client.ask(RecallMark(asked))).found == Marked(mark, "made", None)
    assert (await node.client.ask(RecallMark(RequestMark("ann", "key", "digest")))).found is None
    kept = await node.rows("SELECT who, entity FROM audit_log WHERE entity = 'idempotency_keys'")
    assert [tuple(row) for row in kept] == [("carol", "idempotency_keys")]
    assert await node.verify() == ()


async def test_what_is_sealed_can_be_read_under_new_keys(node: Any) -> None:
    assert await perform(node, PutUser("carol"), MADE) == Performed()
    assert isinstance(await node.client.ask(RotateKeys(node_key=False)), KeysRotated)
    assert await recalled(node) == (MADE,)
    assert await perform(node, next_of(MADE)) == Performed()
    assert await recalled(node) == (next_of(MADE),)
