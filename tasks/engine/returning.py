"""The way back to a snapshot, and the proof of having arrived; shared by every engine procedure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from tasks.engine.cached import Cache
from tasks.engine.family import ALL_NAMES
from tasks.engine.files import copy_back_steps, differing, restore_steps
from tasks.engine.host_facts import HostFacts
from tasks.engine.marks import mark_steps
from tasks.engine.running import compare, services_of, stopped_since
from tasks.engine.start_budget import start_steps, stop_step
from tasks.engine.transaction import APT_ENV, pinned, restore_argv
from tasks.engine.version import upstream
from tasks.errors import Refused
from tasks.model import UndoClass
from tasks.procedure import Draft, RunStep, Step


def return_draft(
    before: HostFacts,
    now: HostFacts,
    *,
    lock_timeout_s: int = 300,
    hold: Iterable[str] | None = None,
    accept_store: bool = False,
    wake: bool = False,
    by_reference: bool = False,
) -> Draft:
    """Steps that bring a host back to its snapshot: what is missing now, and nothing when it is there already.

    `hold` names the packages to be on hold afterwards where that is not simply those of the snapshot; `wake` starts
    the containers that the change has stopped; `by_reference` copies files on the host instead of carrying them.
    """
    if not accept_store:
        _refuse_unsafe(before, now)
    back = moving_back(before, now)
    going = leaving(before, now)
    install: tuple[RunStep, ...] = ()
    if back or going:
        install = swap_steps(now, _install_previous(now.cache, back, going, lock_timeout_s))
    elif now.installed.audit:
        install = (configure_step(),)
    files: tuple[Step, ...] = restore_steps(before.files, now.files)
    if by_reference:
        files = copy_back_steps(before.files, now.files, now.cache.directory)
    marks = mark_steps(before.installed, now.installed, lost=back, hold=hold)
    start = start_steps() if install or _stale(before, now, configuration_changed=bool(files)) else ()
    # files come before packages: the packages' own scripts start the engine, which shall find its configuration
    steps: tuple[Step, ...] = (*install[:2], *files, *install[2:], *marks, *start)
    if wake and not start:
        steps = (*steps, *_wake_steps(before, now))
    return Draft(
        steps=steps,
        summary=_summary(before, now) if steps else "equal to its snapshot",
        services=services_of(now.engine.daemon) if steps else (),
    )


def moving_back(before: HostFacts, now: HostFacts) -> dict[str, str]:
    """Engine packages whose version is not the snapshot's, with the version to return to."""
    then = before.versions()
    return {name: version for name, version in then.items() if now.installed.version(name) != version}


def swap_steps(now: HostFacts, install: RunStep) -> tuple[RunStep, ...]:
    """Put older packages in place while the engine is down; its containers go on where live-restore is on."""
    root = now.engine.daemon.root_dir if now.engine.daemon is not None else ""
    configure = (configure_step(),) if now.installed.audit else ()
    return (stop_step(), _keep_networks_step(root, now.cache.directory), *configure, install)


def differences(before: HostFacts, now: HostFacts) -> tuple[str, ...]:
    """What is not as the snapshot says, one line each; () proves the way back.

    What others made in the meantime (a new container, a pulled image) is theirs and does not count; nor does the
    process of a container, which no undo can bring back.
    """
    lines = [*_package_differences(before, now), *differing(before.files, now.files)]
    if before.engine.daemon is None:
        return tuple(lines)
    lines += compare(before, now, processes=False).faults
    daemon = now.engine.daemon
    if daemon is None:
        return tuple(lines)
    was = before.engine.daemon
    if daemon.server_version != was.server_version:
        lines.append(f"the engine that runs is {daemon.server_version}, was {was.server_version}")
    if now.engine.replaced:
        lines.append("the engine that runs is not the one that is installed")
    lines += [f"image {image[:19]} is gone" for image in was.images if image not in daemon.images]
    lines += [f"volume {name} is gone" for name in was.volumes if name not in daemon.volumes]
    return tuple(lines)


def beyond_undo(before: HostFacts, now: HostFacts) -> tuple[str, ...]:
    """Those differences no step of ours makes or removes: other packages, and containers, images, volumes gone.

    A change that was proven left none of them, so where they stand before an undo begins, others made them since.
    """
    others = frozenset(other_differences(before, now, allowed=()))
    objects = ("container ", "image ", "volume ", "network ")
    return tuple(
        line
        for line in differences(before, now)
        if line in others or (line.startswith(objects) and line.endswith(" is gone"))
    )


def compared(before: HostFacts) -> tuple[str, ...]:
    """What the comparison with this snapshot covers, for people, one line each."""
    packages = before.versions()
    lines = [
        f"{len(packages)} engine packages: version, hold and mark",
        f"{len(before.installed.versions(without=ALL_NAMES))} other packages: version",
        f"{len(before.files)} configuration files: bytes and mode",
    ]
    daemon = before.engine.daemon
    if daemon is None:
        return tuple(lines)
    return (
        *lines,
        f"{len(daemon.containers)} containers: id, and that those that ran run",
        f"{len(daemon.images)} images: digest of each",
        f"{len(daemon.volumes)} volumes, {len(daemon.networks)} networks: present",
        f"the engine that runs: {daemon.server_version}",
    )


