"""A recording: the resolved plan, every external input in the order of acceptance, and how it ended.

It is a file of JSON lines. The first holds the plan, the last the orders and their digest; a
recording without a last line is of a session that was cut off.
"""

from bus.message import Event, Request

FORMAT = 1
"""The version of the file format, in the first line."""


class RecordingFinished(Event):
    """A recording has its last line."""

    inputs: int


class FinishRecording(Request[RecordingFinished]):
    """Asks the recorder for the last line: each order in its canonical form, and the digest of all."""

    orders: tuple[str, ...]
    digest: str
