"""Judges readings of a host: one level per check, and the worst of them; pure.

A check that could not be made is UNKNOWN and never OK. UNKNOWN outranks WARNING: what was not seen may be worse
than what was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tasks.facts.disk import FileSystem
from tasks.facts.units import CONTAINERD, DOCKER, SOCKET, Unit
from tasks.health.checks import Check, CheckName, Level
from tasks.health.readings import CONFIG, HealthFacts, Seen
from tasks.record import Record

#: the runbook's thresholds: more than none warns, more than two is critical
UNHEALTHY_WARN, UNHEALTHY_CRIT = 0, 2
#: seconds the host's clock may be off
_SKEW_S = 5.0


_RANK = (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


class Limits(Record):
    """Where a disk becomes a warning, and where critical."""

    warn_disk_pct: float
    crit_disk_pct: float


def judge(facts: HealthFacts, limits: Limits, include: Iterable[CheckName]) -> tuple[Check, ...]:
    """The checks asked for, in the order of their names' list; disks give one each."""
    wanted = frozenset(include)
    found: list[Check] = []
    for name in CheckName:
        if name not in wanted:
            continue
        if name is CheckName.DISK:
            found += _disks(facts, limits)
        else:
            found.append(_JUDGES[name](facts))
    return tuple(found)


def worst(checks: Iterable[Check]) -> Level:
    """The level of the host; nothing checked is nothing known."""
    return max((check.level for check in checks), key=_RANK.index, default=Level.UNKNOWN)


def _service(facts: HealthFacts) -> Check:
    name = CheckName.SERVICE
    if not facts.units:
        return _unknown(name, facts, "units")
    docker, socket, containerd = (facts.units.get(unit, Unit()) for unit in (DOCKER, SOCKET, CONTAINERD))
    if docker.load == "not-found":
        return Check(
            name=name, level=Level.UNKNOWN, value="not-found", detail="systemd knows no docker.service"
        )
    if docker.active not in {"active", "reloading"}:
        detail = f"docker.service is {docker.active} ({docker.sub}, {docker.result})"
        return Check(name=name, level=Level.CRITICAL, value=docker.active, threshold="active", detail=detail)
    if containerd.load != "not-found" and containerd.active != "active":
        detail = f"containerd.service is {containerd.active} ({containerd.result})"
        return Check(
            name=name, level=Level.CRITICAL, value=containerd.active, threshold="active", detail=detail
        )
    if socket.load != "not-found" and socket.active != "active":
        detail = f"docker.socket is {socket.active}: after a stop nothing starts the engine on demand"
        return Check(name=name, level=Level.WARNING, value=socket.active, threshold="active", detail=detail)
    own = "" if containerd.load != "not-found" else "; dockerd runs a containerd of its own"
    return Check(name=name, level=Level.OK, value="active", threshold="active", detail=f"running{own}")


def _start_limit(facts: HealthFacts) -> Check:
    name = CheckName.START_LIMIT
    if not facts.units:
        return _unknown(name, facts, "units")
    hit = facts.units.get(DOCKER, Unit()).start_limit_hit
    detail = (
        "systemd refuses further starts; find the cause, then engine.restart resets it once" if hit else ""
    )
    return Check(
        name=name, level=Level.CRITICAL if hit else Level.OK, value=int(hit), unit="units", detail=detail
    )


def _daemon(facts: HealthFacts) -> Check:
    name = CheckName.DAEMON
    problem = facts.problems.get("engine")
    if problem is None:
        slowest = max(facts.latency_ms.values(), default=0.0)
        return Check(name=name, level=Level.OK, value=slowest, unit="ms", detail="answers")
    code, text = problem
    if code == "E_TIMEOUT":
        return Check(name=name, level=Level.UNKNOWN, detail=text)
    kind = "daemon_unresponsive" if code == "E_DAEMON_UNRESPONSIVE" else "daemon_down"
    return Check(name=name, level=Level.CRITICAL, value=kind, threshold="answers in time", detail=text)


def _disks(facts: HealthFacts, limits: Limits) -> list[Check]:
    if not facts.file_systems:
        problem = facts.problems.get("disk", ("", "no file system of the engine could be measured"))
        return [Check(name=CheckName.DISK, level=Level.UNKNOWN, unit="%", detail=problem[1])]
    return [_disk(system, limits) for system in facts.file_systems]


def _disk(system: FileSystem, limits: Limits) -> Check:
    level = _above_or_at(system.worst_pct, limits.warn_disk_pct, limits.crit_disk_pct)
    inodes = system.inodes_used_pct
    of_inodes = "not counted" if inodes is None else f"{inodes:.1f} %"
    return Check(
        name=CheckName.DISK,
        level=level,
        value=system.worst_pct,
        unit="%",
        threshold=f"warning {limits.warn_disk_pct:g}, critical {limits.crit_disk_pct:g}",
        detail=f"{system.mount}: bytes {system.used_pct:.1f} %, inodes {of_inodes}",
    )


def _unhealthy(facts: HealthFacts) -> Check:
    def bad(seen: Seen) -> bool:
        return seen.state == "running" and seen.health == "unhealthy"

    return _count(facts, CheckName.UNHEALTHY, bad, warn=UNHEALTHY_WARN, crit=UNHEALTHY_CRIT)


