"""Virtual time: what is to happen happens in order, and nobody waits for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

#: where a simulation begins unless it is told otherwise: a Monday morning
BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """True time in seconds, and the orchestrator's clock, which may be wrong."""

    true_s: float = 0.0
    #: how far the orchestrator's clock is ahead
    wrong_s: float = 0.0
    begin: datetime = BEGIN
    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __call__(self) -> datetime:
        """Give the time on the orchestrator's clock."""
        return self.begin + timedelta(seconds=self.true_s + self.wrong_s)

    @property
    def true(self) -> datetime:
        """The true time, which is on the clocks of hosts."""
        return self.begin + timedelta(seconds=self.true_s)

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Let this happen then; what is due at the same instant happens in the order it was asked for."""
        heapq.heappush(self._waiting, (self.true_s + seconds, next(self._order), what))

    @property
    def next_s(self) -> float | None:
        """The instant of the next thing that is to happen."""
        return self._waiting[0][0] if self._waiting else None

    def go(self, until_s: float) -> None:
        """Let time pass and everything happen that is due until then."""
        while self._waiting and self._waiting[0][0] <= until_s:
            due, _, what = heapq.heappop(self._waiting)
            self.true_s = max(self.true_s, due)
            what()
        self.true_s = max(self.true_s, until_s)
