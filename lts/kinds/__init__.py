"""One contract for each kind of plugin: what it may hear, say and ask, and what it is given."""

from typing import Any

from lts.kinds.aaa import Aaa
from lts.kinds.broker import Broker
from lts.kinds.core import Core
from lts.kinds.feed import Feed
from lts.kinds.pipeline import Pipeline
from lts.kinds.plugin import Plugin
from lts.kinds.portfolio import Portfolio
from lts.kinds.strategy import Strategy

SDK_VERSION = "1.4.0"
"""The version of the contracts that plugins are written against."""

KINDS: dict[str, type[Plugin[Any]]] = {
    contract.kind: contract for contract in (Aaa, Core, Pipeline, Strategy, Portfolio, Broker, Feed)
}
"""The contract of each kind that exists, by name."""
