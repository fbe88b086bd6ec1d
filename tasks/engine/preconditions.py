"""What must hold before an engine is touched; each check refuses with its own code and says what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.engine.binary import CAN_VALIDATE
from tasks.engine.family import Family, conflicting, main_package
from tasks.engine.files import DAEMON_JSON, json_fault
from tasks.engine.host_facts import HostFacts
from tasks.engine.running import at_risk
from tasks.engine.transaction import pinned, unexpected
from tasks.engine.version import at_least, core, is_major_change, line
from tasks.errors import Refused
from tasks.result import Finding

_MIB = 1 << 20
#: graph drivers Docker removed, and the release that no longer has them
_REMOVED_DRIVERS = {"aufs": 24, "overlay": 24, "devicemapper": 25}
#: the release whose API no longer speaks to clients older than 1.44
_RAISED_MINIMUM_API = 29


def require_apt(facts: HostFacts) -> None:
    """Refuse hosts whose packages are another manager's."""
    if not facts.uses_apt:
        raise Refused(
            f"Packages of {facts.system or 'this system'} are not managed by apt",
            code="E_UNSUPPORTED_OS",
            hint="Engine packages are read and changed on Debian and Ubuntu only; dnf is not supported yet.",
        )


def require_known_engine(facts: HostFacts) -> None:
    """Refuse hosts whose engine is packaged or run in a way these procedures do not change."""
    require_apt(facts)
    if several := conflicting(facts.installed):
        raise Refused(
            f"More than one engine is installed: {', '.join(several)}",
            code="E_CONFLICTING_PACKAGES",
            hint="Remove (do not purge) the one that is not in use, then plan again.",
        )
    if facts.family not in {Family.DOCKER_IO, Family.DOCKER_CE}:
        raise Refused(
            "Neither docker.io nor docker-ce is installed from packages on this host",
            code="E_UNSUPPORTED_ENGINE",
            hint="Engines from snap, static archives or other vendors are read but not changed.",
        )
    require_changeable(facts)


def require_changeable(facts: HostFacts) -> None:
    """Refuse engines that are not a plain Docker Engine under systemd."""
    daemon = facts.engine.daemon
    foreign = daemon.foreign if daemon is not None else None
    if "/snap/" in facts.engine.running_exe:
        foreign = "the engine comes from snap"
    if foreign or facts.engine.error_code == "E_UNSUPPORTED_ENGINE":
        raise Refused(
            f"This engine is not changed: {foreign or facts.engine.error}",
            code="E_UNSUPPORTED_ENGINE",
            hint="Only a Docker Engine run as root by docker.service is.",
        )


def require_answer(facts: HostFacts) -> None:
    """Refuse to change an engine that does not answer: what runs there is unknown."""
    if facts.engine.daemon is None:
        raise Refused(
            f"The engine does not answer ({facts.engine.error}), so what runs on the host is unknown",
            code=facts.engine.error_code or "E_DAEMON_DOWN",
            hint="Bring it up first: dockwave run engine.restart --set start_only=true",
        )


def require_containers_kept(facts: HostFacts, *, accepted: bool, major: bool = False) -> None:
    """Refuse to stop running containers unless that was accepted."""
    daemon = facts.engine.daemon
    if daemon is None and facts.docker.running and not accepted:
        raise Refused(
            f"The engine is up but does not answer ({facts.engine.error}); what runs, and whether it would go on, "
            "is unknown",
            code="E_WOULD_STOP_CONTAINERS",
            hint="Accept it with --set allow_container_stop=true",
        )
    names = at_risk(daemon, major=major)
    if not names:
        return
    if daemon is not None and daemon.swarm_active:
        raise Refused(
            f"The host is a swarm node with {len(names)} running containers",
            code="E_SWARM_ACTIVE",
            hint="Drain it first: docker node update --availability drain NODE",
        )
    if accepted:
        return
    live = daemon is not None and daemon.live_restore
    why = (
        "Live restore is only promised within a release line"
        if live
        else "The engine runs without live-restore"
    )
    raise Refused(
        f"{why}, so these {len(names)} running containers may stop: {', '.join(names[:20])}",
        code="E_WOULD_STOP_CONTAINERS",
        hint="Accept it with --set allow_container_stop=true"
        + ("" if live else ", or turn live-restore on in daemon.json first"),
    )


def require_clean_packages(facts: HostFacts) -> None:
    """Refuse to install anything over packages that are half-way."""
    if facts.installed.audit:
        raise Refused(
            f"dpkg is not at peace with itself: {facts.installed.audit.splitlines()[0]}",
            code="E_DPKG_BROKEN",
            hint="On the host: dpkg --audit, then dpkg --configure -a",
        )


def require_resolved(facts: HostFacts) -> None:
    """Refuse a request the host's archive cannot meet, or only at the expense of other packages."""
    resolution = facts.resolution
    if resolution.error_code:
        raise Refused(resolution.error, code=resolution.error_code, hint=resolution.hint)
    if resolution.simulation is None:
        return
    reasons = unexpected(resolution.simulation, resolution.target, facts.family)
    if reasons:
        raise Refused(
            f"apt would do more than was asked for: {'; '.join(reasons[:5])}",
            code="E_TXN_UNEXPECTED",
            hint="Compare with `apt-get -s install` on the host; give exact versions with --set packages=…",
        )


