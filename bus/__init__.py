"""The machine: an event bus of actors. It knows nothing of trading.

Read `message`, then `actor`, then `dispatcher`; `system` puts them together.
"""

from bus.actor import Actor
from bus.calls import AskCycle, AskError, AskTimeout, OwnerFailed, Undeclared, Unowned
from bus.clock import SECOND, MarketClock, SystemClock, pause
from bus.dispatcher import Livelock
from bus.drivers import Driver, LiveDriver, Moment
from bus.facts import (
    Accepted,
    ActorFailed,
    ActorQuarantined,
    ActorStarted,
    ActorStopped,
    DeadLetter,
    HandlerSlow,
    Pressure,
    PressureChanged,
    Undeliverable,
)
from bus.handlers import Time, every, on
from bus.later import Later
from bus.message import Delivery, Event, Message, Request
from bus.packing import Untransportable
from bus.pressure import WaterMarks
from bus.remote import ChildProcess
from bus.replay import ReplayDriver
from bus.router import OwnerConflict
from bus.supervision import Group, Supervision, Together
from bus.system import Bus, NameTaken, Vitals
from bus.wire import Garbled, Wire

__all__ = [
    "SECOND",
    "Accepted",
    "Actor",
    "ActorFailed",
    "ActorQuarantined",
    "ActorStarted",
    "ActorStopped",
    "AskCycle",
    "AskError",
    "AskTimeout",
    "Bus",
    "ChildProcess",
    "DeadLetter",
    "Delivery",
    "Driver",
    "Event",
    "Garbled",
    "Group",
    "HandlerSlow",
    "Later",
    "LiveDriver",
    "Livelock",
    "MarketClock",
    "Message",
    "Moment",
    "NameTaken",
    "OwnerConflict",
    "OwnerFailed",
    "Pressure",
    "PressureChanged",
    "ReplayDriver",
    "Request",
    "Supervision",
    "SystemClock",
    "Time",
    "Together",
    "Undeclared",
    "Undeliverable",
    "Unowned",
    "Untransportable",
    "Vitals",
    "WaterMarks",
    "Wire",
    "every",
    "on",
    "pause",
]
