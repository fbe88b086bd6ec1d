"""Waiting for what comes about by itself, where real time passes."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(test: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look again and again until the test holds; an AssertionError when it does not in so many seconds."""
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
