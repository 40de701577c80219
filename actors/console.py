"""The operator's port: what the command line asks of the running system, it asks through here."""

from bus import Actor
from lts.domain.accounts import GetAccount, GetEquityCurve
from lts.domain.api import GetApi
from lts.domain.blotter import GetBlotter
from lts.domain.health import GetHealth
from lts.domain.journal import RecallOrders
from lts.domain.market import GetFeedProgress
from lts.domain.plugins import GetDebugInfo, ListPlugins, StartPlugin
from lts.domain.portfolio_settings import RecallPortfolios
from lts.domain.recording import FinishRecording
from lts.domain.risk import JournalTradingState, SetTradingState
from lts.domain.storage import GetStorage, RotateKeys
from lts.domain.units import Perform
from lts.domain.users import AddUser, ChangeUser, ListUsers, SetPassword


class Console(Actor[None]):
    """Asks, and hears nothing."""

    asks = (
        AddUser,
        ChangeUser,
        FinishRecording,
        GetAccount,
        GetApi,
        GetDebugInfo,
        GetEquityCurve,
        GetFeedProgress,
        GetHealth,
        GetBlotter,
        GetStorage,
        JournalTradingState,
        ListPlugins,
        ListUsers,
        Perform,
        RecallOrders,
        RecallPortfolios,
        RotateKeys,
        SetPassword,
        SetTradingState,
        StartPlugin,
    )
