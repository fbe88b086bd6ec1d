"""health.running: which containers run, and how that differs from what ran before an attempt on this host."""

from __future__ import annotations

from typing import Any

from tasks.connection import Connection
from tasks.errors import Refused
from tasks.facts.units import DOCKER, read_units
from tasks.model import Kind, UndoClass
from tasks.procedure import Facts, Params, Setting, Spec, Verdict
from tasks.read_only import ReadOnly
from tasks.result import StepResult
from tasks.running_set import RunningContainer, not_among, parse_running

#: containers one answer names; of a host with more nothing can be compared elsewhere
MOST_CONTAINERS = 1000
_LIST_S = 10.0


class RunningParams(Params):
    """It takes none."""


class RunningFacts(Facts):
    """The containers that run, or ran before an attempt."""

    containers: tuple[RunningContainer, ...]
    #: the attempt before which it was so; "" = now
    before: str = ""


class Running(ReadOnly[RunningParams, RunningFacts]):
    """Says which containers run."""

    params_type = RunningParams
    facts_type = RunningFacts
    spec = Spec(
        name="health.running",
        kind=Kind.READ_ONLY,
        seed="8.3",
        summary="the running containers, compared with those before an attempt where a campaign asks for it",
        undo=UndoClass.NONE,
        timeout_s=30,
    )

    def gather(self, host: Connection, params: RunningParams, setting: Setting) -> RunningFacts:
        """Ask the engine for its list; one that sleeps behind docker.socket is not woken up by that."""
        del params, setting
        service = read_units(host)[DOCKER]
        if service.load == "loaded" and service.active not in {"active", "reloading"}:
            raise Refused(
                f"{host.host_name}: docker.service is {service.active} ({service.result})",
                code="E_DAEMON_DOWN",
                hint="Look at `systemctl status docker` there.",
            )
        return RunningFacts(containers=parse_running(host.engine().containers(_LIST_S)))

    def verify(
        self, before: RunningFacts, after: RunningFacts, params: RunningParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """What runs now; with facts of before an attempt, what is missing of them and what is new."""
        del params, steps
        missing, extra = (
            not_among(before.containers, after.containers),
            not_among(after.containers, before.containers),
        )
        summary = f"{len(after.containers)} containers run"
        if before.before:
            summary += f"; missing since before {before.before}: {len(missing)}, new: {len(extra)}"
        return Verdict(
            ok=not missing,
            evidence=(summary,),
            data={
                "summary": summary,
                "compared_with": before.before,
                "missing": list(missing),
                "extra": list(extra),
                "count": len(after.containers),
                "running": [] if before.before else _told(after),
            },
        )


def _told(facts: RunningFacts) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json") for item in facts.containers[:MOST_CONTAINERS]]


PROCEDURE = Running()
