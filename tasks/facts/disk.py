"""File systems under the engine's data, in bytes and inodes, counted the way `df` counts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable

from pydantic import Field

from tasks.connection import Command, Connection
from tasks.record import Record

#: where containerd keeps its content unless its configuration says otherwise
CONTAINERD_ROOT = "/var/lib/containerd"
#: where journald keeps logs across reboots
JOURNAL_ROOT = "/var/log/journal"

_COLUMNS = "fstype,size,used,avail,itotal,iused,iavail,target"


class FileSystem(Record):
    """One mounted file system and how full it is."""

    #: where it is mounted
    mount: str
    #: ext4, xfs, overlay…
    kind: str
    size_bytes: int = Field(ge=0)
    used_bytes: int = Field(ge=0)
    #: what an ordinary user may still write; root's reserve is not in it
    avail_bytes: int = Field(ge=0)
    #: None where the file system does not count inodes (btrfs)
    inodes_used: int | None = None
    inodes_avail: int | None = None
    #: device number: two mounts of one device are one file system
    device: int | None = None
    #: which of the engine's directories live here
    holds: tuple[str, ...] = ()

    @property
    def used_pct(self) -> float:
        """Used share of what users can have, so that blocks reserved for root do not hide a full disk."""
        return _share(self.used_bytes, self.avail_bytes)

    @property
    def inodes_used_pct(self) -> float | None:
        """Used share of the inodes; None where they are not counted."""
        if self.inodes_used is None or self.inodes_avail is None:
            return None
        if self.inodes_used + self.inodes_avail == 0:
            return None
        return _share(self.inodes_used, self.inodes_avail)

    @property
    def worst_pct(self) -> float:
        """The larger of the two shares: a disk without inodes is as full as one without bytes."""
        return max(self.used_pct, self.inodes_used_pct or 0.0)


def _share(used: int, avail: int) -> float:
    return round(100.0 * used / (used + avail), 2) if used + avail else 100.0


def parse_df(text: str, holds: str) -> FileSystem | None:
    """The file system of one `df --output` answer; None when the answer has another shape."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 2:
        return None
    # the mount point comes last because it alone may contain spaces
    fields = lines[1].split(None, 7)
    if len(fields) != len(_COLUMNS.split(",")):
        return None
    size, used, avail, _, inodes_used, inodes_avail = (_number(field) for field in fields[1:7])
    if size is None or used is None or avail is None:
        return None
    return FileSystem(
        mount=fields[7],
        kind=fields[0],
        size_bytes=size,
        used_bytes=used,
        avail_bytes=avail,
        inodes_used=inodes_used,
        inodes_avail=inodes_avail,
        holds=(holds,),
    )


def _number(field: str) -> int | None:
    return int(field) if field.isascii() and field.isdigit() else None


def read_file_system(host: Connection, path: str, timeout_s: float = 20.0) -> FileSystem | None:
    """The file system `path` lives on; None when the host does not have the path."""
    argv = ("df", "--block-size=1", f"--output={_COLUMNS}", "--", path)
    result = host.run(Command(argv=argv, timeout_s=timeout_s))
    found = parse_df(result.stdout.text, path) if result.ok else None
    if found is None:
        return None
    device = host.run(Command(argv=("stat", "--format=%d", "--", path), timeout_s=timeout_s))
    return found.model_copy(update={"device": _number(device.stdout.text.strip())})


def read_file_systems(
    host: Connection, paths: Iterable[str], timeout_s: float = 20.0
) -> tuple[FileSystem, ...]:
    """The distinct file systems of these paths; a path the host does not have is left out."""
    distinct: dict[int | str, FileSystem] = {}
    for path in dict.fromkeys(paths):
        found = read_file_system(host, path, timeout_s)
        if found is None:
            continue
        identity = found.mount if found.device is None else found.device
        known = distinct.get(identity, found)
        holds = tuple(dict.fromkeys((*known.holds, path)))
        distinct[identity] = known.model_copy(update={"holds": holds})
    return tuple(distinct.values())


def read_containerd_root(host: Connection, timeout_s: float = 20.0) -> str:
    """The directory containerd keeps content in, as its effective configuration says.

    `containerd config dump` only reads files; it speaks to no daemon.
    """
    result = host.run(Command(argv=("containerd", "config", "dump"), timeout_s=timeout_s))
    return parse_containerd_root(result.stdout.text) if result.ok else CONTAINERD_ROOT


def parse_containerd_root(text: str) -> str:
    """The `root` of a containerd configuration; its default when the text does not say."""
    try:
        root = tomllib.loads(text).get("root")
    except tomllib.TOMLDecodeError:
        return CONTAINERD_ROOT
    return root if isinstance(root, str) and root.startswith("/") else CONTAINERD_ROOT
