"""One runbook section made executable: Procedure, Draft (its plan for one host), Step, Verdict.

A procedure reads (`gather`), decides (`plan`, `verify`, `undo`: pure functions of what was read) and never
changes anything itself: the runner applies steps. `plan` returning no step means "already right", so dry run,
idempotence and picking up after a crash are the same code. [pyinfra: facts in, commands out]
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tasks.connection import Connection
from tasks.model import Kind, Protect, UndoClass
from tasks.record import Record
from tasks.result import Finding, StepResult
from tasks.running_set import RunningContainer


class Facts(Record):
    """What a host looked like at one moment, as JSON-able records; the base of every procedure's facts.

    Facts taken before the first change are kept in the host's journal: they are the snapshot an undo returns
    to.
    """

    @property
    def running_set(self) -> tuple[RunningContainer, ...] | None:
        """The containers that ran then; None when these facts do not tell."""
        return None


class Params(BaseModel):
    """Typed parameters of a procedure; unknown ones are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EngineVerb(StrEnum):
    """The changing calls of the Engine API that steps may use; each names one object."""

    REMOVE_CONTAINER = "remove-container"
    REMOVE_NETWORK = "remove-network"
    REMOVE_VOLUME = "remove-volume"
    REMOVE_IMAGE = "remove-image"
    PRUNE_BUILD_CACHE = "prune-build-cache"


class StepBase(Record):
    """What every step has."""

    #: unique in the plan and stable between dry run and apply: "install", "image:sha256:…"
    key: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:@/._+-]{0,299}$")
    #: what it does, for people; may quote hostile names, so every sink escapes it
    title: str
    undo: UndoClass = UndoClass.EXACT
    #: gather again and plan anew after this step, before any later one
    replan: bool = False


class RunStep(StepBase):
    """A changing command, run on the host as the transient unit dockwave-<attempt>-<key>."""

    kind: Literal["run"] = "run"
    argv: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    timeout_s: float = 600.0
    ok_exit_codes: tuple[int, ...] = (0,)


class WriteStep(StepBase):
    """A file replaced atomically (temporary file in the same directory, fsync, rename), or removed."""

    kind: Literal["write"] = "write"
    path: str = Field(pattern=r"^/[^\x00\n]*$")
    #: new content; None removes the file
    content: bytes | None
    mode: int = 0o644


class EngineStep(StepBase):
    """One object removed through the Engine API, re-checked at the moment of effect by tasks.guard."""

    kind: Literal["engine"] = "engine"
    verb: EngineVerb
    #: full id, or the volume's name
    object_id: str
    #: what to hand to DELETE when it is not the id: the tag of a tagged image
    reference: str | None = None
    #: bytes expected to come free, upper bound
    size_bytes: int | None = None
    #: labels that protect the object if it has come to carry one of them since
    keep_labels: tuple[str, ...] = ()


Step: TypeAlias = Annotated[RunStep | WriteStep | EngineStep, Field(discriminator="kind")]


class Kept(Record):
    """An object that could have been touched and is not, and why."""

    key: str
    title: str
    reason: str


#: services a dry run names at most
MOST_SERVICES = 1000
ServiceName: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?$"),
]


class Draft(Record):
    """What a procedure would do to one host now; no steps means the host is already right."""

    steps: tuple[Step, ...] = ()
    kept: tuple[Kept, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: one sentence: "3 images, 2 containers; 1.2 to 1.9 GB" or "20.10.24 → 26.1.5"
    summary: str = ""
    #: bytes to come free, lower and upper bound; None where it does not apply
    reclaim_low_bytes: int | None = None
    reclaim_high_bytes: int | None = None
    #: names of running containers that may stop
    containers_at_risk: tuple[str, ...] = ()
    #: services of running containers that are down should the engine not come back: "shop", "project/service"
    services: Annotated[tuple[ServiceName, ...], Field(max_length=MOST_SERVICES)] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the keys and intended actions in canonical JSON; sizes and wording do not count.

        Nor does `cwd`: it is the attempt's own snapshot directory, another one in plan than in apply.
        """
        volatile = {"title", "size_bytes", "timeout_s", "cwd"}
        steps = [step.model_dump(mode="json", exclude=volatile) for step in self.steps]
        text = json.dumps(steps, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def undo(self) -> UndoClass:
        """The worst undo class of all steps."""
        order = [UndoClass.NONE, UndoClass.EXACT, UndoClass.RECREATABLE, UndoClass.ONE_WAY]
        return max((step.undo for step in self.steps), key=order.index, default=UndoClass.NONE)


class Verdict(Record):
    """Whether the host is now as the procedure promises, read back from it."""

    ok: bool
    #: what was compared and found, one line each; the failing ones first
    evidence: tuple[str, ...] = ()
    #: E_VERIFY_FAILED unless a more telling code exists
    code: str = "E_VERIFY_FAILED"
    #: typed result fields of the procedure's section, from before and after; JSON types only
    data: dict[str, Any] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the runner knows beside facts and parameters when it asks for a plan."""

    #: id of the attempt, "campaign/host/n"; directory of its snapshot is derived from it
    attempt_id: str
    #: absolute directory on the host for this attempt's snapshot artefacts
    snapshot_dir: str
    #: inventory policy: objects that may not be touched
    protect: Protect
    #: facts taken before the first change; None in the first round of an attempt and in PLAN mode
    before: Facts | None = None
    #: seconds to watch after the change before `verify` is final; 0 = judged at once
    soak_s: float = 0.0


class Spec(Record):
    """What a procedure is, for the catalogue and for planning."""

    #: name = path: tasks/disk/cleanup.py is "disk.cleanup"
    name: str
    kind: Kind
    #: section of the seed runbook, e.g. "2.2"
    seed: str
    summary: str
    #: worst undo class any of its steps can have
    undo: UndoClass
    timeout_s: float
    #: it stops or restarts the engine, so a worker living inside that engine must not run it
    stops_engine: bool = False
    #: any difference between approved plan and host refuses (E_PLAN_STALE) instead of skipping objects
    strict: bool = False


P = TypeVar("P", bound=Params)
F = TypeVar("F", bound=Facts)


class Procedure(Protocol[P, F]):
    """A typed, idempotent operation on one host. One module under tasks/ = one object named PROCEDURE."""

    @property
    def spec(self) -> Spec:
        """What it is."""
        ...

    @property
    def params_type(self) -> type[P]:
        """Model of its parameters."""
        ...

    @property
    def facts_type(self) -> type[F]:
        """Model of its facts; `facts_type.model_validate_json` reads a snapshot back."""
        ...

    def gather(self, host: Connection, params: P, setting: Setting) -> F:
        """Read everything `plan` and `verify` need; changes nothing, takes no lock."""
        ...

    def plan(self, facts: F, params: P, setting: Setting) -> Draft:
        """Steps that are missing, given the facts; Refused with a code when a precondition does not hold.

        Preconditions about the starting state are judged only while `setting.before` is None; later rounds of
        the same attempt repair and continue.
        """
        ...

    def verify(self, before: F, after: F, params: P, steps: tuple[StepResult, ...]) -> Verdict:
        """Judge the host after the last round; for read-only procedures before and after are equal."""
        ...

    def undo(self, before: F, now: F, params: P, setting: Setting) -> Draft:
        """Steps that bring `now` back to `before`; Refused(E_ROLLBACK_UNSAFE, …) when there is none."""
        ...

    def differences(self, before: F, now: F) -> tuple[str, ...]:
        """What still differs from the snapshot after an undo, one line each; () proves the rollback."""
        ...
