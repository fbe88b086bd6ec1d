"""What the world reported to the core, an Event each: what hosts and gates said, and what people asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from orchestrator.campaign.gate import Verdict
from orchestrator.campaign.pulse import Restarted, Restarting
from orchestrator.campaign.running_set import RunningSaid
from orchestrator.campaign.vitals import Vital
from tasks.result import HostResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The host's journal has the attempt."""

    host: str
    attempt_id: str
    epoch: int
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A worker is still on it."""

    host: str
    attempt_id: str
    epoch: int
    seq: int = 0
    worker: str = ""
    step: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempt has a result."""

    host: str
    attempt_id: str
    epoch: int
    result: HostResult
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarted:
    """The host has no record of the attempt, or refused to start it; nothing was changed by it."""

    host: str
    attempt_id: str
    epoch: int
    result: HostResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """After the soak the host was read again: the result says whether it is still as promised."""

    host: str
    attempt_id: str
    epoch: int
    result: HostResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StopHeard:
    """The host knows that this attempt is to stop between two steps."""

    host: str
    attempt_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortAsked:
    """An operator wants no new host started; running ones finish, or stop between two steps."""

    by: str
    reason: str = ""
    #: running hosts stop at the next safe point
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswered:
    """What a gate said to the question asked at that instant."""

    gate: str
    wave: int
    asked_at: datetime
    verdict: Verdict
    #: value or reason, one line
    detail: str = ""
    #: of moment host: the host it was asked for
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRead:
    """How well a host says it is, asked by the gate question of this number."""

    host: str
    number: int
    vitals: tuple[Vital, ...] = ()
    #: which containers run, of a gate that asks for them; None = it did not tell
    running: RunningSaid | None = None
    #: containers that were restarted; None = it did not tell
    restarted: tuple[Restarted, ...] | None = None
    #: those of them that were restarted lately, as far as it tells
    restarting: tuple[Restarting, ...] = ()
    #: why nothing is known; "" when something is
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlAnswered:
    """What an untouched host said when it was read in this look."""

    host: str
    look: int
    result: HostResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The plan was applied."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAsked:
    """An operator wants nothing new started until somebody resumes it."""

    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAsked:
    """An operator wants a paused campaign to go on."""

    by: str
    reason: str = ""
    #: the rules that paused it may not speak again
    silence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipAsked:
    """An operator wants one host left out that was not started."""

    host: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackAsked:
    """An operator wants every changed host brought back."""

    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveAsked:
    """A person agrees to a plan they looked at, or to one of its human gates."""

    by: str
    plan_hash: str
    reason: str = ""
    #: the human gate that waits, and for which wave; "" = the plan
    gate: str = ""
    wave: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyAsked:
    """A person says no to a plan that waits for an approval, or to one of its human gates."""

    by: str
    reason: str = ""
    gate: str = ""
    wave: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideAsked:
    """A person lets the campaign go on although one gate is closed."""

    gate: str
    #: the wave it holds; 0 for the campaign and the background
    wave: int
    by: str
    reason: str
    #: of moment host: the host it holds
    host: str = ""


#: what people ask of a campaign that was applied
OperatorEvent: TypeAlias = (
    AbortAsked
    | PauseAsked
    | ResumeAsked
    | SkipAsked
    | RollbackAsked
    | ApproveAsked
    | DenyAsked
    | OverrideAsked
)

Event: TypeAlias = (
    Accepted
    | Heartbeat
    | Ended
    | NotStarted
    | Rechecked
    | StopHeard
    | GateAnswered
    | HostRead
    | ControlAnswered
    | Started
    | OperatorEvent
)
