"""What plugin authors test with: a bench that runs one actor, and a contract suite for each kind.

`docs/plugins.md` shows both at work.
"""

from lts.testing.aaa import AaaContract
from lts.testing.abilities import ABILITIES
from lts.testing.bench import Bench
from lts.testing.broker import BrokerContract
from lts.testing.cast import NOBODY
from lts.testing.core import CoreContract
from lts.testing.feed import FeedContract
from lts.testing.market import BEGIN, TEST, bars, random_walk, tape
from lts.testing.orders import WatchfulDesk, limit_order, market_order
from lts.testing.pipeline import PipelineContract
from lts.testing.portfolio import PortfolioContract
from lts.testing.security import Shelf, Watch, aaa_assignment
from lts.testing.strategy import StrategyContract

__all__ = [
    "ABILITIES",
    "BEGIN",
    "NOBODY",
    "TEST",
    "AaaContract",
    "Bench",
    "BrokerContract",
    "CoreContract",
    "FeedContract",
    "PipelineContract",
    "PortfolioContract",
    "Shelf",
    "StrategyContract",
    "Watch",
    "WatchfulDesk",
    "aaa_assignment",
    "bars",
    "limit_order",
    "market_order",
    "random_walk",
    "tape",
]
