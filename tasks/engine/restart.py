"""engine.restart: the engine started anew, its containers kept, within systemd's start budget."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine.comparing import Comparing
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.proof import downtime_s
from tasks.engine.returning import return_draft
from tasks.engine.running import Comparison, at_risk, compare, services_of
from tasks.engine.start_budget import refuse_if_spent, restart_steps, start_steps
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Params, Setting, Spec, Verdict
from tasks.result import StepResult, StepState

_MINIMUM_FREE = 64 << 20


class RestartParams(Params):
    """How to restart, and what is accepted."""

    #: restart containerd as well, before the engine
    include_containerd: bool = False
    #: accept that running containers stop
    allow_container_stop: bool = False
    ready_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 120
    #: only start an engine that is down; one that answers is left alone
    start_only: bool = False


class Restart(Comparing[HostFacts]):
    """Restarts once; a second run of the same order finds the newer process and does nothing."""

    spec = Spec(
        name="engine.restart",
        kind=Kind.CHANGING,
        seed="1.1",
        summary="Restart the engine within its start budget and prove that the containers are still there",
        undo=UndoClass.NONE,
        timeout_s=180,
        stops_engine=True,
        strict=True,
    )
    params_type = RestartParams
    facts_type = HostFacts

    def gather(self, host: Connection, params: RestartParams, setting: Setting) -> HostFacts:
        """Read engine, units and configuration, once the units are no longer on their way."""
        return gather(
            host, packages=False, ready_timeout_s=params.ready_timeout_s, check_binary=setting.before is None
        )

    def plan(self, facts: HostFacts, params: RestartParams, setting: Setting) -> Draft:
        """Restart while the process is still the one of the first reading."""
        before = setting.before if isinstance(setting.before, HostFacts) else None
        down = facts.engine.daemon is None
        if before is None:
            if params.start_only and not down:
                return Draft(summary="it is up already")
            self._judge(facts, params)
        elif not down and _renewed(before, facts):
            return Draft(summary="restarted")
        was_down = (before or facts).engine.daemon is None
        if was_down and not (before or facts).docker.running:
            steps = start_steps()
        else:
            steps = restart_steps(containerd=params.include_containerd, reset=False)
        running = facts.engine.daemon.server_version if facts.engine.daemon is not None else "the engine"
        return Draft(
            steps=steps,
            summary=f"{'start' if was_down else 'restart'} {running}",
            containers_at_risk=at_risk(facts.engine.daemon),
            services=services_of(facts.engine.daemon),
        )

    def verify(
        self, before: HostFacts, after: HostFacts, params: RestartParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """Judge the new process, the answer of the API and the containers."""
        running = compare(before, after)
        faults = _faults(before, after, params, running)
        code = "E_VERIFY_FAILED"
        if after.engine.daemon is None:
            code = "E_DAEMON_UNRESPONSIVE" if after.docker.running else "E_START_FAILED"
        was, now = before.engine.daemon, after.engine.daemon
        reset = any(step.key == "reset-failed" and step.state is StepState.DONE for step in steps)
        return Verdict(
            ok=not faults,
            evidence=tuple(faults) or ("the engine answers as a new process, and every container is there",),
            code=code,
            data={
                "summary": f"{now.server_version}, restarted" if now is not None else "down",
                "downtime_s": downtime_s(before, after),
                "containers_before": [item.name for item in was.running] if was is not None else None,
                "containers_after": [item.name for item in now.running] if now is not None else None,
                "pids_preserved": running.pids_preserved,
                "start_limit_reset": reset,
                "server_version": now.server_version if now is not None else "",
                "api_version": now.api_version if now is not None else "",
            },
            findings=running.findings,
        )

    def undo(self, before: HostFacts, now: HostFacts, params: RestartParams, setting: Setting) -> Draft:  # noqa: ARG002 - contract
        """Bring the engine up if the restart left it down; a restart itself cannot be taken back."""
        return return_draft(before, now, wake=True)

    def _judge(self, facts: HostFacts, params: RestartParams) -> None:
        must.require_changeable(facts)
        must.require_startable(facts)
        must.require_containers_kept(facts, accepted=params.allow_container_stop)
        must.require_space(facts, _MINIMUM_FREE)
        refuse_if_spent(facts)


def _renewed(before: HostFacts, now: HostFacts) -> bool:
    return now.boot != before.boot or now.docker.main_pid != before.docker.main_pid


def _faults(before: HostFacts, after: HostFacts, params: RestartParams, running: Comparison) -> list[str]:
    if after.engine.daemon is None:
        return [f"the engine does not answer: {after.engine.error}", *running.faults]
    faults = list(running.faults)
    if before.engine.daemon is not None and params.start_only:
        return faults
    if not _renewed(before, after):
        faults.append("the engine is still the process it was")
    if after.engine.replaced:
        faults.append("the engine that runs is not the one that is installed")
    return faults


PROCEDURE = Restart()
