"""The proof of a changed engine: everything promised, read back from the host and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.engine.family import ALL_NAMES, main_package
from tasks.engine.files import ConfigFile, differing
from tasks.engine.host_facts import HostFacts
from tasks.engine.returning import leaving, other_differences
from tasks.engine.running import Comparison, compare
from tasks.engine.version import same_release, upstream
from tasks.facts.units import CONTAINERD, DOCKER
from tasks.procedure import Verdict
from tasks.result import Finding, Severity, StepResult, StepState


def prove(
    before: HostFacts,
    after: HostFacts,
    *,
    target: Mapping[str, str],
    restarted: bool,
    reheld: bool,
    steps: tuple[StepResult, ...],
    files: tuple[ConfigFile, ...] | None = None,
) -> Verdict:
    """Judge a host after its engine packages were to be at `target`."""
    running = compare(before, after)
    engine = engine_faults(after, target) if restarted else []
    faults = [*package_faults(before, after, target, reheld=reheld), *engine, *running.faults]
    faults += differing(before.files if files is None else files, after.files)
    code = "E_VERIFY_FAILED"
    if restarted and after.engine.daemon is None:
        code = "E_DAEMON_UNRESPONSIVE" if after.docker.running else "E_START_FAILED"
    return Verdict(
        ok=not faults,
        evidence=tuple(faults) or _evidence(before, after, target, running),
        code=code,
        data=outcome_data(before, after, running, steps),
        findings=(*running.findings, *_findings(before, after, restarted=restarted)),
    )


def package_faults(
    before: HostFacts, after: HostFacts, target: Mapping[str, str], *, reheld: bool
) -> list[str]:
    """What is wrong with the packages, engine's and others."""
    faults = []
    for name, version in sorted(target.items()):
        found = after.installed.version(name)
        if found != version:
            faults.append(f"package {name} is {found or 'not installed whole'}, not {version}")
    if after.installed.audit:
        faults.append(f"dpkg complains: {after.installed.audit.splitlines()[0]}")
    if reheld:
        lost = set(before.installed.held(ALL_NAMES)) - set(after.installed.held(ALL_NAMES))
        faults += [f"package {name} is no longer on hold" for name in sorted(lost)]
    simulation = before.resolution.simulation
    return faults + other_differences(before, after, allowed=simulation.added() if simulation else ())


def engine_faults(after: HostFacts, target: Mapping[str, str]) -> list[str]:
    """What is wrong with the engine that runs."""
    daemon = after.engine.daemon
    if daemon is None:
        return [f"the engine does not answer: {after.engine.error}"]
    faults = []
    wanted = target.get(main_package(after.family), "")
    if not same_release(daemon.server_version, wanted):
        faults.append(f"the engine that runs is {daemon.server_version}, not {upstream(wanted)}")
    if after.engine.replaced:
        faults.append("the engine that runs is not the one that is installed")
    for component, names in (("containerd", ("containerd", "containerd.io")), ("runc", ("runc",))):
        version = next((target[name] for name in names if name in target), "")
        found = daemon.components.get(component, "").removeprefix("v")
        if version and found and not same_release(found, version):
            faults.append(f"{component} that runs is {found}, not {upstream(version)}")
    for unit in (DOCKER, CONTAINERD):
        state = after.units.get(unit)
        if state is not None and state.load == "loaded" and state.active != "active":
            faults.append(f"{unit} is {state.active}")
    return faults


def outcome_data(
    before: HostFacts, after: HostFacts, running: Comparison, steps: tuple[StepResult, ...]
) -> dict[str, Any]:
    """Typed result fields of an engine procedure."""
    was, now = before.engine.daemon, after.engine.daemon
    old, new = (upstream(daemon.server_version) if daemon else "down" for daemon in (was, now))
    return {
        "summary": f"{old} → {new}"
        if old != new
        else f"{new}, restarted"
        if after.docker.main_pid != before.docker.main_pid
        else new,
        "from": {**before.versions(), "server": was.server_version if was else None},
        "to": {**after.versions(), "server": now.server_version if now else None},
        "restart_by": restarted_by(before, after, steps),
        "downtime_s": downtime_s(before, after),
        "containers_before": [container.name for container in was.running] if was else None,
        "containers_after": [container.name for container in now.running] if now else None,
        "pids_preserved": running.pids_preserved,
        "snapshot_dir": after.cache.directory,
        "packages_added": list(leaving(before, after)),
        "conffiles_kept": list(after.conffiles_kept),
        "server_version": now.server_version if now else "",
        "api_version": now.api_version if now else "",
    }


def restarted_by(before: HostFacts, after: HostFacts, steps: tuple[StepResult, ...]) -> str:
    """Who restarted the engine: us, the packages' own scripts (or a crash), or nobody."""
    if after.docker.main_pid == before.docker.main_pid and after.boot == before.boot:
        return "none"
    keys = {"restart", "start", "stop"}
    ours = any(step.key in keys and step.state is StepState.DONE for step in steps)
    return "us" if ours else "package"


def downtime_s(before: HostFacts, after: HostFacts) -> float | None:
    """Seconds the engine was last away; None when it was not, or cannot be told."""
    unit = after.docker
    if unit.main_pid == before.docker.main_pid or unit.active != "active" or before.boot != after.boot:
        return None
    away = unit.up_at_s - unit.down_at_s
    return round(away, 3) if unit.down_at_s and away >= 0 else None


def _evidence(
    before: HostFacts, after: HostFacts, target: Mapping[str, str], running: Comparison
) -> tuple[str, ...]:
    daemon, was = after.engine.daemon, before.engine.daemon
    lines = [f"packages are {', '.join(f'{name} {version}' for name, version in sorted(target.items()))}"]
    if daemon is not None:
        lines.append(f"the engine answers {daemon.server_version}, API {daemon.api_version}")
    if was is not None and was.running:
        kept = "with the processes they had" if running.pids_preserved else "though as new processes"
        lines.append(f"{len(was.running)} containers run {kept}")
    return tuple(lines)


def _findings(before: HostFacts, after: HostFacts, *, restarted: bool) -> tuple[Finding, ...]:
    found = []
    if before.boot != after.boot:
        found.append(Finding(code="W_REBOOTED", detail="the host was rebooted in the middle of it"))
    if not restarted and after.engine.replaced:
        text = "the new version is installed; the one before still runs until the engine is restarted"
        found.append(Finding(code="W_RESTART_PENDING", severity=Severity.WARNING, detail=text))
    text = "kept as it was; the package brought a newer one beside it"
    new = [path for path in after.conffiles_kept if path not in before.conffiles_kept]
    return (*found, *(Finding(code="W_CONFFILE_KEPT", object=path, detail=text) for path in new))
