"""Output of any length is kept in bounded memory: its head, its tail and its size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.connections.output import Capture


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(0, 100))
def test_head_and_tail_are_those_of_the_whole_stream(chunks: list[bytes], limit: int) -> None:
    capture = Capture(limit)
    for chunk in chunks:
        capture.add(chunk)
    whole = b"".join(chunks)
    output = capture.output()
    assert output.size_bytes == len(whole)
    if len(whole) <= limit:
        assert output.data == whole
        assert not output.truncated
    else:
        assert len(output.data) == limit
        assert output.truncated
        assert whole.startswith(output.head)
        assert whole.endswith(output.tail)


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_looking_early_changes_nothing(chunks: list[bytes]) -> None:
    watched, plain = Capture(32), Capture(32)
    for chunk in chunks:
        watched.add(chunk)
        watched.output()
        plain.add(chunk)
    assert watched.output() == plain.output()


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_what_is_kept_stays_small_however_long_the_stream_is(size: int) -> None:
    capture = Capture(1000)
    for _ in range(3000 if size < 2000 else 50):
        capture.add(b"x" * size)
    held = len(capture._head) + len(capture._tail)
    assert held <= 3000