def _restarting(facts: HealthFacts) -> Check:
    return _count(facts, CheckName.RESTARTING, lambda seen: seen.state == "restarting", warn=0, crit=2)


def _dead(facts: HealthFacts) -> Check:
    return _count(facts, CheckName.DEAD, lambda seen: seen.state == "dead", warn=0)


def _paused(facts: HealthFacts) -> Check:
    return _count(facts, CheckName.PAUSED, lambda seen: seen.state == "paused")


def _no_healthcheck(facts: HealthFacts) -> Check:
    def unchecked(seen: Seen) -> bool:
        return seen.state == "running" and not seen.health

    return _count(facts, CheckName.NO_HEALTHCHECK, unchecked)


def _oom(facts: HealthFacts) -> Check:
    check = _count(facts, CheckName.OOM, lambda seen: bool(seen.oom_killed), warn=0)
    if check.level is Level.OK and "oom" in facts.problems:
        return _unknown(CheckName.OOM, facts, "oom")
    return check


def _count(
    facts: HealthFacts,
    name: CheckName,
    is_one: Callable[[Seen], bool],
    *,
    warn: int | None = None,
    crit: int | None = None,
) -> Check:
    if facts.containers is None:
        return _unknown(name, facts, "engine")
    names = [seen.name for seen in facts.containers if is_one(seen)]
    level = Level.OK
    if crit is not None and len(names) > crit:
        level = Level.CRITICAL
    elif warn is not None and len(names) > warn:
        level = Level.WARNING
    limits = [
        f"{word} above {limit}"
        for word, limit in (("warning", warn), ("critical", crit))
        if limit is not None
    ]
    return Check(
        name=name,
        level=level,
        value=len(names),
        unit="containers",
        threshold=", ".join(limits),
        detail=", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else ""),
    )


def _version(facts: HealthFacts) -> Check:
    name = CheckName.VERSION
    if not facts.daemon_version:
        return _unknown(name, facts, "version", "engine")
    if not facts.binary_version:
        return Check(name=name, level=Level.UNKNOWN, detail="the installed dockerd did not tell its version")
    same = facts.daemon_version == facts.binary_version
    detail = "" if same else f"{facts.binary_version} is installed: the engine needs a restart to become it"
    return Check(
        name=name, level=Level.OK if same else Level.WARNING, value=facts.daemon_version, detail=detail
    )


def _config(facts: HealthFacts) -> Check:
    name = CheckName.CONFIG
    if facts.config_changed_s == 0.0:
        return Check(name=name, level=Level.OK, detail=f"there is no {CONFIG}")
    if facts.config_changed_s is None or facts.daemon_since_s is None:
        return _unknown(name, facts, "config", "uptime", "clock", "units", "engine")
    newer = facts.config_changed_s - facts.daemon_since_s
    # the file's time stamp has whole seconds
    pending = newer > 1.0
    detail = f"{CONFIG} was changed after the engine last read it" if pending else ""
    return Check(name=name, level=Level.WARNING if pending else Level.OK, value=int(pending), detail=detail)


def _clock(facts: HealthFacts) -> Check:
    name = CheckName.CLOCK
    if facts.skew_s is None:
        return _unknown(name, facts, "clock")
    off = abs(facts.skew_s) > _SKEW_S
    detail = "the host's clock and the worker's differ: ages and windows cannot be compared" if off else ""
    return Check(
        name=name,
        level=Level.WARNING if off else Level.OK,
        value=round(facts.skew_s, 3),
        unit="s",
        threshold=f"warning above {_SKEW_S:g}",
        detail=detail,
    )


def _live_restore(facts: HealthFacts) -> Check:
    name = CheckName.LIVE_RESTORE
    if facts.live_restore is None:
        return _unknown(name, facts, "info", "engine")
    detail = "containers survive a restart of the engine"
    if not facts.live_restore:
        why = ": not possible in a swarm" if facts.swarm_active else ""
        detail = f"a restart of the engine stops its containers{why}"
    return Check(name=name, level=Level.OK, value="on" if facts.live_restore else "off", detail=detail)


def _unknown(name: CheckName, facts: HealthFacts, *readings: str) -> Check:
    texts = [facts.problems[reading][1] for reading in readings if reading in facts.problems]
    return Check(name=name, level=Level.UNKNOWN, detail=texts[0] if texts else "it could not be read")


def _above_or_at(value: float, warn: float, crit: float) -> Level:
    if value >= crit:
        return Level.CRITICAL
    return Level.WARNING if value >= warn else Level.OK


_JUDGES: dict[CheckName, Callable[[HealthFacts], Check]] = {
    CheckName.SERVICE: _service,
    CheckName.START_LIMIT: _start_limit,
    CheckName.DAEMON: _daemon,
    CheckName.UNHEALTHY: _unhealthy,
    CheckName.RESTARTING: _restarting,
    CheckName.DEAD: _dead,
    CheckName.PAUSED: _paused,
    CheckName.OOM: _oom,
    CheckName.NO_HEALTHCHECK: _no_healthcheck,
    CheckName.VERSION: _version,
    CheckName.CONFIG: _config,
    CheckName.CLOCK: _clock,
    CheckName.LIVE_RESTORE: _live_restore,
}
