"""engine.info: what the engine says about itself, and the state of its units when it says nothing."""

from __future__ import annotations

from typing import Any

from tasks.connection import Connection
from tasks.engine.host_facts import HostFacts, gather
from tasks.facts.engine import Daemon
from tasks.model import Kind, UndoClass
from tasks.procedure import Params, Setting, Spec, Verdict
from tasks.read_only import ReadOnly
from tasks.result import Finding, Severity, StepResult


class InfoParams(Params):
    """It takes no parameters."""


class Info(ReadOnly[InfoParams, HostFacts]):
    """Reads /version and /info once systemd says that the daemon is up; a daemon that is down is an answer too."""

    spec = Spec(
        name="engine.info",
        kind=Kind.READ_ONLY,
        seed="Appendix",
        summary="Show the engine's version, storage, containers and warnings, and its systemd units",
        undo=UndoClass.NONE,
        timeout_s=30,
    )
    params_type = InfoParams
    facts_type = HostFacts

    def gather(self, host: Connection, params: InfoParams, setting: Setting) -> HostFacts:  # noqa: ARG002 - contract
        """Read the engine and its units."""
        return gather(host, packages=False)

    def verify(
        self,
        before: HostFacts,  # noqa: ARG002 - contract
        after: HostFacts,
        params: InfoParams,  # noqa: ARG002 - contract
        steps: tuple[StepResult, ...],  # noqa: ARG002 - contract
    ) -> Verdict:
        """Answer with what was read; an engine that does not answer is E_DAEMON_DOWN with its units' state."""
        daemon = after.engine.daemon
        if daemon is None:
            return Verdict(
                ok=False,
                evidence=(after.engine.error,),
                code=after.engine.error_code or "E_DAEMON_DOWN",
                data={"summary": f"down: {after.engine.error}"[:200], "units": _units(after)},
                findings=(
                    Finding(
                        code=after.engine.error_code or "E_DAEMON_DOWN",
                        severity=Severity.ERROR,
                        detail=after.engine.error,
                    ),
                ),
            )
        return Verdict(
            ok=True,
            evidence=(f"the engine answers {daemon.server_version}, API {daemon.api_version}",),
            data=_data(after, daemon),
            findings=tuple(Finding(code="W_ENGINE", detail=text) for text in daemon.warnings),
        )


def _data(facts: HostFacts, daemon: Daemon) -> dict[str, Any]:
    states: dict[str, int] = {}
    for container in daemon.containers:
        states[container.state] = states.get(container.state, 0) + 1
    return {
        "summary": f"{daemon.server_version}, {len(daemon.running)} of {len(daemon.containers)} containers run",
        "server_version": daemon.server_version,
        "api_version": daemon.api_version,
        "engine_id": daemon.engine_id,
        "components": daemon.components,
        "system": facts.system,
        "root_dir": daemon.root_dir,
        "driver": daemon.driver,
        "containerd_store": daemon.containerd_store,
        "cgroup_version": daemon.cgroup_version,
        "live_restore": daemon.live_restore,
        "swarm_active": daemon.swarm_active,
        "security_options": list(daemon.security_options),
        "containers": states,
        "images": len(daemon.images),
        "volumes": len(daemon.volumes),
        "networks": sorted(daemon.networks),
        "restart_pending": facts.engine.replaced,
        "units": _units(facts),
    }


def _units(facts: HostFacts) -> dict[str, str]:
    return {name: f"{unit.active} ({unit.sub})" for name, unit in facts.units.items()}


PROCEDURE = Info()
