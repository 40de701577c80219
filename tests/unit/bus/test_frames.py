"""Frames: what goes in comes out, in whatever pieces it travels, and the rest is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.frames import HEAD, LIMIT, FrameReader, Malformed, frame

pytestmark = pytest.mark.requirement("INT-002")

payloads = st.lists(st.binary(min_size=1, max_size=300), max_size=20)


@given(payloads, st.lists(st.integers(0, 6_000)))
def test_what_is_framed_comes_back_however_it_is_cut(sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, sent))
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = FrameReader()
    read = [payload for begin, end in pairwise(edges) for payload in reader.feed(stream[begin:end])]
    assert read == sent


@given(payloads)
def test_a_byte_at_a_time_is_as_good_as_any(sent: list[bytes]) -> None:
    reader = FrameReader()
    stream = b"".join(map(frame, sent))
    assert [payload for byte in stream for payload in reader.feed(bytes([byte]))] == sent


@given(payloads, st.integers(51, 2**32 - 1) | st.just(0), st.binary(max_size=20))
def test_a_frame_that_is_too_long_is_refused_by_its_head_alone(
    sent: list[bytes], length: int, more: bytes
) -> None:
    sent = [each[:50] for each in sent]
    reader = FrameReader(limit=50)
    stream = b"".join(map(frame, sent)) + length.to_bytes(HEAD, "big") + more
    arriving = reader.feed(stream)
    assert [next(arriving) for _ in sent] == sent
    with pytest.raises(Malformed, match="is refused"):
        next(arriving)


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    reader = FrameReader(limit=100)
    try:
        assert all(0 < len(payload) <= 100 for payload in reader.feed(data))
    except Malformed:
        return


@pytest.mark.parametrize("payload", [b"", bytes(LIMIT + 1)])
def test_what_would_be_refused_is_not_sent(payload: bytes) -> None:
    with pytest.raises(Malformed):
        frame(payload)