def leaving(before: HostFacts, now: HostFacts) -> tuple[str, ...]:
    """Packages the change brought, which the snapshot does not have, sorted."""
    brought = set(ALL_NAMES)
    if before.resolution.simulation is not None:
        brought |= set(before.resolution.simulation.added())
    return tuple(sorted(set(now.installed.present(brought)) - set(before.installed.present(brought))))


def _install_previous(
    cache: Cache, back: Mapping[str, str], going: tuple[str, ...], lock_timeout_s: int
) -> RunStep:
    missing = cache.missing(back)
    if missing:
        raise Refused(
            f"The package files of {', '.join(pinned(missing))} were not kept in {cache.directory}",
            code="E_ROLLBACK_UNAVAILABLE",
            hint="Put them there by hand (`apt-get download NAME=VERSION` where they still exist) and try again.",
        )
    files = [path for name, version in back.items() if (path := cache.path(name, version))]
    title = f"Install {', '.join(f'{name} {version}' for name, version in sorted(back.items())) or 'nothing'}"
    return RunStep(
        key="install-previous",
        title=title + (f"; remove {', '.join(going)}" if going else ""),
        argv=restore_argv(files, going, lock_timeout_s),
        env=APT_ENV,
        timeout_s=1800,
        replan=True,
    )


def configure_step() -> RunStep:
    """Finish what an interrupted package run left; what it cannot finish is replaced by the step after it."""
    return RunStep(
        key="configure",
        title="Finish what an interrupted package run left, if any",
        argv=("dpkg", "--configure", "-a", "--force-confdef", "--force-confold"),
        env=APT_ENV,
        ok_exit_codes=(0, 1),
        timeout_s=900,
    )


def _keep_networks_step(root: str, directory: str) -> RunStep:
    """Copy of the network database while the engine is down, for the case that the older engine cannot read it."""
    database = posixpath.join(root or "/var/lib/docker", "network/files/local-kv.db")
    return RunStep(
        key="keep-networks",
        title=f"Keep a copy of {database}",
        argv=("cp", "--archive", "--", database, posixpath.basename(database)),
        cwd=directory,
        undo=UndoClass.NONE,
        # an engine that never ran has no such file
        ok_exit_codes=(0, 1),
    )


def _wake_steps(before: HostFacts, now: HostFacts) -> tuple[RunStep, ...]:
    """Start again what ran before; one that cannot start is told by the comparison that follows."""
    return tuple(
        RunStep(
            key=f"wake:{container.id[:12]}",
            title=f"Start container {container.name} again",
            argv=("docker", "start", container.id),
            ok_exit_codes=(0, 1),
            timeout_s=120,
        )
        for container in stopped_since(before, now)
    )


def _stale(before: HostFacts, now: HostFacts, *, configuration_changed: bool) -> bool:
    """Whether the engine has to be started anew to be the one of the snapshot."""
    was, daemon = before.engine.daemon, now.engine.daemon
    if was is None:
        return False
    if daemon is None:
        return True
    return now.engine.replaced or daemon.server_version != was.server_version or configuration_changed


def _refuse_unsafe(before: HostFacts, now: HostFacts) -> None:
    was, daemon = before.engine.daemon, now.engine.daemon
    if was is None or daemon is None:
        return
    if was.containerd_store != daemon.containerd_store:
        raise Refused(
            f"The image store changed from {was.driver} to {daemon.driver} since the snapshot; "
            "images and containers of one are invisible to the other",
            code="E_ROLLBACK_UNSAFE",
            hint="Set features.containerd-snapshotter as it was, or go forward; a person has to decide.",
        )


def _package_differences(before: HostFacts, now: HostFacts) -> list[str]:
    lines = []
    if now.installed.audit:
        lines.append(f"dpkg complains: {now.installed.audit.splitlines()[0]}")
    names = set(before.members) | set(now.members)
    for name in sorted(names):
        old, new = before.installed.version(name), now.installed.version(name)
        if old != new:
            lines.append(f"package {name} is {new or 'absent'}, was {old or 'absent'}")
    lines += _mark_differences("on hold", before.installed.held(names), now.installed.held(names))
    present = now.installed.present(names)
    automatic = before.installed.auto(present), now.installed.auto(present)
    lines += _mark_differences("marked automatic", *automatic)
    lines += other_differences(before, now, allowed=())
    return lines


def other_differences(before: HostFacts, now: HostFacts, *, allowed: Iterable[str]) -> list[str]:
    """Packages outside the engine's families that are not as they were."""
    skip = {*ALL_NAMES, *allowed}
    old, new = before.installed.versions(without=skip), now.installed.versions(without=skip)
    return [
        f"package {name} is {new.get(name, 'absent')}, was {old.get(name, 'absent')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _mark_differences(word: str, old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    lines = [f"package {name} is no longer {word}" for name in old if name not in new]
    return lines + [f"package {name} is {word}, was not" for name in new if name not in old]


def _summary(before: HostFacts, now: HostFacts) -> str:
    running = now.engine.daemon.server_version if now.engine.daemon is not None else "down"
    to = before.engine.daemon.server_version if before.engine.daemon is not None else "its snapshot"
    return f"{upstream(running)} → {to}"
