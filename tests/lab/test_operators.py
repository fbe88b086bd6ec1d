"""People, windows and gates against campaigns at work on real hosts, by the real command line.

The scenarios share one fleet and one control plane. The two that have to wait for a clock (a window that closes, an
approval nobody gives) begin first, run beside the others on hosts of their own, and are judged last. The others wait
between two waves, for as long as the test likes: a gate that turned red holds them there.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.lab import observed
from tests.lab.plane import DOCKWAVE
from tests.lab.scene import Scene, by_state, scene
from tests.lab.switchable import Probe, probe

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("operators"), pytest.mark.timeout(600)]

NAMES = ("op-1", "op-2", "op-3", "win-1", "win-2")
HOLD = ("engine.hold", "--set", "state=held")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The campaigns that wait for a clock."""

    window: str
    closes: datetime
    approval: str
    approval_code: int


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("operators"), NAMES) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def waiting(fleet: Scene) -> Waiting:
    """Begin what is judged last."""
    asked = ("run", *HOLD, "-i", str(fleet.plane.inventory), "--on", "win-*", "--waves", "1")
    approval = ("-O", "approval={required: 1, group: sre, expires: 1m, on_timeout: abort}")
    began = time.monotonic()
    said = fleet.plane.run(*asked, *approval, "--yes", "--no-watch")
    took = time.monotonic() - began
    now = datetime.now(tz=UTC)
    # by then the first host has begun, however slow this machine is; it is watched until after the window has closed
    closes = (now + timedelta(seconds=20 + 3 * took + 60)).replace(second=0, microsecond=0)
    watched = ("--monitor", f"{(closes - now).total_seconds() + 5:.0f}s")
    window = ("--window", f"daily {now:%H:%M}-{closes:%H:%M} UTC")
    started = fleet.plane.ok(*asked, *window, *watched, "--yes", "--no-watch")
    return Waiting(
        window=started.out.split()[0], closes=closes, approval=said.out.split()[0], approval_code=said.code
    )


@pytest.fixture(autouse=True)
def _released(fleet: Scene, waiting: Waiting) -> None:
    """The hosts of the short scenarios are as they were."""
    for name in NAMES[:3]:
        fleet.host(name).run("apt-mark", "unhold", *observed.ENGINE_PACKAGES)


@pytest.fixture
def gate() -> Iterator[Probe]:
    """What campaigns ask before each wave."""
    with probe() as service:
        yield service


def _start(fleet: Scene, gate: Probe, *, waves: int) -> str:
    """A campaign that goes host by host and comes to rest after so many waves, until the gate is green again."""
    gate.turns_red_after = waves
    # a pass is good for long enough to start its host, and asked for again soon enough
    asked = f"gates=[{{kind: http, url: '{gate.url}', at: wave, every: 10s, failures: 1000}}]"
    campaign = fleet.plane.campaign(HOLD[0], "op-*", *HOLD[1:], "--waves", "1", "-O", asked)
    done = set(NAMES[:waves])
    fleet.plane.until(campaign, lambda shown: gate.asked > waves and by_state(shown).get("SUCCEEDED") == done)
    return campaign


def _held(fleet: Scene) -> set[str]:
    return {name for name in NAMES[:3] if observed.holds(fleet.host(name))}


def _watch_in_a_terminal(fleet: Scene, campaign: str, said: str, keys: bytes) -> tuple[int, str]:
    """`dockwave watch` in a terminal of its own: once it has drawn this, these keys are typed; exit code and screen."""
    outer, inner = pty.openpty()
    environ = dict(os.environ) | {
        "DOCKWAVE_DATA_DIR": str(fleet.plane.data), "DOCKWAVE_PORT_BASE": str(fleet.plane.port_base),
        "TERM": "xterm", "COLUMNS": "160", "LINES": "50",
    }  # fmt: skip
    # whoever started the tests in the background made them, and all they start, deaf to Ctrl-C
    hearing = ("env", "--default-signal=INT")
    watching = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *hearing, str(DOCKWAVE), "watch", campaign],
        env=environ, stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    screen = b""
    try:
        while (read := _read(outer)) is not None:
            screen += read
            if keys and said.encode() in screen:
                os.write(outer, keys)
                keys = b""
        code = watching.wait(timeout=60)
    finally:
        watching.kill()
        watching.wait()
        os.close(outer)
    return code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.decode(errors="replace"))


