"""The byte line under an SSH connection cannot be stuck or flooded by its peer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from workers.connections.line import LARGEST_PACKET_BYTES, LONGEST_GREETING_BYTES, Line


@pytest.fixture
def pair() -> Iterator[tuple[Line, socket.socket]]:
    near, far = socket.socketpair()
    line = Line(near, 0.3)
    yield line, far
    line.close()
    far.close()


def test_a_peer_that_takes_nothing_breaks_the_line_in_time(pair: tuple[Line, socket.socket]) -> None:
    line, _ = pair
    line.settimeout(0.05)
    started = time.monotonic()
    with pytest.raises(BrokenPipeError):
        _fill(line)
    assert 0.2 < time.monotonic() - started < 3


def test_a_peer_that_takes_slowly_does_not_break_the_line(pair: tuple[Line, socket.socket]) -> None:
    line, far = pair
    line.settimeout(0.05)
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        try:
            line.send(b"x" * 65536)
        except TimeoutError:
            far.recv(1 << 20)
    assert line.heard_at < end


def test_a_greeting_without_end_is_cut_off(pair: tuple[Line, socket.socket]) -> None:
    line, far = pair
    with pytest.raises(ConnectionAbortedError):
        _flood(line, far)


def test_after_the_greeting_any_amount_may_follow(pair: tuple[Line, socket.socket]) -> None:
    line, far = pair
    line.greeted()
    _flood(line, far)
    assert line.heard_at


def test_a_packet_that_ssh_does_not_have_is_refused(pair: tuple[Line, socket.socket]) -> None:
    line, _ = pair
    with pytest.raises(ConnectionAbortedError):
        line.recv(LARGEST_PACKET_BYTES + 1)


def test_closing_wakes_the_reader_on_the_other_side(pair: tuple[Line, socket.socket]) -> None:
    line, far = pair
    line.close()
    assert far.recv(1) == b""


def _fill(line: Line) -> None:
    while True:
        try:
            line.send(b"x" * 65536)
        except TimeoutError:
            continue


def _flood(line: Line, far: socket.socket) -> None:
    for _ in range(LONGEST_GREETING_BYTES // 1024 + 2):
        far.sendall(b"x" * 1024)
        line.recv(1024)
