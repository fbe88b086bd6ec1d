"""Small real file systems on loop devices: the only way to fill an engine's disk without filling the machine's."""

from pathlib import Path

from deploy.lab.command import LabError, attempt, run

SMALLEST_MIB = 64


def volume_options(state: Path, name: str, size_mib: int | None) -> list[str]:
    """Flags for ``docker volume create``; none when the host needs no small disk."""
    if size_mib is None:
        return []
    if size_mib < SMALLEST_MIB:
        raise LabError(
            f"a data root of {size_mib} MiB is too small for an engine; ask for {SMALLEST_MIB} or more"
        )
    disk = _disk(state, name)
    disk.parent.mkdir(mode=0o700, exist_ok=True)
    with disk.open("wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    # no reserved blocks: "full" then means the same to root as to anyone
    run(["mkfs.ext4", "-q", "-m", "0", "-F", str(disk)])
    device = run(["losetup", "--find", "--show", str(disk)]).strip()
    return ["--opt=type=ext4", f"--opt=device={device}"]


def release(state: Path, name: str) -> None:
    """The host's small disk, if it had one, is gone with its loop device."""
    disk = _disk(state, name)
    if not disk.exists():
        return
    done = attempt(["losetup", "--noheadings", "--output", "NAME", "--associated", str(disk)])
    for device in done.out.split():
        run(["losetup", "--detach", device])
    disk.unlink()


def release_all(state: Path) -> None:
    """No small disk of the fleet is left."""
    for disk in (state / "disks").glob("*.ext4"):
        release(state, disk.stem)


def _disk(state: Path, name: str) -> Path:
    return state / "disks" / f"{name}.ext4"
