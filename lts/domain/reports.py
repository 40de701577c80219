"""Where a report leads an order: reports come twice, late, and across a wish that is on its way."""

from collections.abc import Callable, Mapping

from lts.domain.order_flow import ExecType
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import PENDING, TRANSITIONS, OrderStatus

_S = OrderStatus
_UNANSWERED = frozenset({_S.SUBMITTED, _S.UNKNOWN})
_UNSENT = frozenset({_S.INITIALIZED, _S.DENIED})
_DOUBTFUL = PENDING | {_S.SUBMITTED}
_NOWHERE: tuple[OrderStatus, ...] = ()
_AT_WORK, _BEGUN = (_S.ACCEPTED,), (_S.PARTIALLY_FILLED,)

Path = tuple[OrderStatus, ...]


def path(record: OrderRecord, kind: ExecType) -> Path:
    """Return the states that a report of any kind but a fill leads an order through.

    None, if the report says nothing new. A state that its machine does not allow is for the record to
    refuse: what cannot be is never taken for old news. It is the first of them, so that nothing changes.
    """
    return _PATHS[kind](record)


def _accepted(record: OrderRecord) -> Path:
    if record.status in _UNANSWERED:
        return _BEGUN if record.filled else _AT_WORK
    if record.status is _S.PENDING_CANCEL and record.state_before is _S.SUBMITTED:
        return (_S.ACCEPTED, _S.PENDING_CANCEL)  # it crossed the wish, which stands
    return _NOWHERE if record.status.is_open and record.status not in _UNSENT else (_S.ACCEPTED,)


def _rejected(record: OrderRecord) -> Path:
    if record.status is _S.PENDING_CANCEL and _S.REJECTED in TRANSITIONS[record.state_before]:
        return (record.state_before, _S.REJECTED)
    return _unless_there(record, _S.REJECTED)


def _triggered(record: OrderRecord) -> Path:
    if record.filled:
        return _NOWHERE
    if record.status is _S.SUBMITTED:
        return (_S.ACCEPTED, _S.TRIGGERED)  # it overtook the acceptance
    if record.status in PENDING:  # it crossed the wish, which stands
        return _NOWHERE if record.state_before is _S.TRIGGERED else (_S.TRIGGERED, record.status)
    return _unless_there(record, _S.TRIGGERED)


def _updated(record: OrderRecord) -> Path:
    if record.status is _S.UNKNOWN or record.status in _UNSENT:
        return (record.working,)
    return _refused(record, _S.PENDING_UPDATE)


def _refused(record: OrderRecord, pending: OrderStatus) -> Path:
    """The end of a request: the order works as before. It proves nothing of one that is in doubt."""
    return (record.state_before,) if record.status is pending else _NOWHERE


def _lost(record: OrderRecord) -> Path:
    return (_S.UNKNOWN,) if record.status in _DOUBTFUL else _NOWHERE


def _unless_there(record: OrderRecord, status: OrderStatus) -> Path:
    return _NOWHERE if record.status is status else (status,)


_PATHS: Mapping[ExecType, Callable[[OrderRecord], Path]] = {
    ExecType.ACCEPTED: _accepted,
    ExecType.REJECTED: _rejected,
    ExecType.ABSENT: _rejected,
    ExecType.TRIGGERED: _triggered,
    ExecType.CANCELED: lambda record: _unless_there(record, _S.CANCELED),
    ExecType.EXPIRED: lambda record: _unless_there(record, _S.EXPIRED),
    ExecType.UPDATED: _updated,
    ExecType.UPDATE_REJECTED: lambda record: _refused(record, _S.PENDING_UPDATE),
    ExecType.CANCEL_REJECTED: lambda record: _refused(record, _S.PENDING_CANCEL),
    ExecType.UNKNOWN: _lost,
}
