"""Starts real OpenSSH servers on loopback for tests: own keys, own configuration, a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.model import Host, SshHop, Transport

SSHD = "/usr/sbin/sshd"


def missing() -> str:
    """Why a loopback sshd cannot be started here; "" when it can."""
    if os.geteuid() != 0:
        return "NO SSH TESTS: a loopback sshd for several users needs root"
    if not Path(SSHD).exists() or shutil.which("ssh-keygen") is None:
        return "NO SSH TESTS: install openssh-server and openssh-client"
    return ""


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair at `path` and `path`.pub."""
    size = ["-b", "2048"] if kind == "rsa" else []
    argv = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """One running server and the files a client needs for it."""

    #: holds keys, configuration and log
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    address: str = "127.0.0.1"

    @property
    def identity(self) -> Path:
        """A private key the server lets in as any user."""
        return self.folder / "client"

    @property
    def known_hosts(self) -> Path:
        """A file that knows the server."""
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        """What the server said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def hop(self, user: str = "root") -> SshHop:
        """How to reach it."""
        return SshHop(
            address=self.address,
            port=self.port,
            user=user,
            identity=str(self.identity),
            known_hosts=str(self.known_hosts),
        )

    def host(self, name: str = "web-1", *, user: str = "root", **fields: object) -> Host:
        """A host of an inventory that is this server."""
        return Host(name=name, transport=Transport.SSH, ssh=self.hop(user), **fields)  # type: ignore[arg-type]  # test fields

    def sessions(self) -> list[int]:
        """Process ids of the servers of open connections."""
        return _children(self.process.pid)

    def kill_sessions(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to every server of an open connection, and to its helpers."""
        for pid in self.sessions():
            for target in (pid, *_children(pid)):
                try:
                    os.kill(target, number)
                except ProcessLookupError:
                    continue  # it ended between being listed and now

    def stop(self) -> None:
        """End the server and every open connection."""
        self.kill_sessions(signal.SIGCONT)
        self.kill_sessions()
        self.process.kill()
        self.process.wait(10)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def start_sshd(folder: Path, options: Mapping[str, str] | None = None, *, host_key: str = "ed25519") -> Sshd:
    """A server that answers when this returns; `options` go into its configuration and win over ours."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)  # sshd reads authorized_keys as the user who logs in
    port = free_port()
    if not (folder / "client").exists():
        make_key(folder / "client")
    if not (folder / "host").exists():
        make_key(folder / "host", kind=host_key)
    authorized = folder / "authorized_keys"
    shutil.copy(folder / "client.pub", authorized)
    authorized.chmod(0o644)
    public = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": str(port),
        "HostKey": str(folder / "host"),
        "AuthorizedKeysFile": str(authorized),
        "PidFile": "none",
        "PermitRootLogin": "prohibit-password",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UsePAM": "no",
        "StrictModes": "no",
        "MaxStartups": "100:30:200",
        "LogLevel": "VERBOSE",
        # the login shell reads ~/.bashrc for every command: the developer's own has no place in a test
        "SetEnv": f"HOME={folder}",
    } | dict(options or {})
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    process = subprocess.Popen(
        [SSHD, "-D", "-f", str(config), "-E", str(folder / "log")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Sshd(folder=folder, port=port, process=process)
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as probe:
                if probe.recv(4).startswith(b"SSH-"):
                    return server
        except OSError:
            time.sleep(0.02)
    process.kill()
    process.wait(10)
    raise RuntimeError(f"sshd did not start: {server.log}")