def require_space(facts: HostFacts, minimum: int) -> None:
    """Refuse when the file systems packages are unpacked on are short of room."""
    short = {path: free for path, free in facts.free_bytes.items() if free < minimum}
    if short:
        path, free = min(short.items(), key=lambda item: item[1])
        raise Refused(
            f"The file system of {path} has {free // _MIB} MiB free, {minimum // _MIB} MiB are asked for",
            code="E_NO_SPACE",
            hint="Free some with disk.cleanup, or lower --set min_free_bytes.",
        )


def require_way_back(facts: HostFacts, current: Mapping[str, str], *, waived: bool) -> None:
    """Refuse when the package files of the versions in use can no longer be had: there would be no undo."""
    lost = {
        name: version
        for name, version in facts.cache.missing(current).items()
        if name not in facts.obtainable
    }
    if lost and not waived:
        raise Refused(
            f"The archive no longer offers what is installed: {', '.join(pinned(lost))}; there would be no way back",
            code="E_ROLLBACK_UNAVAILABLE",
            hint="Accept that with --set allow_no_rollback=true, or add a source that still has them.",
        )
    oversized = [file.path for file in facts.files if file.truncated]
    if oversized:
        raise Refused(
            f"{', '.join(oversized)} is too large to be kept in the snapshot",
            code="E_TOO_LARGE",
            hint="Configuration files of up to 256 KiB are kept.",
        )


def require_same_line(facts: HostFacts, target: Mapping[str, str], *, accepted: bool) -> bool:
    """Whether the main package changes its release line; refused unless that was accepted."""
    main = main_package(facts.family)
    now, then = facts.versions().get(main, ""), target.get(main, "")
    major = bool(now and then) and is_major_change(now, then)
    if major and not accepted:
        raise Refused(
            f"{main} would go from {'.'.join(line(now))} to {'.'.join(line(then))}, another release line",
            code="E_MAJOR_UPGRADE",
            hint="Accept it with --set allow_major=true, after a rehearsal of this pair of versions.",
        )
    return major


def require_features(facts: HostFacts, version: str) -> None:
    """Refuse a version that no longer has what the host uses."""
    daemon = facts.engine.daemon
    gone = _REMOVED_DRIVERS.get(daemon.driver) if daemon is not None else None
    if daemon is not None and gone is not None and at_least(version, gone):
        raise Refused(
            f"The host uses the storage driver {daemon.driver}, which {core(version)} no longer has",
            code="E_REMOVED_FEATURE",
            hint="Move its images and containers to overlay2 first.",
        )


def forewarnings(facts: HostFacts, version: str, *, major: bool) -> tuple[Finding, ...]:
    """What a person should know before approving a change to this version."""
    daemon = facts.engine.daemon
    found = []
    if daemon is not None and major and daemon.live_restore and daemon.running:
        text = f"live restore is not promised from {daemon.server_version} to {core(version)}"
        found.append(Finding(code="W_MAJOR_LIVE_RESTORE", detail=text))
    if daemon is not None and at_least(version, _RAISED_MINIMUM_API):
        clients = [container.name for container in daemon.running if container.uses_socket]
        text = "it uses the engine's API; clients below API 1.44 stop working with 29.0"
        found += [Finding(code="W_MINIMUM_API", object=name, detail=text) for name in clients]
        if daemon.cgroup_version == "1":
            found.append(Finding(code="W_CGROUP_V1", detail="cgroup v1 is deprecated in this release"))
    if facts.index_stale:
        text = "the package index is older than a week; newer versions may exist"
        found.append(Finding(code="W_INDEX_STALE", detail=text))
    if facts.apt_busy:
        text = "the system's own package upgrades are at work; apt waits for them"
        found.append(Finding(code="W_PKG_BUSY", object=", ".join(facts.apt_busy), detail=text))
    return tuple(found)


def require_startable(facts: HostFacts) -> None:
    """Refuse to start a dockerd that cannot say its version or does not accept daemon.json.

    Asked after the packages are in place and before the restart: the engine that runs is still the old one then, and
    no container has noticed anything.
    """
    if facts.binary.broken:
        # some releases read their configuration before anything else
        about_configuration = DAEMON_JSON in facts.binary.broken
        raise Refused(
            f"The installed dockerd does not work: {facts.binary.broken}",
            code="E_CONFIG_INVALID" if about_configuration else "E_START_FAILED",
            hint="The engine was not restarted; the one that runs is still the one before.",
        )
    # a release that cannot be asked refuses at least what no engine of its time can read
    unasked = not at_least(facts.binary.version, CAN_VALIDATE)
    refused = facts.binary.config_error or (json_fault(facts.files) if unasked else "")
    if refused:
        raise Refused(
            f"dockerd {facts.binary.version} refuses {DAEMON_JSON}: {refused}",
            code="E_CONFIG_INVALID",
            hint="Mend the file for this version, then plan again. The engine was not restarted.",
        )
