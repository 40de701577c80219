"""Endings: why a stream is over, as its reader is told."""

from enum import Enum


class Ending(Enum):
    """The code that a WebSocket is closed with, a word for programs, and a sentence."""

    STOPPING = (1001, "stopping", "the API stops; come back, and go on after the last number")
    BROKEN = (1011, "broken", "something went wrong here")
    ENDED = (4401, "access-ended", "the login or key of this stream is over")
    EXPIRED = (4402, "access-expired", "the token of this stream has expired; renew it in time by a ticket")
    TOO_SLOW = (4408, "too-slow", "more waits than is kept; go on after the last number")
    STALLED = (4409, "stalled", "nothing was read for too long; go on after the last number")
    SILENT = (4410, "silent", "no ping was answered for too long")
    TOO_MANY = (4429, "too-many", "too many messages")

    def __init__(self, code: int, word: str, sentence: str) -> None:
        self.code = code
        self.word = word
        self.sentence = sentence
