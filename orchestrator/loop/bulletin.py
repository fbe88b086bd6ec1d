"""Tells waiting readers that the log has grown; the log itself is in SQL."""

from __future__ import annotations

import threading


class Bulletin:
    """The number of the newest line of the log, and a bell for it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seq = 0
        self._changed = threading.Condition()

    def announce(self, seq: int) -> None:
        """Wake everybody who waits for a line up to this number."""
        with self._changed:
            self._seq = max(self._seq, seq)
            self._changed.notify_all()

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for a line above this number; False when none came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._seq > after, timeout_s)
