"""What a live system has and a backtest has not: a storage that outlasts the process, and its keepers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.api.actor import Api
from actors.api.params import ApiLimits, ApiParams, Premises, Rate
from actors.backups import Backups, Schedule
from actors.billing import Billing, Subscription
from actors.console import Console
from actors.door import PATIENCE, Door
from actors.host import Host
from actors.mqtt.actor import Mqtt
from actors.mqtt.params import MqttAssignment, MqttParams
from actors.persistence.actor import Persistence
from actors.persistence.entry import Tariff
from actors.persistence.shelf import DIRECTORY
from actors.persistence.storage import Storage
from actors.statistics import Sampled, Statistics
from bus import AskError, Bus, ChildProcess, LiveDriver, Request, SystemClock
from lts.admission.catalogue import Catalogue
from lts.config.schema import AccessPlan, ApiPlan, MqttPlan, SystemPlan
from lts.domain.plugins import PluginRefused
from lts.domain.register import Register
from lts.domain.registration import registration
from lts.domain.risk import (
    JournalTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateJournalled,
    TradingStateNotJournalled,
)
from lts.domain.storage import RotateKeys
from lts.domain.units import PutInstrument
from lts.main import ONCE, Keeper, Resident, Roll, aaa_plugin, live_feeds
from lts.refusal import Refused
from lts.security.port import NodeSecurity

R = TypeVar("R")

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
"""The command line, as a process of its own."""
CURSOR = "mqtt.cursor"
"""In the state directory: how far the MQTT broker has the journal."""
SLOW_AFTER_S = 0.8
"""Seconds that a transaction may take before no new risk is taken; a replay's market time waits for it."""


def storage_of(plan: SystemPlan, state_dir: Path | None = None) -> Storage:
    """Return where a live system keeps everything: as the plan says, or in another directory."""
    billing = plan.billing
    return Storage(
        state_dir or plan.node.state_dir,
        plan.database.url,
        plan.node.key_source,
        plan.node.key_file,
        plan.database.pool_size,
        plan.database.statement_timeout_s,
        None if billing is None else Tariff(billing.currency, billing.per_trade),
        plan.file.name,
    )


def keeper(plan: SystemPlan, storage: Storage, api_home: ChildProcess | None = None) -> Keeper:
    """Return who keeps everything there, and who works with what is kept.

    Args:
        plan: what runs.
        storage: where everything is kept.
        api_home: the process in which the API answers, and another for the MQTT bridge, so that
            neither holds up an order; None: this one.
    """
    if live_feeds(plan):
        storage = replace(storage, slow_after_s=SLOW_AFTER_S)
    persistence = Resident(Persistence, storage, "persistence", ONCE)
    return Keeper(persistence, partial(_others, storage, api_home), security_of(storage))


def security_of(storage: Storage) -> NodeSecurity:
    """Return what an AAA plugin works with: its keys are there as soon as the storage is open."""
    return NodeSecurity(storage.tokens, SystemClock().now)


def _others(storage: Storage, api_home: ChildProcess | None, roll: Roll) -> Iterator[Resident]:
    plan, register = roll.plan, roll.register
    yield Resident(Door, storage.state_dir, "door", ONCE)
    yield Resident(Statistics, Sampled(register.owners, roll.protected), "statistics")
    if plan.billing is not None and plan.billing.per_month:
        billed = Subscription(register.owners, plan.billing.currency, plan.billing.per_month)
        yield Resident(Billing, billed, "billing")
    if plan.node.backups.every_h:
        yield Resident(Backups, _schedule(plan, storage), "backups")
    if plan.api is not None:
        yield Resident(Api, _served(plan.api), "api", assignment=_premises(plan, register), home=api_home)
    if plan.mqtt is not None and plan.mqtt.enabled:
        cursor, window_s = str(storage.state_dir / CURSOR), plan.access.signature_window_s
        told = MqttAssignment(tuple(register.owners), cursor, window_s)
        yield Resident(Mqtt, bridged(plan.mqtt), "mqtt", assignment=told, home=api_home)


