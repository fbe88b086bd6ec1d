"""What the core wants done, an Action each: recorded first, and then carried out by the loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from orchestrator.campaign.campaign import Notice, Stop
from orchestrator.campaign.control import Found
from orchestrator.campaign.states import CampaignState


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Order a new attempt; the shell draws the epoch (SQL) and publishes after the commit."""

    host: str
    #: number of the attempt, one above the last
    number: int
    undo: bool = False
    undo_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """Publish the current attempt's order again under the same id; the host recognises it."""

    host: str
    attempt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskJournal:
    """Ask the host's journal what became of the attempt (RESUME order); the host is UNKNOWN from now on."""

    host: str
    attempt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """The host's soak is over: read it again (CHECK order) before it counts as a success."""

    host: str
    attempt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAttempt:
    """Tell the host to do no further step of this attempt (STOP order); its journal says what came of it."""

    host: str
    attempt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskGate:
    """Ask this gate for this wave, or for one host of it; the shell hands the answer back as GateAnswered."""

    gate: str
    wave: int
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskControl:
    """Read this untouched host (PLAN order) before the failed ones are brought back."""

    host: str
    look: int
    #: hosts that wait for it
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLook:
    """The look at untouched hosts is over, and came to this."""

    look: int
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeGate:
    """All hosts this gate asked have answered, or their time is over: make one answer of it."""

    gate: str
    wave: int
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWave:
    """Begin this wave."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNow:
    """A stop rule was breached, or a person stopped it: nothing new starts."""

    stop: Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """People are told that something takes longer than it should; nothing stops."""

    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """These hosts were never started and never will be; one that only waits for its undo is left to a person."""

    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Everything is settled: the campaign ends in this state."""

    state: CampaignState


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Nothing to do before this instant, unless news comes."""

    at: datetime


Action: TypeAlias = (
    Dispatch
    | Resend
    | AskJournal
    | Recheck
    | StopAttempt
    | AskGate
    | JudgeGate
    | AskControl
    | EndLook
    | OpenWave
    | StopNow
    | Warn
    | Cancel
    | Finish
    | WakeAt
)
