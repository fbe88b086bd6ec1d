"""What a gate is: a question about the world that must be answered well before a campaign goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GateKind(StrEnum):
    """What is asked."""

    HTTP = "http"
    PROMETHEUS = "prometheus"
    COMMAND = "command"
    #: persons, who approve it
    HUMAN = "human"
    #: hosts, by their health check
    HEALTH = "health"
    #: likewise, compared with what they said before the first wave
    DELTA = "delta"
    #: hosts, by the containers that run, compared with those that ran before their change
    RUNNING_SET = "running-set"


#: kinds that the hosts concerned answer themselves
HOST_KINDS = frozenset({GateKind.HEALTH, GateKind.DELTA, GateKind.RUNNING_SET})
#: those that compare with a reading of all hosts before the first wave
BASELINE_KINDS = frozenset({GateKind.DELTA, GateKind.RUNNING_SET})


class Moment(StrEnum):
    """When the answer is needed."""

    #: before the first wave
    CAMPAIGN = "campaign"
    #: before each wave
    WAVE = "wave"
    #: before each host's first change, of hosts that have a free slot
    HOST = "host"
    #: again and again while the campaign is at work
    BACKGROUND = "background"
    #: after each wave: its hosts are final, their soak is over
    AFTER_WAVE = "after-wave"


class Verdict(StrEnum):
    """What the answer comes to; only a pass opens a gate."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    #: a person must judge
    INCONCLUSIVE = "inconclusive"
    #: nobody could tell: no answer, no data, old data
    ERROR = "error"


class GateAction(StrEnum):
    """What a gate does that failed more often than tolerated."""

    PAUSE = "pause"
    HALT = "halt"
    #: bring back every changed host of the wave at work, or of the last one, then halt
    ROLLBACK_WAVE = "rollback-wave"
    #: bring back every changed host of the campaign, then halt
    ROLLBACK_CAMPAIGN = "rollback-campaign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One question, when it is asked, and how often it may be answered badly."""

    #: unique in the campaign: "http-1"
    name: str
    kind: GateKind
    at: Moment = Moment.WAVE
    url: str = ""
    query: str = ""
    argv: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    #: seconds between two questions, and how long a pass is good for
    every_s: float = 30.0
    #: seconds one answer may take
    timeout_s: float = 10.0
    #: fails tolerated for one wave (background: for the campaign); one more does what `action` says
    failures: int = 0
    #: errors in a row tolerated; one more pauses
    errors: int = 2
    #: inconclusive answers tolerated, likewise; one more pauses
    inconclusive: int = 0
    #: passes in a row that open it
    passes: int = 1
    action: GateAction = GateAction.HALT
    #: of health and delta: a warning is bad news too, not only what is critical; of running-set: a new container is
    warnings: bool = False
    #: before or after these waves, or before hosts of these waves, only; () = all
    waves: tuple[int, ...] = ()
    #: of a human gate: whose members are asked (told to people, not checked), how many must agree, and of how many
    group: str = ""
    required: int = 1
    among: int | None = None
    #: seconds it waits for them; None = as long as it takes
    expires_s: float | None = None
    #: nobody's answer is a fail; without it, it goes on waiting
    fail_on_timeout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer: when it was asked for, when it came, and what it was."""

    asked_at: datetime
    at: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """How one gate stands for one wave."""

    gate: str
    #: the wave it opens or follows; 0 for the campaign and the background, -1 for the baseline of a gate that compares
    wave: int
    asked_at: datetime
    #: None while the answer to the last question is awaited
    answered_at: datetime | None = None
    verdict: Verdict | None = None
    detail: str = ""
    fails: int = 0
    #: in a row
    errors: int = 0
    doubts: int = 0
    #: in a row
    passes: int = 0
    #: the answer before, while one to the last question is awaited
    last: Said | None = None
    #: of gates that hosts answer: number of the last question, how many hosts it is put to, and who has not answered
    number: int = 0
    hosts: int = 0
    waiting: tuple[str, ...] = ()
    #: hosts with bad news, and hosts that could not tell, each with what it said
    sick: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    #: hosts whose engine has not answered for a short time only: it is asked again soon, and no limit counts it
    brief: tuple[str, ...] = ()
    #: hosts that are well with something to tell
    notes: tuple[str, ...] = ()
    #: of moment host: the host that waits for it; "" = what it came to for all hosts of the wave so far
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One person's word that the campaign may go on although this gate is closed; it opens no other."""

    gate: str
    #: the wave it opens or follows; 0 for the campaign and the background
    wave: int
    by: str
    reason: str
    at: datetime
    #: what the gate had said: it stays so in the log
    said: str = ""
    #: of moment host: the one host it is open for
    host: str = ""