def _served(api: ApiPlan) -> ApiParams:
    """How the API is served; who uses a key may ask half as much as who has logged in."""
    limits = ApiLimits(
        body_bytes=api.max_body_bytes,
        connections=api.max_connections,
        streams=api.max_streams,
        streams_each=api.max_streams_per_user,
        stream_buffer=api.stream_buffer,
        address=Rate(api.requests_per_min),
        user=Rate(api.requests_per_min),
        key=Rate(max(1, api.requests_per_min // 2)),
        login=Rate(api.logins_per_min),
    )
    return ApiParams(
        api.host,
        api.port,
        str(api.certificate or ""),
        str(api.key or ""),
        api.proxies,
        api.hosts,
        api.origins,
        limits,
    )


def bridged(mqtt: MqttPlan) -> MqttParams:
    """How the broker is reached, and what it is told."""
    told = mqtt.model_dump(mode="json", exclude={"enabled"}, exclude_none=True)
    port = mqtt.port or (8883 if mqtt.secured else 1883)
    return msgspec.convert(told | {"port": port, "tls": mqtt.secured}, MqttParams)


def _premises(plan: SystemPlan, register: Register) -> Premises:
    """What the API shows of the plan, and whose the portfolios are, also those that are yet to be made."""
    instruments = (each.instrument for each in registration(plan) if isinstance(each, PutInstrument))
    return Premises(tuple(instruments), register.owners)


def _schedule(plan: SystemPlan, storage: Storage) -> Schedule:
    wanted = plan.node.backups
    node = ("--config", str(plan.file), "--state-dir", str(storage.state_dir))
    to = ("--to", str(wanted.directory)) if wanted.directory else ()
    take = ("db", "backup", "--keep", str(wanted.keep), *to)
    return Schedule(wanted.every_h, wanted.directory or storage.state_dir / DIRECTORY, (*LTS, *take, *node))


async def rotated(storage: Storage, *, node_key: bool) -> dict[str, Any]:
    """Rotate the keys of a node that is not running; return what `RotateKeys` is answered.

    Raises:
        Refused: there is no database, or it cannot be opened.
    """
    async with _offline(storage) as console:
        return dict(msgspec.to_builtins(await console.ask(RotateKeys(node_key), within=PATIENCE)))


async def set_offline(
    storage: Storage, scope: str, state: TradingState, reason: str, who: str
) -> TradingStateJournalled | TradingStateNotJournalled:
    """Set the trading state in which a node that is not running will start.

    Raises:
        Refused: there is no database, or it cannot be opened.
    """
    async with _offline(storage) as console:
        changed = TradingStateChanged(scope, state, reason, console.system.now(), who)
        answer: TradingStateJournalled | TradingStateNotJournalled = await console.ask(
            JournalTradingState(changed), within=PATIENCE
        )
        return answer


async def asked_of_aaa(storage: Storage, plugins: Catalogue, access: AccessPlan, request: Request[R]) -> R:
    """Return what the AAA plugin of a node that is not running answers.

    Raises:
        Refused: there is no database, it cannot be opened, or the plugin is not let in.
    """
    async with _offline(storage, Resident(Host, plugins, "host", ONCE)) as console:
        started = await console.ask(aaa_plugin(access, security_of(storage), "access, params"))
        if isinstance(started, PluginRefused):
            raise Refused(started.reason)
        try:
            return await console.ask(request, within=PATIENCE)
        except AskError as error:
            raise Refused(f"the AAA plugin {access.plugin!r} does not answer: {error}") from None


@asynccontextmanager
async def _offline(storage: Storage, *others: Resident) -> AsyncIterator[Console]:
    """A storage without its node, with who else is needed, and what asks them.

    Raises:
        Refused: there is no database, or it cannot be opened.
    """
    if storage.file is not None and not await asyncio.to_thread(storage.file.exists):
        raise Refused(f"there is no database at {storage.file}; name the state directory of a node")
    bus = Bus(LiveDriver(), hopeless=(Refused,))
    cell = bus.spawn(Persistence, storage, name="persistence", supervision=ONCE)
    console: Any = bus.spawn(Console, None, name="console").actor
    try:
        await bus.started()
        if cell.reason:
            raise Refused(cell.reason)
        for each in others:
            bus.spawn(each.actor_class, each.params, name=each.name, supervision=each.supervision)
        yield console
    finally:
        await bus.stop()
