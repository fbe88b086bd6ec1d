"""engine.hold: engine packages put on hold, or released, so that nobody upgrades the engine in passing."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine.family import members_of
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.marks import mark_step, mark_steps
from tasks.engine.version import PackageName
from tasks.errors import Refused
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Params, Setting, Spec, Verdict
from tasks.result import Finding, StepResult


class HoldParams(Params):
    """Which packages, and which way."""

    state: Literal["held", "released"]
    #: names, or "set": every engine package that is installed
    packages: tuple[PackageName, ...] | Literal["set"] = "set"

    @field_validator("packages", mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        """Take the word in a list of its own for the word: a command line cannot tell them apart."""
        return "set" if value in (["set"], ("set",)) else value


class Hold:
    """Sets exactly the holds asked for; apt's own list of holds is the measure."""

    spec = Spec(
        name="engine.hold",
        kind=Kind.CHANGING,
        seed="4.2",
        summary="Put the engine's packages on hold, or release them",
        undo=UndoClass.EXACT,
        timeout_s=60,
        strict=True,
    )
    params_type = HoldParams
    facts_type = HostFacts

    def gather(self, host: Connection, params: HoldParams, setting: Setting) -> HostFacts:  # noqa: ARG002 - contract
        """Read packages and their marks."""
        return gather(host)

    def plan(self, facts: HostFacts, params: HoldParams, setting: Setting) -> Draft:
        """Mark the packages whose hold is not as asked."""
        if setting.before is None:
            must.require_known_engine(facts)
        names = _chosen(facts, params)
        held = set(facts.installed.held(names))
        wrong = [name for name in names if (name in held) != (params.state == "held")]
        if not wrong:
            return Draft(summary=f"{params.state} already")
        step = mark_step("hold" if params.state == "held" else "unhold", wrong)
        return Draft(steps=(step,), summary=step.title)

    def verify(
        self,
        before: HostFacts,
        after: HostFacts,
        params: HoldParams,
        steps: tuple[StepResult, ...],  # noqa: ARG002 - contract
    ) -> Verdict:
        """Judge the holds as apt lists them now."""
        names = _chosen(after, params)
        held = after.installed.held(after.members)
        wrong = [name for name in names if (name in held) != (params.state == "held")]
        text = "the system's own package upgrades leave held packages alone, and are at work now"
        return Verdict(
            ok=not wrong,
            evidence=tuple(f"package {name} is not {params.state}" for name in wrong)
            or (f"on hold: {', '.join(held) or 'nothing'}",),
            data={
                "summary": f"{params.state}: {', '.join(names)}",
                "held_before": list(before.installed.held(before.members)),
                "held": list(held),
            },
            findings=tuple(Finding(code="W_PKG_BUSY", object=unit, detail=text) for unit in after.apt_busy),
        )

    def undo(self, before: HostFacts, now: HostFacts, params: HoldParams, setting: Setting) -> Draft:  # noqa: ARG002 - contract
        """Put the holds back as they were."""
        return Draft(steps=mark_steps(before.installed, now.installed), summary="holds as before")

    def differences(self, before: HostFacts, now: HostFacts) -> tuple[str, ...]:
        """Compare the holds with the snapshot."""
        old, new = before.installed.held(before.members), now.installed.held(now.members)
        lines = [f"package {name} is no longer on hold" for name in old if name not in new]
        return (*lines, *(f"package {name} is on hold, was not" for name in new if name not in old))


def _chosen(facts: HostFacts, params: HoldParams) -> tuple[str, ...]:
    mine = members_of(facts.family, facts.installed.present(facts.installed.packages))
    if params.packages == "set":
        return mine
    foreign = sorted(set(params.packages) - set(mine))
    if foreign:
        raise Refused(
            f"{', '.join(foreign)}: not installed as an engine package here",
            code="E_PARAM",
            hint=f"The host's engine packages are: {', '.join(mine)}.",
        )
    return tuple(sorted(set(params.packages)))


PROCEDURE = Hold()
