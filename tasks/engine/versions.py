"""engine.versions: which engine packages are installed, held and available, and which engine really runs."""

from __future__ import annotations

from pydantic import Field

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine.family import MEMBERS, Family, main_package
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.version import same_release, upstream
from tasks.facts.packages import Available, read_available
from tasks.model import Kind, UndoClass
from tasks.procedure import Params, Setting, Spec, Verdict
from tasks.read_only import ReadOnly
from tasks.result import Finding, StepResult


class VersionsParams(Params):
    """It takes no parameters."""


class VersionsFacts(HostFacts):
    """A host with what its archive offers."""

    #: installable versions by engine package, in apt's order
    available: dict[str, tuple[Available, ...]] = Field(default_factory=dict)
    #: the version apt would take, by engine package
    candidates: dict[str, str] = Field(default_factory=dict)


class Versions(ReadOnly[VersionsParams, VersionsFacts]):
    """Tells the running engine from the installed one: an upgraded host serves the old version until its restart."""

    spec = Spec(
        name="engine.versions",
        kind=Kind.READ_ONLY,
        seed="4.1",
        summary="Show running, installed, held and available versions of the engine's packages",
        undo=UndoClass.NONE,
        timeout_s=120,
    )
    params_type = VersionsParams
    facts_type = VersionsFacts

    def gather(self, host: Connection, params: VersionsParams, setting: Setting) -> VersionsFacts:  # noqa: ARG002 - contract
        """Read packages, archive and engine."""
        facts = gather(host)
        known = dict(facts)
        if facts.family in {Family.DOCKER_IO, Family.DOCKER_CE}:
            known["available"], known["candidates"] = read_available(host, MEMBERS[facts.family])
        return VersionsFacts(**known)

    def verify(
        self,
        before: VersionsFacts,  # noqa: ARG002 - contract
        after: VersionsFacts,
        params: VersionsParams,  # noqa: ARG002 - contract
        steps: tuple[StepResult, ...],  # noqa: ARG002 - contract
    ) -> Verdict:
        """Answer with what was read, null where the host did not say; refuse where nothing could be read."""
        must.require_apt(after)
        daemon, versions = after.engine.daemon, after.versions()
        installed = versions.get(main_package(after.family), "")
        running = daemon.server_version if daemon is not None else None
        pending = _pending(after, installed)
        text = (
            "the installed engine is not the one that runs; it serves the older version until it is restarted"
        )
        return Verdict(
            ok=True,
            evidence=(
                f"{after.family}: {upstream(installed) or 'nothing'} installed, {running or 'nothing'} runs",
            ),
            data={
                "summary": f"{after.family} {upstream(installed)}, {running or 'nothing'} runs",
                "family": after.family.value,
                "installed": versions,
                "held": list(after.installed.held(MEMBERS[after.family])),
                "running_server_version": running,
                "running_components": daemon.components if daemon is not None else None,
                "binary_version": after.binary.version or None,
                "candidates": after.candidates,
                "available": {
                    name: [{"version": item.version, "origin": item.origin} for item in items]
                    for name, items in sorted(after.available.items())
                },
                "daemon_restart_pending": pending,
                "server_version": running or "",
                "api_version": daemon.api_version if daemon is not None else "",
            },
            findings=(Finding(code="W_RESTART_PENDING", detail=text),) if pending else (),
        )


def _pending(facts: VersionsFacts, installed: str) -> bool | None:
    """Whether a restart would bring another engine; None when none answers."""
    daemon = facts.engine.daemon
    if daemon is None:
        return None
    return facts.engine.replaced or (bool(installed) and not same_release(daemon.server_version, installed))


PROCEDURE = Versions()
