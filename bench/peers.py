"""What Dockwave is compared with: bare paramiko with TCP_NODELAY and threads, and OpenSSH through ControlMaster."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN

from bench.loopback import Loopback


class BarePool:
    """One warm transport per host with TCP_NODELAY, and one kept channel to the host's engine socket."""

    def __init__(self, lab: Loopback) -> None:
        """Connect to every host."""
        self.lab = lab
        self.key = paramiko.Ed25519Key.from_private_key_file(str(lab.folder / "client"))
        self.known = paramiko.HostKeys(str(lab.folder / "known_hosts"))
        with ThreadPoolExecutor(16) as threads:
            self.clients = dict(zip(lab.addresses, threads.map(self._connect, lab.addresses), strict=True))
        self.engines: dict[str, http.client.HTTPConnection] = {}

    def _connect(self, address: str) -> paramiko.Transport:
        sock = socket.create_connection((address, self.lab.port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(sock)
        transport.start_client(timeout=30)
        transport.auth_publickey("root", self.key)
        return transport

    def command(self, address: str, line: str) -> bytes:
        """Run one command on the warm connection."""
        channel = self.clients[address].open_session(timeout=30)
        channel.exec_command(line)
        out = channel.makefile("rb").read()
        channel.recv_exit_status()
        channel.close()
        return bytes(out)

    def read_all(self) -> None:
        """One command and two API reads on every host, 50 threads."""
        with ThreadPoolExecutor(50) as threads:
            list(threads.map(self._read, self.lab.addresses))

    def _read(self, address: str) -> None:
        self.command(address, "cat /etc/machine-id")
        engine = self.engines.get(address) or self.engines.setdefault(address, self._engine(address))
        for path in ("/version", "/info"):
            engine.request("GET", path, headers={"Host": "docker"})
            json.loads(engine.getresponse().read())

    def _engine(self, address: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("docker")
        connection.sock = open_streamlocal(self.clients[address], self.lab.socket)
        return connection

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients.values():
            client.close()


def open_streamlocal(plain: paramiko.Transport, path: str) -> Any:
    """Open a channel to a Unix socket on the host; paramiko has no public call for this channel type."""
    transport: Any = plain
    number = transport._next_channel()
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_OPEN)
    message.add_string("direct-streamlocal@openssh.com")
    for value in (number, 1 << 21, 1 << 15):
        message.add_int(value)
    message.add_string(path)
    message.add_string("")
    message.add_int(0)
    channel: Any = paramiko.Channel(number)
    transport._channels.put(number, channel)
    opened = threading.Event()
    transport.channel_events[number] = opened
    transport.channels_seen[number] = True
    channel._set_transport(transport)
    channel._set_window(1 << 21, 1 << 15)
    transport._send_user_message(message)
    if not opened.wait(30):
        raise TimeoutError(path)
    return channel


class ControlMaster:
    """OpenSSH with a warm master per host."""

    def __init__(self, lab: Loopback, address: str) -> None:
        """Open the master."""
        self.base = [
            "ssh",
            "-F",
            "none",
            "-p",
            str(lab.port),
            "-i",
            str(lab.folder / "client"),
            "-o",
            "BatchMode=yes",
        ]
        self.base += ["-o", f"UserKnownHostsFile={lab.folder / 'known_hosts'}", "-o", "ControlMaster=auto"]
        self.base += [
            "-o",
            f"ControlPath={lab.folder / 'cm-%h'}",
            "-o",
            "ControlPersist=60",
            f"root@{address}",
        ]
        self.run("true")

    def run(self, line: str) -> None:
        """Run one command."""
        subprocess.run([*self.base, line], check=True, capture_output=True)

    def close(self) -> None:
        """End the master."""
        subprocess.run([*self.base[:-1], "-O", "exit", self.base[-1]], check=False, capture_output=True)
