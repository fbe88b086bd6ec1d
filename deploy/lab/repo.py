"""Local apt repositories that offer newer engine releases, good and bad, made from the real package.

A host gets a flat repository as files and a ``file:`` source, so the release travels the same way as a real one:
``apt-get update``, a candidate, a transaction, maintainer scripts, a daemon that must start.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.lab.archive import File, directory
from deploy.lab.command import LabError, run
from deploy.lab.host import Host
from deploy.lab.image import BASE_SUITE
from deploy.lab.places import cache_dir, digest, locked

PACKAGE = "docker.io"
FOLDER = "opt/lab-repo"
#: hosts served at a time
WORKERS = 4
SOURCE = "etc/apt/sources.list.d/lab.list"
#: a key the lab's own release refuses; any key the older engine accepts can be chosen instead
REFUSED_KEY = "max-concurrent-uploads"


class Release(StrEnum):
    """A release of the engine and what is wrong with it."""

    GOOD = "good"  # nothing: the real engine with a higher version
    BROKEN = "broken"  # dockerd exits 1 at once
    NEVER_ANSWERS = "never-answers"  # the service is up, the socket accepts, nobody answers
    POSTINST_FAILS = "postinst-fails"  # dpkg is left with a half-configured package
    REFUSES_KEY = "refuses-key"  # dockerd exits 1 where daemon.json has REFUSED_KEY
    DROPS_LIVE_RESTORE = "drops-live-restore"  # starts, and kills the containers it should have kept


SCRIPTS = {
    Release.BROKEN: "#!/bin/sh\necho 'failed to start daemon: this release is broken' >&2\nexit 1\n",
    Release.NEVER_ANSWERS: "#!/bin/sh\nexec systemd-notify --ready --exec ';' sleep infinity\n",
    Release.REFUSES_KEY: f"""#!/bin/sh
if grep -qs '"{REFUSED_KEY}"' /etc/docker/daemon.json; then
    echo "unable to configure the Docker daemon with file /etc/docker/daemon.json: \\
the following directives don't match any configuration option: {REFUSED_KEY}" >&2
    exit 1
fi
exec /usr/sbin/dockerd.real "$@"
""",
    Release.DROPS_LIVE_RESTORE: """#!/bin/sh
sed 's/"live-restore": *true/"live-restore": false/' /etc/docker/daemon.json > /run/lab-daemon.json
exec /usr/sbin/dockerd.real --config-file /run/lab-daemon.json "$@"
""",
}
#: releases that still need the real daemon behind their script
WRAPPERS = frozenset({Release.REFUSES_KEY, Release.DROPS_LIVE_RESTORE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One built package file."""

    #: full Debian version
    version: str
    #: the file in the cache
    path: Path


def versions(host: Host, package: str = PACKAGE) -> dict[str, str]:
    """The archive's version of a package by suite, as the host's apt index has it."""
    rows = (line.split("|") for line in host.run("apt-cache", "madison", package).splitlines())
    found = {row[2].split()[1].split("/")[0]: row[1].strip() for row in rows if len(row) == 3}
    return {suite: version for suite, version in found.items() if not suite.startswith(".")}


def build(host: Host, release: Release) -> Package:
    """The release's package is in the cache; the host lends its apt to fetch the real one."""
    base = versions(host)[BASE_SUITE]
    script = SCRIPTS.get(release, "")
    name = f"{release}-{digest(base.encode(), script.encode(), Path(__file__).read_bytes())}.deb"
    package = Package(version=f"{base}+{release.replace('-', '.')}1", path=cache_dir() / "repo" / name)
    with locked("repo"):
        if not package.path.exists():
            package.path.parent.mkdir(exist_ok=True)
            for outdated in package.path.parent.glob(f"{release}-????????????.deb"):
                outdated.unlink()
            _rebuild(_original(host, base), release, package)
    return package


def offer(hosts: Sequence[Host], release: Release) -> str:
    """The hosts' apt offers the release (their index included); the answer is its version."""
    if not hosts:
        raise LabError("no host to offer a release to")
    package = build(hosts[0], release)
    data = package.path.read_bytes()
    file = f"{PACKAGE}_{package.version}_amd64.deb"
    files = {
        f"{FOLDER}/": directory(),
        f"{FOLDER}/{file}": File(data=data),
        f"{FOLDER}/Packages": File(data=_index(package.path, file, data)),
        SOURCE: File(data=f"deb [trusted=yes] file:/{FOLDER} ./\n".encode()),
    }

    def give(host: Host) -> None:
        withdraw(host, refresh=False)
        host.put(files)
        _refresh(host)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(give, hosts))
    return package.version


def withdraw(host: Host, *, refresh: bool = True) -> None:
    """The host's apt knows only the Debian archive again."""
    host.run("rm", "-rf", f"/{FOLDER}", f"/{SOURCE}")
    if refresh:
        _refresh(host)


def _refresh(host: Host) -> None:
    """Only the lab's own source is read again, so this needs no network."""
    only = ("-o", f"Dir::Etc::SourceList=/{SOURCE}", "-o", "Dir::Etc::SourceParts=/dev/null")
    host.run("apt-get", "update", *only, "-o", "APT::Get::List-Cleanup=0")


def _original(host: Host, version: str) -> Path:
    """The archive's own package file, in the cache."""
    wanted = cache_dir() / "repo" / f"original-{digest(version.encode())}.deb"
    if not wanted.exists():
        folder = "/var/tmp/lab-download"  # noqa: S108 - inside the lab host, root's alone
        host.run("rm", "-rf", folder)
        host.run("install", "-d", "-m", "0700", folder)
        host.run("env", "-C", folder, "apt-get", "download", f"{PACKAGE}={version}", timeout_s=300)
        file = host.run("find", folder, "-name", "*.deb").strip()
        partial = wanted.with_suffix(".part")
        host.engine.docker("cp", f"{host.container}:{file}", str(partial))
        partial.rename(wanted)
        host.run("rm", "-rf", folder)
    return wanted


def _rebuild(original: Path, release: Release, package: Package) -> None:
    with tempfile.TemporaryDirectory(prefix="dockwave-repo-", dir=package.path.parent) as scratch:
        tree = Path(scratch) / "tree"
        run(["dpkg-deb", "--raw-extract", str(original), str(tree)])
        control = tree / "DEBIAN" / "control"
        lines = control.read_text().splitlines()
        lines = [f"Version: {package.version}" if line.startswith("Version:") else line for line in lines]
        control.write_text("\n".join(lines) + "\n")
        if release is Release.POSTINST_FAILS:
            postinst = tree / "DEBIAN" / "postinst"
            postinst.write_text("#!/bin/sh\necho 'lab: this maintainer script fails' >&2\nexit 1\n")
        if script := SCRIPTS.get(release):
            daemon = tree / "usr" / "sbin" / "dockerd"
            if release in WRAPPERS:
                shutil.move(daemon, daemon.with_name("dockerd.real"))
            daemon.write_text(script)
            daemon.chmod(0o755)
        partial = package.path.with_suffix(".part")
        pack = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(partial)]
        run(pack, timeout_s=300)
        partial.rename(package.path)


def _index(path: Path, file: str, data: bytes) -> bytes:
    """The Packages file of a flat repository with one package."""
    control = run(["dpkg-deb", "--field", str(path)]).rstrip()
    checksum = hashlib.sha256(data).hexdigest()
    return f"{control}\nFilename: ./{file}\nSize: {len(data)}\nSHA256: {checksum}\n\n".encode()
