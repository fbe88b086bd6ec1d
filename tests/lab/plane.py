"""A control plane for one test: `dockwave up` with its own data directory and ports, driven by the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

DOCKWAVE = Path(sys.executable).with_name("dockwave")
#: campaign states that go no further
FINAL = {
    "COMPLETE",
    "COMPLETE_WITH_EXCEPTIONS",
    "INCOMPLETE",
    "HALTED",
    "ABORTED",
    "ROLLED_BACK",
    "ROLLBACK_INCOMPLETE",
    "VOID",
}
#: what the tests ask of a campaign while nobody tells them
NOTHING_KNOWN: dict[str, Any] = {"state": "?", "waves": (), "stops": (), "brakes": (), "closed_gates": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command printed and how it exited."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


@dataclass(slots=True, kw_only=True)
class Plane:
    """One control plane and the inventory it is asked about."""

    data: Path
    inventory: Path
    port_base: int
    listen: str = ""
    options: Sequence[str] = field(default_factory=tuple)

    def run(self, *argv: str, timeout_s: float = 300, stdin: str | None = None, by: str = "root") -> Said:
        """Run `dockwave ARGV` against this control plane, without a terminal, under this login name."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKWAVE_")}
        environ |= {
            "DOCKWAVE_DATA_DIR": str(self.data),
            "DOCKWAVE_PORT_BASE": str(self.port_base),
            "COLUMNS": "200",
            "LOGNAME": by,
        }
        done = subprocess.run(
            [str(DOCKWAVE), *argv],
            env=environ,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def ok(self, *argv: str, codes: Sequence[int] = (0,), timeout_s: float = 300, by: str = "root") -> Said:
        """Run and insist on the exit code."""
        said = self.run(*argv, timeout_s=timeout_s, by=by)
        assert said.code in codes, f"dockwave {' '.join(argv)} exited {said.code}\n{said.out}\n{said.err}"
        return said

    def up(self) -> None:
        """Start it."""
        listen = ("--listen", self.listen) if self.listen else ()
        self.ok("up", "--detach", *listen, *self.options, timeout_s=120)

    def down(self) -> None:
        """Stop it."""
        self.run("down", timeout_s=120)

    def campaign(self, procedure: str, on: str, *flags: str) -> str:
        """Plan and apply a campaign; its id."""
        folder = self.data / "plans"
        folder.mkdir(exist_ok=True)
        file = folder / f"{time.monotonic_ns()}.plan"
        self.ok("plan", procedure, "-i", str(self.inventory), "--on", on, *flags, "--out", str(file))
        said = self.ok("apply", str(file), "--yes", "--allow-data-loss", "-o", "json")
        return str(said.json["id"])

    def show(self, campaign: str) -> dict[str, Any]:
        """What `show -o json` gives."""
        said = self.run("show", campaign, "-o", "json")
        assert said.out, said.err
        shown: dict[str, Any] = said.json
        return shown

    def glance(self, campaign: str) -> dict[str, Any]:
        """What `show -o json` gives, asked of the API itself: commands that poll would take the machine from the hosts.

        Nothing is known of a campaign while the control plane does not answer.
        """
        token = (self.data / "token").read_text().strip()
        url = f"http://127.0.0.1:{self.port_base}/v1/campaigns/{campaign}"
        try:
            answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)
        except httpx.TransportError:
            return dict(NOTHING_KNOWN)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return dict(NOTHING_KNOWN)
        shown: dict[str, Any] = answer.raise_for_status().json()
        return shown

    def hosts(self, campaign: str) -> dict[str, dict[str, Any]]:
        """Every host of the campaign by name."""
        return {host["host"]: host for wave in self.show(campaign)["waves"] for host in wave["hosts"]}

    def wait(self, campaign: str, *, timeout_s: float = 400) -> dict[str, Any]:
        """The campaign once it is final."""
        return self.until(campaign, lambda shown: shown["state"] in FINAL, timeout_s=timeout_s)

    def until(
        self, campaign: str, holds: Callable[[dict[str, Any]], bool], *, timeout_s: float = 120
    ) -> dict[str, Any]:
        """The campaign as soon as something holds of it."""
        end = time.monotonic() + timeout_s
        while True:
            shown = self.glance(campaign)
            if holds(shown):
                return shown
            if time.monotonic() > end:
                why = self.run("why", campaign)
                raise AssertionError(
                    f"not in {timeout_s} s: {json.dumps(shown)[:3000]}\n{why.out}\n{self.logs()}"
                )
            time.sleep(0.3)

    def host_state(self, shown: dict[str, Any], host: str) -> str:
        """State of one host in what `show` gave."""
        return next((h["state"] for w in shown["waves"] for h in w["hosts"] if h["host"] == host), "?")

    def processes(self) -> dict[str, int]:
        """Process ids of the children by name: "redis", "orchestrator", "gateway default", "agent NAME", "flower"."""
        state = json.loads((self.data / "up.json").read_text())
        return {name: int(child["pid"]) for name, child in state["children"].items()}

    def kill(self, name: str) -> int:
        """kill -9 of a child and of everything it started; its old process id."""
        pid = self.processes()[name]
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        return pid

    def pause(self, name: str) -> None:
        """SIGSTOP a child: alive, and deaf."""
        os.kill(self.processes()[name], signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT a child."""
        os.kill(self.processes()[name], signal.SIGCONT)

    def broker_url(self) -> str:
        """URL of the embedded Redis, password included."""
        url: str = json.loads((self.data / "endpoints.json").read_text())["broker_url"]
        return url

    def logs(self) -> str:
        """Last lines of every child's log."""
        files = sorted((self.data / "logs").glob("*.log"))
        tails = [path.read_text(errors="replace").splitlines()[-25:] for path in files]
        return "\n".join(
            f"== {path.name}\n" + "\n".join(tail) for path, tail in zip(files, tails, strict=True)
        )


def free_ports(count: int = 3) -> int:
    """First of `count` consecutive free ports on loopback."""
    for base in range(20_000 + os.getpid() % 1000 * 10, 60_000, 10):
        sockets = []
        try:
            for offset in range(count):
                sock = socket.socket()
                sockets.append(sock)
                sock.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        else:
            return base
        finally:
            for sock in sockets:
                sock.close()
    raise AssertionError("no free ports")


@contextmanager
def control_plane(
    folder: Path, inventory: Path, *, listen: str = "", options: Sequence[str] = ()
) -> Iterator[Plane]:
    """A control plane that is up meanwhile."""
    data = folder / "control"
    data.mkdir(mode=0o700, parents=True)
    plane = Plane(data=data, inventory=inventory, port_base=free_ports(), listen=listen, options=options)
    plane.up()
    try:
        yield plane
    finally:
        plane.down()
