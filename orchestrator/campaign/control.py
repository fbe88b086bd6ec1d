"""Records of a look at control hosts: untouched hosts of the plan that are read before failed ones are brought back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.result import HostError


class Found(StrEnum):
    """What the look came to."""

    #: an untouched host is well, so the cause is on the failed ones
    WELL = "well"
    #: every untouched host that answered fails too
    SHARED = "shared"
    #: no untouched host answered in time: no obstacle
    NO_ANSWER = "no-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One untouched host that is asked for its dry run again."""

    host: str
    #: None while it has said nothing
    answered_at: datetime | None = None
    #: it could not be reached: that is no answer
    reached: bool = True
    #: why it fails too; None when it is well
    error: HostError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at control hosts."""

    #: 1-based in its campaign
    number: int
    asked_at: datetime
    #: what was not answered then is not waited for
    until: datetime
    controls: tuple[Control, ...]
    #: failed hosts that wait for it
    failed: tuple[str, ...]
    #: None while it goes on
    ended_at: datetime | None = None
    found: Found | None = None
