"""Throw-away SSH hosts on loopback: addresses of 127.0.1.0/24 served by a few sshd processes with their own keys."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tasks.model import Host, SshHop, Transport
from tests.support.sshd import SSHD, free_port, make_key

#: OpenSSH takes this many ListenAddress lines
PER_SERVER = 16


@dataclass(slots=True, kw_only=True)
class Loopback:
    """Hosts on loopback, all this machine."""

    folder: Path
    count: int
    #: socket of the Docker Engine the hosts pretend to own
    socket: str
    port: int = field(default_factory=free_port)
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """Address of each host."""
        return [f"127.0.1.{number}" for number in range(1, self.count + 1)]

    def host(self, address: str) -> Host:
        """The host at an address, as the inventory would have it."""
        hop = SshHop(
            address=address,
            port=self.port,
            identity=str(self.folder / "client"),
            known_hosts=str(self.folder / "known_hosts"),
        )
        return Host(
            name=f"h-{address.replace('.', '-')}", transport=Transport.SSH, ssh=hop, socket=self.socket
        )

    def start(self) -> None:
        """Start the servers and wait until each address answers."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in ("client", "server"):
            make_key(self.folder / name)
        shutil.copy(self.folder / "client.pub", self.folder / "authorized_keys")
        public = " ".join((self.folder / "server.pub").read_text().split()[:2])
        lines = (f"[{address}]:{self.port} {public}\n" for address in self.addresses)
        (self.folder / "known_hosts").write_text("".join(lines))
        for start in range(0, self.count, PER_SERVER):
            config = self.folder / f"sshd-{start}.conf"
            config.write_text(self._config(self.addresses[start : start + PER_SERVER]))
            self.servers.append(
                subprocess.Popen([SSHD, "-D", "-f", str(config), "-E", str(self.folder / "log")])
            )
        time.sleep(0.5)

    def stop(self) -> None:
        """Stop what was started."""
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            server.wait(10)

    def _config(self, addresses: list[str]) -> str:
        lines = [f"Port {self.port}", *(f"ListenAddress {address}" for address in addresses)]
        lines += [
            f"HostKey {self.folder / 'server'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
        ]
        lines += ["PidFile none", "UsePAM no", "StrictModes no", "PermitRootLogin prohibit-password"]
        lines += [
            "PasswordAuthentication no",
            "MaxStartups 500",
            "MaxSessions 500",
            "UseDNS no",
            "LogLevel ERROR",
        ]
        # the login shell reads ~/.bashrc for every command: a heavy one would be measured instead of SSH
        lines += ["AllowStreamLocalForwarding yes", f"SetEnv HOME={self.folder}", ""]
        return "\n".join(lines)