def _read(terminal: int) -> bytes | None:
    try:
        return os.read(terminal, 65536) or None
    except OSError:
        # the last process with this terminal has ended
        return None


def test_a_campaign_is_paused_skipped_watched_and_resumed_while_it_works(fleet: Scene, gate: Probe) -> None:
    plane = fleet.plane
    campaign = _start(fleet, gate, waves=1)
    assert plane.run("watch", campaign, "--timeout", "2s").code == 8
    code, screen = _watch_in_a_terminal(fleet, campaign, "op-1", b"\x03")
    assert code == 130, screen
    assert f"dockwave watch {campaign}" in screen
    for _ in range(2):
        plane.ok("pause", campaign, "--reason", "lunch")
    gate.green = True
    assert plane.run("watch", campaign).code == 4, "a pause is for people to look at"
    shown = plane.show(campaign)
    assert shown["state"] == "PAUSED"
    assert by_state(shown) == {"SUCCEEDED": {"op-1"}, "PENDING": {"op-2", "op-3"}}
    assert _held(fleet) == {"op-1"}
    assert "lunch" in plane.ok("why", campaign).out
    assert plane.run("skip", campaign, "op-1", "--reason", "too late").code == 2
    plane.ok("skip", campaign, "op-2", "--reason", "in repair")
    plane.ok("resume", campaign)
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE_WITH_EXCEPTIONS", shown
    assert by_state(shown) == {"SUCCEEDED": {"op-1", "op-3"}, "SKIPPED": {"op-2"}}
    assert _held(fleet) == {"op-1", "op-3"}
    assert plane.run("resume", campaign).code == 2, "it is over"


def test_an_aborted_campaign_is_retried_only_where_it_was_not_done(fleet: Scene, gate: Probe) -> None:
    plane = fleet.plane
    campaign = _start(fleet, gate, waves=1)
    for _ in range(2):
        plane.ok("abort", campaign, "--reason", "wrong day")
    shown = plane.wait(campaign)
    assert (shown["state"], plane.run("watch", campaign).code) == ("ABORTED", 4)
    assert by_state(shown) == {"SUCCEEDED": {"op-1"}, "CANCELLED": {"op-2", "op-3"}}
    assert _held(fleet) == {"op-1"}
    attempts = len(observed.journal(fleet.host("op-1")))
    gate.green = True
    file = plane.data / "again.plan"
    plane.ok("retry", campaign, "--reason", "right day", "--out", str(file))
    again = plane.ok("apply", str(file), "--yes", "-o", "json").json["id"]
    shown = plane.wait(again)
    assert shown["state"] == "COMPLETE", shown
    assert by_state(shown) == {"ALREADY_RIGHT": {"op-1"}, "SUCCEEDED": {"op-2", "op-3"}}
    assert _held(fleet) == {"op-1", "op-2", "op-3"}
    assert len(observed.journal(fleet.host("op-1"))) == attempts, "the host that was done is left alone"


def test_a_campaign_at_work_is_rolled_back_on_every_host_it_changed(fleet: Scene, gate: Probe) -> None:
    plane = fleet.plane
    campaign = _start(fleet, gate, waves=2)
    assert _held(fleet) == {"op-1", "op-2"}
    plane.ok("rollback", campaign, "--reason", "wrong packages", "--yes")
    shown = plane.wait(campaign)
    assert (shown["state"], plane.run("watch", campaign).code) == ("ROLLED_BACK", 5)
    assert by_state(shown) == {"ROLLED_BACK": {"op-1", "op-2"}, "CANCELLED": {"op-3"}}
    assert _held(fleet) == set()
    for name in ("op-1", "op-2"):
        fleet.back_to_snapshot(name)
    assert "wrong packages" in plane.ok("why", campaign).out


