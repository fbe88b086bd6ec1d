"""Real servers for the connection tests, started once: three sshd, one Docker Engine, two users."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.model import Host, Transport
from tests.support import dockerd, sshd
from tests.support.dockerd import Dockerd
from tests.support.sshd import Sshd
from workers.connections.local import LocalConnection
from workers.connections.settings import SshSettings
from workers.connections.ssh import SshConnection

#: short enough that a test of a silent peer ends, long enough for a busy machine
QUICK = SshSettings(connect_s=15.0, channel_s=5.0, keepalive_s=1.0, dead_after_s=4.0)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder the servers' users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="dockwave-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _server(folder: Path, name: str, options: dict[str, str] | None = None) -> Iterator[Sshd]:
    if why := sshd.missing():
        pytest.skip(why)
    place = folder / name
    place.mkdir()
    server = sshd.start_sshd(place, options)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[Sshd]:
    """An ordinary sshd."""
    yield from _server(server_folder, "ordinary")


@pytest.fixture(scope="session")
def jump(server_folder: Path) -> Iterator[Sshd]:
    """An sshd to go through."""
    yield from _server(server_folder, "jump")


@pytest.fixture(scope="session")
def strict_server(server_folder: Path) -> Iterator[Sshd]:
    """An sshd that forbids channels to Unix sockets."""
    yield from _server(server_folder, "strict", {"AllowStreamLocalForwarding": "no"})


@pytest.fixture
def own_server(server_folder: Path) -> Iterator[Sshd]:
    """An sshd that the test may break."""
    yield from _server(server_folder, f"own-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def engine(server_folder: Path) -> Iterator[Dockerd]:
    """A Docker Engine of our own."""
    if why := dockerd.missing():
        pytest.skip(why)
    place = server_folder / "engine"
    place.mkdir()
    running = dockerd.start_dockerd(place)
    yield running
    running.stop()


def _user(*, may_sudo: bool) -> Iterator[str]:
    if why := sshd.missing():
        pytest.skip(why)
    if shutil.which("sudo") is None:
        pytest.skip("NO SUDO TESTS: install sudo")
    name = f"dwtest{secrets.token_hex(3)}"
    subprocess.run(
        ["useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/bash", "-p", "*", name],
        check=True,
    )
    rule = Path("/etc/sudoers.d") / name
    if may_sudo:
        rule.write_text(f"{name} ALL=(ALL) NOPASSWD: ALL\n")
        rule.chmod(0o440)
    yield name
    rule.unlink(missing_ok=True)
    subprocess.run(["userdel", "--force", name], check=False, capture_output=True)


@pytest.fixture(scope="session")
def admin() -> Iterator[str]:
    """A user who may do everything through sudo."""
    yield from _user(may_sudo=True)


@pytest.fixture(scope="session")
def nobody_special() -> Iterator[str]:
    """A user whom sudo asks for a password."""
    yield from _user(may_sudo=False)


SSH_KINDS = ("ssh", "ssh through a jump host", "ssh with sudo")
KINDS = ("local", *(pytest.param(kind, marks=pytest.mark.services) for kind in SSH_KINDS))
ENGINE_KINDS = tuple(
    pytest.param(kind, marks=pytest.mark.services)
    for kind in ("local", *SSH_KINDS, "ssh without streamlocal")
)


def make_host(kind: str, request: pytest.FixtureRequest, socket: str = "/var/run/docker.sock") -> Host:
    """The host record of one kind of connection; the servers it needs are started."""
    if kind == "local":
        return Host(name="agent-1", transport=Transport.LOCAL, socket=socket)
    if kind == "ssh without streamlocal":
        strict: Sshd = request.getfixturevalue("strict_server")
        return strict.host(socket=socket)
    target: Sshd = request.getfixturevalue("server")
    if kind == "ssh through a jump host":
        middle: Sshd = request.getfixturevalue("jump")
        return target.host(socket=socket, jumps=(middle.hop(),))
    if kind == "ssh with sudo":
        return target.host(socket=socket, user=request.getfixturevalue("admin"), sudo=True)
    return target.host(socket=socket)


def connect(host: Host, settings: SshSettings = QUICK) -> LocalConnection | SshConnection:
    """A connection of the host's kind."""
    return (
        LocalConnection(host) if host.transport is Transport.LOCAL else SshConnection(host, settings=settings)
    )


@pytest.fixture
def connection(kind: str, request: pytest.FixtureRequest) -> Iterator[LocalConnection | SshConnection]:
    """A connection of the kind a test is parametrised with."""
    opened = connect(make_host(kind, request))
    yield opened
    opened.close()
