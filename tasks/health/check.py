"""health.check: is this Docker host well? Read in at most ten seconds, and never "OK" by default."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from tasks.commas import Commas
from tasks.connection import Connection
from tasks.disk.objects import instant
from tasks.errors import BadInput
from tasks.health.checks import Check, CheckName, Level
from tasks.health.judgement import Limits, judge, worst
from tasks.health.readings import BUDGET_S, HealthFacts, Readings, Seen
from tasks.model import Kind, UndoClass
from tasks.procedure import Params, Setting, Spec, Verdict
from tasks.read_only import ReadOnly
from tasks.result import Finding, Severity, StepResult

_SEVERITY = {
    Level.WARNING: Severity.WARNING,
    Level.UNKNOWN: Severity.WARNING,
    Level.CRITICAL: Severity.ERROR,
}
#: containers named as restarted; more of them are more than critical long before
MOST_RESTARTS = 100
_CODES = {Level.WARNING: "W_HEALTH", Level.UNKNOWN: "W_HEALTH_UNKNOWN", Level.CRITICAL: "E_HEALTH"}


class HealthParams(Params):
    """Thresholds, and which checks to make."""

    warn_disk_pct: float = Field(default=70, ge=0, le=100, description="used share that is a warning")
    crit_disk_pct: float = Field(default=85, ge=0, le=100, description="used share that is critical")
    ping_timeout_s: float = Field(default=5, gt=0, le=9, description="seconds the daemon has to answer")
    include: Annotated[tuple[CheckName, ...] | None, Commas] = Field(
        default=None, description="checks to make; all of them when left out"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn_disk_pct > self.crit_disk_pct:
            raise BadInput(
                f"health.check: warn_disk_pct ({self.warn_disk_pct:g}) is above crit_disk_pct "
                f"({self.crit_disk_pct:g}), so there could be no warning",
                hint="Give a warning threshold below the critical one.",
            )
        if self.include is not None and not self.include:
            raise BadInput(
                "health.check: include is empty, so nothing would be checked",
                hint=f"Name some of {', '.join(CheckName)}, or leave include out to check all.",
            )
        return self


class Health(ReadOnly[HealthParams, HealthFacts]):
    """Says how well a host is."""

    params_type = HealthParams
    facts_type = HealthFacts
    spec = Spec(
        name="health.check",
        kind=Kind.READ_ONLY,
        seed="8.2",
        summary="services, daemon, disks, containers, versions: one level and an exit code",
        undo=UndoClass.NONE,
        timeout_s=30,
    )

    def gather(self, host: Connection, params: HealthParams, setting: Setting) -> HealthFacts:
        """The readings, within their budget; an unreachable host is an error of its own, not a sick host."""
        del setting
        return Readings(host, ping_timeout_s=params.ping_timeout_s).take()

    def verify(
        self, before: HealthFacts, after: HealthFacts, params: HealthParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """The verdict, as the result fields of health.check; it is good when the level is OK."""
        del before, steps
        limits = Limits(warn_disk_pct=params.warn_disk_pct, crit_disk_pct=params.crit_disk_pct)
        checks = judge(after, limits, params.include or tuple(CheckName))
        level = worst(checks)
        bad = [check for check in checks if check.level is not Level.OK]
        evidence = [f"{check.name} {check.level}: {_said(check)}" for check in bad]
        return Verdict(
            ok=level is Level.OK,
            evidence=tuple(evidence) or (f"{len(checks)} checks are OK",),
            data=health_data(after, checks, level),
            findings=tuple(_finding(check) for check in bad),
        )


def health_data(facts: HealthFacts, checks: tuple[Check, ...], level: Level) -> dict[str, Any]:
    """The result fields."""
    bad = [check for check in checks if check.level is level and level is not Level.OK]
    seen = facts.containers or ()
    return {
        "level": level.value,
        "exit_code": level.exit_code,
        "checks": [check.model_dump(mode="json") for check in checks],
        "unhealthy": sorted(
            item.name for item in seen if item.state == "running" and item.health == "unhealthy"
        ),
        "restarts": _restarts(facts),
        "latency_ms": dict(facts.latency_ms),
        "summary": f"{level}: {bad[0].name} {_said(bad[0])}" if bad else f"{level}: {len(checks)} checks",
    }


def _restarts(facts: HealthFacts) -> list[dict[str, Any]] | None:
    """Containers that were restarted by their policy, the worst first; None when not all could be looked at."""
    if facts.containers is None or any(item.restarts is None for item in facts.containers):
        return None
    again = sorted(
        (item for item in facts.containers if item.restarts),
        key=lambda item: (-(item.restarts or 0), item.id),
    )
    return [
        {
            "id": item.id,
            "name": item.name,
            "count": item.restarts,
            "started_at": item.started_at,
            "started_ago_s": started_ago_s(item, facts.clock_s),
        }
        for item in again[:MOST_RESTARTS]
    ]


def started_ago_s(seen: Seen, clock_s: float | None) -> float | None:
    """Seconds since a container's last start, by the clock of its host; 0 while it waits to be started again.

    The clock is read before containers are: one may have been started a moment after it. None = nobody knows.
    """
    if seen.state == "restarting":
        return 0.0
    started = instant(seen.started_at)
    if clock_s is None or started is None or clock_s - started < -BUDGET_S:
        return None
    return round(max(clock_s - started, 0.0), 1)


def _said(check: Check) -> str:
    value = "" if check.value is None else f"{check.value}{check.unit and ' ' + check.unit}"
    return ", ".join(part for part in (value, check.detail) if part)


def _finding(check: Check) -> Finding:
    return Finding(
        code=_CODES[check.level], severity=_SEVERITY[check.level], object=check.name, detail=_said(check)
    )


PROCEDURE = Health()
