"""Holds: what a kill switch and a quarantine have in common. Something is held until somebody releases it.

One that was released is kept: the time it took counts for no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Since when and why something is held, and who released it when and why."""

    reason: str
    at: datetime
    #: None while it holds
    released_at: datetime | None = None
    released_by: str = ""
    release_reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether nobody has released it."""
        return self.released_at is None

    @property
    def since(self) -> str:
        """The instant it began, to the second."""
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.at.tzname()}"

    def held_after(self, started_at: datetime | None) -> bool:
        """Whether it holds, or did at some time since then."""
        return self.holds or (
            started_at is not None and self.released_at is not None and self.released_at > started_at
        )
