"""Starts a real Docker Engine for tests: own data, own socket, own network namespace, no bridge."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


def missing() -> str:
    """Why an engine cannot be started here; "" when it can."""
    if os.geteuid() != 0:
        return "NO ENGINE TESTS: a Docker Engine of our own needs root"
    if shutil.which("dockerd") is None or shutil.which("unshare") is None:
        return "NO ENGINE TESTS: install docker.io and util-linux"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerd:
    """One running engine."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        """Where its API listens."""
        return self.folder / "docker.sock"

    @property
    def pid(self) -> int:
        """The daemon's own process."""
        return int((self.folder / "pid").read_text())

    def stop(self) -> None:
        """End the daemon and what it started, and remove its data."""
        try:
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
        except (OSError, ValueError):
            self.process.kill()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            place = line.split()[4]
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_dockerd(folder: Path) -> Dockerd:
    """An engine that answers when this returns.

    Its own network namespace and `--bridge=none` keep it from touching docker0 and iptables of any other
    engine on this machine.
    """
    (folder / "daemon.json").write_text("{}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--net", "dockerd", "--bridge=none", "--iptables=false", "--storage-driver=vfs"),
                *("--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/pid"),
                *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
                *("--config-file", f"{folder}/daemon.json"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    engine = Dockerd(folder=folder, process=process)
    give_up = time.monotonic() + 40
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.settimeout(5)
                probe.connect(str(engine.socket))
                probe.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
                if b"200" in probe.recv(64):
                    return engine
            except OSError:
                time.sleep(0.1)
    said = (folder / "log").read_text(errors="replace")[-2000:]
    engine.stop()
    raise RuntimeError(f"dockerd did not start: {said}")
