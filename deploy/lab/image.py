"""The host image: Debian trixie with systemd, sshd and bookworm's older Docker Engine.

Built by mmdebstrap from the Debian archive this machine itself uses, kept as a tarball under a hash of its recipe and
imported into the outer engine; no image registry is involved. Nothing secret and nothing host-specific is inside.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.lab.archive import File, tar
from deploy.lab.command import LabError, run
from deploy.lab.outer import Engine
from deploy.lab.places import LABEL, cache_dir, digest, locked

BASE_SUITE, OLDER_SUITE = "trixie", "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BUILD_TIMEOUT_S = 900
ROOTFS = Path(__file__).parent / "rootfs"
#: everything a host has; the engine set comes from the older suite, so that there is something to upgrade
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iptables", "iproute2", "ca-certificates"),
    *("procps", "util-linux", "rsync", "python3", "python3-venv"),
    *(f"{name}/{OLDER_SUITE}" for name in ("docker.io", "containerd", "runc")),
)
#: documentation costs a third of the image and no test reads it
DPKG_OPTIONS = (
    "force-unsafe-io",
    *(f"path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info", "bash-completion")),
)
#: units that would touch the machine's devices, take the dpkg lock behind a test's back, or only cost boot time
MASKED = (
    *("systemd-modules-load.service", "systemd-udevd.service", "systemd-udev-trigger.service"),
    *(
        "systemd-udevd-control.socket",
        "systemd-udevd-kernel.socket",
        "getty@.service",
        "console-getty.service",
    ),
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "fstrim.timer",
    ),
    *(
        "systemd-networkd-wait-online.service",
        "systemd-firstboot.service",
        "dev-hugepages.mount",
        "proc-sys-fs-binfmt_misc.automount",
    ),
)
#: shell fragments run by mmdebstrap with the new root as $1; constants only
CUSTOMIZE = (
    'chroot "$1" useradd --create-home --shell /bin/bash --uid 1000 ops',
    'chroot "$1" systemctl enable lab-cgroups.service',
    f'chroot "$1" systemctl mask {" ".join(MASKED)}',
    'chroot "$1" systemctl set-default multi-user.target',
    'rm -f "$1"/etc/ssh/ssh_host_*',
    'chroot "$1" apt-get clean',
    'chroot "$1" apt-cache gencaches',  # apt's own index: every later apt call is a second faster
)
CARRIED_OVER = re.compile(r'^Acquire::(?:Check-Valid-Until|Check-Date|ForceIPv4|https?::[\w:.-]+) "[^"]+";$')


def ensure(engine: Engine) -> str:
    """The host image is in the outer engine; the answer is its tag."""
    tag = f"dockwave-lab:{recipe_hash()}"
    with locked("image"):
        if engine.docker("image", "ls", "--quiet", tag).strip():
            return tag
        tarball = build()
        changes = ['CMD ["/sbin/init"]', "ENV container=docker", f"LABEL {LABEL}.image=host"]
        flags = [word for change in changes for word in ("--change", change)]
        engine.docker("import", *flags, str(tarball), tag, timeout_s=300)
        _forget_others(engine, tag)
    return tag


def _forget_others(engine: Engine, tag: str) -> None:
    """Images of older recipes leave, except those a fleet still uses."""
    for other in engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "dockwave-lab").split():
        if other != tag:
            engine.try_docker("rmi", other)


def build() -> Path:
    """The image's tarball is in the cache; older recipes' tarballs are gone."""
    wanted = cache_dir() / f"host-{recipe_hash()}.tar"
    if wanted.exists():
        return wanted
    for outdated in cache_dir().glob("host-*.tar*"):
        outdated.unlink()
    partial = wanted.with_suffix(".tar.part")
    with tempfile.TemporaryDirectory(prefix="dockwave-image-") as scratch:
        seed = Path(scratch) / "seed.tar"
        seed.write_bytes(tar({**_rootfs(), **_certificates()}))
        sources = Path(scratch) / "sources.list"
        sources.write_text(_sources())
        environment = {"TMPDIR": str(cache_dir())}
        run(_mmdebstrap(partial, sources, seed), timeout_s=BUILD_TIMEOUT_S, environment=environment)
    partial.rename(wanted)
    return wanted


def recipe_hash() -> str:
    """A short name that changes whenever the image would."""
    recipe = (BASE_SUITE, PACKAGES, DPKG_OPTIONS, MASKED, CUSTOMIZE, _sources(), _apt_options())
    parts = [repr(recipe).encode()]
    for path, file in sorted({**_rootfs(), **_certificates()}.items()):
        parts += [path.encode(), file.data]
    return digest(*parts)


def archive_uri() -> str:
    """The Debian archive this machine installs its own packages from."""
    template = "$(COMPONENT) $(RELEASE) $(REPO_URI)"
    lines = run(
        ["apt-get", "indextargets", "--no-release-info", "--format", template, "Created-By: Packages"]
    ).splitlines()
    for component, release, uri in (line.split(" ", 2) for line in lines):
        if component == "main" and release in {BASE_SUITE, OLDER_SUITE, "stable", "testing", "sid"}:
            return uri.rstrip("/")
    text = "this machine's apt sources name no Debian archive; the lab builds its hosts from one"
    raise LabError(text)


def _mmdebstrap(output: Path, sources: Path, seed: Path) -> list[str]:
    argv = ["mmdebstrap", "--variant=apt", "--format=tar", f"--include={','.join(PACKAGES)}"]
    argv += [f"--aptopt={option}" for option in _apt_options()]
    argv += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    argv += ["--skip=cleanup/apt/lists,cleanup/apt/cache", f"--setup-hook=tar-in {seed} /"]
    argv += [f"--customize-hook={hook}" for hook in CUSTOMIZE]
    return [*argv, BASE_SUITE, str(output), str(sources)]


def _sources() -> str:
    uri = archive_uri()
    return "".join(f"deb [signed-by={KEYRING}] {uri} {suite} main\n" for suite in (BASE_SUITE, OLDER_SUITE))


def _apt_options() -> list[str]:
    """How this machine's apt reaches its archive (proxies, clocks), for the hosts to do the same."""
    dump = run(["apt-config", "dump"]).splitlines()
    return [line.removesuffix(";") for line in dump if CARRIED_OVER.match(line)]


def _rootfs() -> dict[str, File]:
    def files() -> Iterator[tuple[str, File]]:
        for path in sorted(ROOTFS.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(ROOTFS))
                mode = 0o755 if "/sbin/" in name else 0o440 if "sudoers" in name else 0o644
                yield name, File(data=path.read_bytes(), mode=mode)

    return dict(files())


def _certificates() -> dict[str, File]:
    """The certificate authorities this machine's administrator added, for proxies that end TLS."""
    local = Path("/usr/local/share/ca-certificates")
    found = sorted(local.glob("*.crt")) if local.is_dir() else []
    return {f"usr/local/share/ca-certificates/{path.name}": File(data=path.read_bytes()) for path in found}
