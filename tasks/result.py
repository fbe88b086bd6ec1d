"""What came of it: Outcome, StepResult, HostResult, and the fold over a fleet.

Standard library only: the pure campaign core imports this file. JSON in and out is done by tasks.wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: seconds by which the clocks of orchestrator, workers and hosts may differ; three times what `health.check` warns of
ALLOWED_SKEW_S = 15.0


class Outcome(StrEnum):
    """How one host ended, in one word (Ansible's recap plus what a distributed system must admit)."""

    #: nothing needed to change, or a read-only procedure answered
    OK = "ok"
    #: it was changed, and the change was read back
    CHANGED = "changed"
    #: it did not work; `changed` says whether the host was touched
    FAILED = "failed"
    #: no connection; nothing was started
    UNREACHABLE = "unreachable"
    #: refused or left out before anything was touched
    SKIPPED = "skipped"
    #: brought back to its snapshot, proven by comparison
    UNDONE = "undone"
    #: ordered, and no news: only the host's journal or a person can tell
    UNKNOWN = "unknown"


class StepState(StrEnum):
    """How one step ended."""

    #: done now
    DONE = "done"
    #: was already done (by an earlier try of the same attempt, or gone before)
    ALREADY = "already"
    #: left alone, with a reason (no longer eligible)
    SKIPPED = "skipped"
    #: tried, and failed
    FAILED = "failed"
    #: not reached
    NOT_RUN = "not-run"


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something worth knowing that stops nothing."""

    #: stable code, E_ or W_
    code: str
    severity: Severity = Severity.WARNING
    #: object it is about: container name, package, path; "" for the host
    object: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostError:
    """Why a host failed, in words a person can act on."""

    #: stable code of the error taxonomy
    code: str
    message: str
    #: what to type or do next
    hint: str = ""
    #: the same order may succeed later by itself
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step of a plan."""

    #: key of the step, unique in the plan: "install", "image:sha256:…"
    key: str
    title: str
    state: StepState
    #: reason when skipped or failed; "" otherwise
    detail: str = ""
    #: bytes the engine or the file system says were freed; None where it does not apply
    freed_bytes: int | None = None
    #: last 4 KiB the step's command wrote, for people; hostile text, escaped by every sink
    output: str = ""
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """What one attempt came to on one host; what `show -o json` prints under `result`."""

    outcome: Outcome
    #: whether the host was touched by this attempt (also when it then failed)
    changed: bool = False
    #: one sentence for a table cell
    summary: str = ""
    steps: tuple[StepResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: the fields named in the procedure's section of the specification; JSON types only
    data: Mapping[str, Any] = field(default_factory=dict)
    error: HostError | None = None
    #: the plan (tasks.procedure.Draft as JSON), in PLAN mode only
    plan: Mapping[str, Any] | None = None
    #: machine_id, boot_id, engine_id, kernel: who answered
    identity: Mapping[str, str] = field(default_factory=dict)
    #: highest epoch the host's journal has seen; new epochs must be above it
    epoch_seen: int = 0
    #: in a refusal: the host starts no order any more that expired before this instant (Unix seconds); 0 when not told
    refuses_before: float = 0.0
    server_version: str = ""
    api_version: str = ""
    duration_s: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure of the host."""
        return self.outcome in {Outcome.FAILED, Outcome.UNREACHABLE, Outcome.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResult:
    """The results of many hosts, by name."""

    hosts: Mapping[str, HostResult]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the hosts that failed, sorted."""
        return tuple(sorted(name for name, result in self.hosts.items() if result.failed))

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the hosts that were touched, sorted."""
        return tuple(sorted(name for name, result in self.hosts.items() if result.changed))

    def count(self, outcomes: Iterable[Outcome]) -> int:
        """How many hosts ended in one of these outcomes."""
        wanted = frozenset(outcomes)
        return sum(result.outcome in wanted for result in self.hosts.values())