def test_a_gate_that_turns_red_at_the_end_of_the_last_soak_halts_the_campaign(
    fleet: Scene, gate: Probe
) -> None:
    plane = fleet.plane
    asked = f"gates=[{{kind: http, url: '{gate.url}', at: background, every: 10m}}]"
    campaign = plane.campaign(HOLD[0], "op-1", *HOLD[1:], "--monitor", "15s", "-O", asked)
    plane.until(campaign, lambda shown: plane.host_state(shown, "op-1") == "SOAKING")
    ends = datetime.fromisoformat(plane.hosts(campaign)["op-1"]["soak_until"])
    assert gate.asked == 1, "a pass is good for ten minutes"
    time.sleep(max(0.0, (ends - datetime.now(tz=UTC)).total_seconds() - 1))
    gate.green = False
    shown = plane.wait(campaign)
    assert (shown["state"], plane.run("watch", campaign).code) == ("HALTED", 4)
    assert by_state(shown) == {"SUCCEEDED": {"op-1"}}, "no host is blamed for it"
    why = plane.ok("why", campaign).out
    assert "gate" in why
    assert "503" in why


def test_stop_all_and_a_quarantine_hold_hosts_back_until_they_are_released(fleet: Scene, gate: Probe) -> None:
    plane = fleet.plane
    campaign = _start(fleet, gate, waves=1)
    plane.ok("stop-all", "--reason", "drill")
    try:
        plane.ok("hosts", "quarantine", "op-2", "--reason", "smells of smoke")
        plane.kill("orchestrator")
        gate.green = True
        shown = plane.until(campaign, lambda shown: any("drill" in line for line in shown.get("brakes", ())))
        assert by_state(shown)["PENDING"] == {"op-2", "op-3"}
        assert _held(fleet) == {"op-1"}
        assert "stop-all --release" in plane.ok("why", campaign).out
    finally:
        plane.ok("stop-all", "--release", "--reason", "drill over")
    shown = plane.until(campaign, lambda shown: any("op-2" in line for line in shown["brakes"]))
    assert plane.host_state(shown, "op-2") == "PENDING"
    assert "op-2" not in _held(fleet)
    plane.ok("hosts", "release", "op-2", "--reason", "it was the toaster")
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", shown
    assert _held(fleet) == {"op-1", "op-2", "op-3"}


def test_an_approval_nobody_gives_expires_and_touches_nothing(fleet: Scene, waiting: Waiting) -> None:
    plane = fleet.plane
    assert waiting.approval_code == 6
    shown = plane.wait(waiting.approval)
    assert shown["state"] == "ABORTED", shown
    assert shown["exit_code"] == 4
    assert by_state(shown) == {"CANCELLED": {"win-1", "win-2"}}
    assert all(not host["attempts"] for host in plane.hosts(waiting.approval).values())
    assert "approv" in plane.ok("why", waiting.approval).out
    assert plane.run("approve", waiting.approval).code == 2, "too late"


def test_a_window_that_closes_in_mid_wave_lets_the_host_finish_and_starts_none(
    fleet: Scene, waiting: Waiting
) -> None:
    plane = fleet.plane
    shown = plane.until(
        waiting.window, lambda shown: plane.host_state(shown, "win-1") == "SUCCEEDED", timeout_s=240
    )
    first = plane.hosts(waiting.window)["win-1"]
    assert datetime.fromisoformat(first["started_at"]) < waiting.closes
    assert datetime.fromisoformat(first["ended_at"]) > waiting.closes
    shown = plane.until(waiting.window, lambda shown: any("window" in line for line in shown["brakes"]))
    assert shown["state"] == "RUNNING"
    assert plane.host_state(shown, "win-2") == "PENDING"
    assert not plane.hosts(waiting.window)["win-2"]["attempts"]
    assert observed.holds(fleet.host("win-2")) == set(), observed.journal(fleet.host("win-2"))
    assert observed.holds(fleet.host("win-1")) >= {"containerd", "docker.io", "runc"}
    plane.ok("abort", waiting.window)
    assert plane.wait(waiting.window)["state"] == "ABORTED"
