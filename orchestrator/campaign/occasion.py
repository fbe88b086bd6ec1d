"""What people who do not watch a campaign can ask to be told of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Occasion(StrEnum):
    """Something people are told of; members stand in the order in which they can come together."""

    #: the first host may be touched
    STARTED = "started"
    #: it was applied, and waits for those who must agree
    APPROVAL = "approval"
    #: something takes longer than it should, or a rule was breached that stops nothing
    WARNING = "warning"
    #: nothing new starts until a person acts
    PAUSED = "paused"
    #: nothing new starts any more: a rule, a clock, a gate or a person ended it
    HALTED = "halted"
    #: everything is settled, well or not
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told of what."""

    #: name of a channel of the control plane's settings; what is behind it is none of the plan's business
    to: str
    on: tuple[Occasion, ...]
