"""Windows as they come in over the API: weekly spans of a wall clock, and blackouts between two instants."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, Field

from orchestrator.api.body import Body
from orchestrator.campaign.windows import DAY_MIN, Interval, Window, Windows


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone {name[:80]!r} is unknown; write an IANA name or UTC") from None
    return name


#: only names, never a path of a file
Zone = Annotated[
    str,
    Field(pattern=r"^(UTC|[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){1,2})$"),
    AfterValidator(_known_zone),
]
Day = Annotated[int, Field(strict=True, ge=0, le=6)]


class WindowBody(Body):
    """A weekly window; minutes count from midnight, and an end above 1440 lies on the next day."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    opens: Annotated[int, Field(strict=True, ge=0, lt=DAY_MIN)]
    closes: Annotated[int, Field(strict=True, ge=1, le=2 * DAY_MIN)]
    zone: Zone

    def window(self) -> Window:
        """The window; ValueError when it is no span."""
        return Window(days=frozenset(self.days), opens=self.opens, closes=self.closes, zone=self.zone)


class BlackoutBody(Body):
    """Two instants between which no host is started."""

    start: AwareDatetime
    end: AwareDatetime

    def interval(self) -> Interval:
        """The span, in UTC; ValueError when it ends before it begins."""
        return Interval(start=self.start.astimezone(UTC), end=self.end.astimezone(UTC))


class WindowsBody(Body):
    """When hosts may be started; without `allow` at any time but the blackouts."""

    allow: Annotated[list[WindowBody], Field(min_length=1, max_length=50)] | None = None
    blackouts: Annotated[list[BlackoutBody], Field(default_factory=list, max_length=1_000)]

    def windows(self) -> Windows:
        """The windows as the core takes them; ValueError names what is no span."""
        return Windows(
            allow=None if self.allow is None else tuple(item.window() for item in self.allow),
            blackouts=tuple(item.interval() for item in self.blackouts),
        )
