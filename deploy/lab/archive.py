"""Files as tar archives in memory: how the lab puts things into images and hosts."""

import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One regular file to be."""

    #: its bytes
    data: bytes
    #: permission bits
    mode: int = 0o644
    #: owner and group id
    owner: int = 0


def tar(files: Mapping[str, File]) -> bytes:
    """A tar archive with these files by path, and no entry for their directories.

    Directories come first only where the caller names them (a path ending in ``/``), so an existing directory keeps
    its owner and mode.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, file in files.items():
            entry = tarfile.TarInfo(path.strip("/"))
            entry.mode, entry.uid, entry.gid = file.mode, file.owner, file.owner
            entry.mtime = int(time.time())
            if path.endswith("/"):
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = len(file.data)
                archive.addfile(entry, io.BytesIO(file.data))
    return out.getvalue()


def directory(*, mode: int = 0o755, owner: int = 0) -> File:
    """A directory entry; its path in :func:`tar` must end in ``/``."""
    return File(data=b"", mode=mode, owner=owner)
