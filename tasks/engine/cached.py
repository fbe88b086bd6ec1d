"""The package files of the versions in use, kept on the host before anything changes: what makes an undo possible."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from tasks.connection import Command, Connection
from tasks.engine.transaction import download_argv, pinned
from tasks.model import UndoClass
from tasks.procedure import RunStep
from tasks.record import Record

CACHE_KEY = "cache"


class CachedDeb(Record):
    """One package file in a snapshot directory."""

    file: str
    package: str
    version: str
    sha256: str


class Cache(Record):
    """Every package file in one snapshot directory."""

    directory: str
    files: tuple[CachedDeb, ...] = ()

    def path(self, name: str, version: str) -> str | None:
        """Where the file of exactly this version lies; None when it is not kept."""
        for file in self.files:
            if (file.package, file.version) == (name, version):
                return posixpath.join(self.directory, file.file)
        return None

    def missing(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Those of the versions that are not kept."""
        return {name: version for name, version in versions.items() if self.path(name, version) is None}


def read_cache(host: Connection, directory: str) -> Cache:
    """Read which package files a snapshot directory holds; each is opened, so a torn download does not count."""
    argv = ("find", directory, "-maxdepth", "1", "-type", "f", "-name", "*.deb", "-printf", "%f\\0")
    names = sorted(
        name for name in host.run(Command(argv=argv, timeout_s=30)).stdout.text.split("\0") if name
    )
    found = (_read(host, directory, name) for name in names if "\n" not in name)
    return Cache(directory=directory, files=tuple(deb for deb in found if deb is not None))


def cache_step(versions: Mapping[str, str], directory: str) -> RunStep:
    """Fetch the package files of these versions into the snapshot directory."""
    return RunStep(
        key=CACHE_KEY,
        title=f"Keep the package files of {', '.join(pinned(versions))}",
        argv=download_argv(versions),
        cwd=directory,
        undo=UndoClass.NONE,
        timeout_s=900,
        replan=True,
    )


def _read(host: Connection, directory: str, name: str) -> CachedDeb | None:
    path = posixpath.join(directory, name)
    fields = ("dpkg-deb", "--show", "--showformat=${Package}\\t${Version}", path)
    shown = host.run(Command(argv=fields, timeout_s=60))
    summed = host.run(Command(argv=("sha256sum", "--", path), timeout_s=120))
    package, _, version = shown.stdout.text.partition("\t")
    if not shown.ok or not summed.ok or not version:
        return None
    digest = summed.stdout.text.split(" ")[0].lstrip("\\")
    return CachedDeb(file=name, package=package, version=version.strip(), sha256=digest)
