"""How a campaign is carried out: the RolloutPolicy of its plan, and what it is made of.

All records are frozen and land in the plan document, hence in its hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from orchestrator.campaign.gate import Gate
from orchestrator.campaign.occasion import Notify
from orchestrator.campaign.windows import Windows

_T = TypeVar("_T")


class FailureKind(StrEnum):
    """What a stop rule counts."""

    #: FAILED_CLEAN, ROLLED_BACK, ROLLING_BACK after a failure, NEEDS_HUMAN
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    #: all of the above
    ANY = "any"


class Scope(StrEnum):
    """Over which hosts a stop rule counts."""

    WAVE = "wave"
    CAMPAIGN = "campaign"
    #: each value of a label by itself
    LABEL = "label"


class StopAction(StrEnum):
    """What a breached stop rule does."""

    CONTINUE = "continue"
    PAUSE = "pause"
    #: start nothing more; failed hosts are rolled back all the same
    HALT = "halt"
    #: roll back every changed host of the wave, then halt
    ROLLBACK_WAVE = "rollback-wave"
    #: roll back every changed host of the campaign, then halt
    ROLLBACK_CAMPAIGN = "rollback-campaign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A count or a percentage of hosts; a percentage is resolved by floor(N*p/100)."""

    #: hosts, or hundredths of the whole when `percent`
    value: float
    percent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """When a campaign stops: the number of hosts of a kind exceeds what is tolerated."""

    kind: FailureKind = FailureKind.ANY
    tolerate: Share = Share(value=0)
    #: hosts of the scope that must be settled before the rule may speak; 0 = at once
    min_sample: int = 0
    scope: Scope = Scope.WAVE
    #: key of scope label
    label: str = ""
    action: StopAction = StopAction.HALT
    #: only in these waves (1-based); () = in all
    waves: tuple[int, ...] = ()
    #: only from this wave on
    from_wave: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How long something may take before people are told, and before the campaign is stopped; None = no limit."""

    warn_s: float | None = None
    stop_s: float | None = None
    #: what reaching `stop_s` does
    action: StopAction = StopAction.HALT


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Limits of time; waiting for a person or a window never counts."""

    #: one step on one host
    step: Clock = Clock()
    #: one attempt on one host; what ends it is `timeout_s` of the campaign
    host: Clock = Clock()
    #: since the last success
    progress: Clock = Clock()
    #: since the start
    campaign: Clock = Clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who must agree before the first host is touched."""

    #: different persons, none of them the author
    required: int
    #: whose members are asked; told to people, not checked: nobody here knows who belongs to it
    group: str
    #: out of how many, for people
    among: int | None = None
    #: seconds the question stays open; None = until the plan expires
    expires_s: float | None = None
    #: an unanswered question ends the campaign, or is waited for all the same
    abort_on_timeout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBudget:
    """How many of the hosts that share a value of this label may be away at a time."""

    label: str
    most: Share


class Quorum(StrEnum):
    """Of which services two hosts are never away together."""

    OFF = "off"
    #: containers that carry the label dockwave.service
    LABEL = "label"
    #: these, and every Compose service
    COMPOSE = "compose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How many hosts may be away at the same time, all campaigns together."""

    labels: tuple[LabelBudget, ...] = ()
    #: of all hosts
    fleet: Share | None = None


#: hosts that may lose something for good on the word of one person
ONE_WAY_HOSTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """How a campaign goes over its hosts; words of `docker service update` where it has them."""

    #: sizes of the waves, the last one repeats; `rest` is Share(100 %, percent)
    waves: tuple[Share, ...]
    #: hosts changing at the same time
    parallelism: int = 1
    #: the same for each wave, the last one repeats; None = `parallelism`
    wave_parallelism: tuple[int | None, ...] = ()
    #: what people call each wave, the last one repeats; "" = its number says it
    wave_names: tuple[str, ...] = ()
    #: seconds between waves
    delay_s: float = 0.0
    #: seconds each host is watched after its change
    monitor_s: float = 0.0
    stop_rules: tuple[StopRule, ...] = ()
    #: bring a host back when it was changed and then failed
    rollback_failed: bool = True
    #: hosts rolled back at the same time
    rollback_parallelism: int = 1
    #: seconds between two rollbacks, from the last one's start or end
    rollback_delay_s: float = 0.0
    #: seconds each host is watched after it was brought back
    rollback_monitor_s: float = 0.0
    #: what a rollback that fails does to the others: CONTINUE, PAUSE until a person resumes them, or HALT
    rollback_on_failure: StopAction = StopAction.CONTINUE
    #: untouched hosts that are read before failed ones are brought back; 0 = none
    control_hosts: int = 0
    #: seconds without a heartbeat after which a host is UNKNOWN
    heartbeat_timeout_s: float = 30.0
    #: seconds an order may wait before the host refuses to start it
    order_ttl_s: float = 60.0
    #: how often an order that nobody accepted is published again under the same attempt
    max_orders: int = 3
    #: seconds between questions to the journal of an UNKNOWN host
    ask_every_s: float = 30.0
    #: seconds a campaign with nothing else to do waits for its UNKNOWN hosts before it ends INCOMPLETE
    unknown_wait_s: float = 600.0
    #: seconds a host is UNKNOWN before it can end a campaign; it uses budget, and so holds new starts, at once
    unknown_grace_s: float = 120.0
    #: seconds of silence after which an order nobody accepted is published again
    resend_after_s: float = 10.0
    #: attempts on one host, the first included, when the host says that it started none of them
    max_attempts: int = 3
    #: when hosts may be started; None = at any time
    windows: Windows | None = None
    #: how many hosts may be away at a time; None = as many as there are slots
    budgets: Budgets | None = None
    #: replicas of which services are kept apart
    quorum: Quorum = Quorum.OFF
    clocks: Clocks = Clocks()
    #: who must agree first; None = nobody
    approval: Approval | None = None
    #: hosts with steps that cannot be taken back, above which somebody who is not the author must agree all the same
    one_way_hosts: int = ONE_WAY_HOSTS
    #: questions that must be answered before it goes on
    gates: tuple[Gate, ...] = ()
    #: who is told of what; () = nobody
    notify: tuple[Notify, ...] = ()

    def slots(self, wave: int) -> int:
        """Hosts changing at the same time while this wave is at work."""
        return _repeated(self.wave_parallelism, wave, None) or self.parallelism

    def name_of(self, wave: int) -> str:
        """What people call this wave; "" when it has no name."""
        return _repeated(self.wave_names, wave, "")

    def called(self, wave: int) -> str:
        """The wave in words: "wave 1", "wave 1 (canary)"."""
        name = self.name_of(wave)
        return f"wave {wave} ({name})" if name else f"wave {wave}"


def _repeated(items: tuple[_T, ...], wave: int, absent: _T) -> _T:
    """The item of a wave, 1-based; the last one repeats, and hosts in no wave have none."""
    return items[min(wave, len(items)) - 1] if items and wave > 0 else absent
