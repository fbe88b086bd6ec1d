"""A point in time after which nobody waits any longer."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An instant on the monotonic clock; every wait of a connection is bounded by one."""

    #: value of time.monotonic() at which waiting ends
    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline lies `seconds` from now."""
        return cls(at=time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether waiting is over."""
        return time.monotonic() >= self.at

    def clip(self, seconds: float) -> Deadline:
        """The nearer of this deadline and one `seconds` from now."""
        return Deadline(at=min(self.at, time.monotonic() + seconds))
