"""What systemd says about the engine's units, read before anyone touches the engine's socket.

docker.socket starts dockerd when somebody connects, so "is it down?" may only be asked here.
"""

from __future__ import annotations

import json
import re

from tasks.connection import Command, Connection
from tasks.record import Record

DOCKER, SOCKET, CONTAINERD = "docker.service", "docker.socket", "containerd.service"
ENGINE_UNITS = (DOCKER, SOCKET, CONTAINERD)

_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,NeedDaemonReload,Job,"
    "StartLimitBurst,StartLimitIntervalUSec,StateChangeTimestampMonotonic,"
    "ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic"
)
#: message id of "Starting <unit>", the same in every release of systemd
_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
#: seconds between looks at units on their way; the pause is made on the host, which keeps clocks out of here
_PAUSE_S = 0.5
_PASSING = frozenset({"activating", "deactivating", "reloading", "refreshing"})
_DURATION = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}


class Unit(Record):
    """One systemd unit."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    #: why it ended last: success, exit-code, start-limit-hit, …
    result: str = ""
    main_pid: int = 0
    #: automatic restarts since somebody started it
    restarts: int = 0
    #: its files changed since systemd read them
    needs_reload: bool = False
    #: a start, stop or restart of it is waiting or under way
    job: bool = False
    #: starts allowed in `limit_interval_s`; 0 = any number
    limit_burst: int = 0
    limit_interval_s: float = 0.0
    #: seconds since boot of its last change of state
    changed_at_s: float = 0.0
    #: seconds since boot when it was last up, and when it last ceased to be
    up_at_s: float = 0.0
    down_at_s: float = 0.0

    @property
    def running(self) -> bool:
        """Whether it is up and nothing is about to change that."""
        return self.active == "active" and not self.job

    @property
    def settled(self) -> bool:
        """Whether it is not on its way from one state to another."""
        return self.active not in _PASSING and not self.job

    @property
    def start_limit_hit(self) -> bool:
        """Whether systemd refuses to start it because it was started too often."""
        return self.result == "start-limit-hit"


def parse_show(text: str) -> dict[str, Unit]:
    """Units by name, from `systemctl show` of several units."""
    found = {}
    for block in re.split(r"\n\s*\n", text):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("Id"):
            found[values["Id"]] = _unit(values)
    return found


def parse_duration(text: str) -> float:
    """Seconds of a systemd time span such as "1min 30s"; 0 for "infinity" and nonsense."""
    parts = re.findall(r"([0-9.]+)\s*(min|ms|us|d|h|s)", text)
    try:
        return sum(float(number) * _DURATION[unit] for number, unit in parts)
    except ValueError:
        return 0.0


def parse_start_times(text: str) -> tuple[float, ...]:
    """Monotonic seconds since boot at which a unit was started, oldest first, from journalctl's JSON lines."""
    found = []
    for line in text.splitlines():
        try:
            found.append(int(json.loads(line)["__MONOTONIC_TIMESTAMP"]) / 1e6)
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(sorted(found))


def read_units(host: Connection) -> dict[str, Unit]:
    """Read the engine's units as they are now; a unit systemd does not know is "not-found"."""
    argv = ("systemctl", "show", f"--property={_PROPERTIES}", "--", *ENGINE_UNITS)
    found = parse_show(host.run(Command(argv=argv, privileged=False, timeout_s=30)).stdout.text)
    return {name: found.get(name, Unit()) for name in ENGINE_UNITS}


def settle(host: Connection, timeout_s: float) -> dict[str, Unit]:
    """Read the engine's units once none is on its way any more, or one has been so for `timeout_s`.

    The wait counts from the unit's last change of state, so looking again at a unit that hangs does not wait again.
    """
    units = read_units(host)
    for _ in range(int(timeout_s / _PAUSE_S)):
        passing = [unit for unit in units.values() if not unit.settled]
        if not passing or read_uptime(host) - max(unit.changed_at_s for unit in passing) > timeout_s:
            break
        host.run(Command(argv=("sleep", str(_PAUSE_S)), privileged=False, timeout_s=30))
        units = read_units(host)
    return units


def read_uptime(host: Connection) -> float:
    """Read the seconds since boot on the clock systemd's time stamps use; 0 when the host does not say."""
    words = host.run(Command(argv=("cat", "/proc/uptime"), privileged=False)).stdout.text.split()
    try:
        return float(words[0])
    except (IndexError, ValueError):
        return 0.0


def read_starts(host: Connection, unit: str, window_s: int) -> tuple[float, ...] | None:
    """Seconds ago of each start of a unit within the window, latest last; None when the journal does not say.

    Any start counts, also those made by a package or by hand: systemd counts them all.
    """
    now = read_uptime(host)
    argv = (
        "journalctl",
        "--boot",
        "--unit",
        unit,
        "--since",
        f"-{window_s}s",
        "--output",
        "json",
        "--no-pager",
    )
    told = host.run(Command(argv=(*argv, f"MESSAGE_ID={_STARTING}"), timeout_s=30))
    if not told.ok or not now:
        return None
    return tuple(now - at for at in parse_start_times(told.stdout.text) if now - at <= window_s)


def _unit(values: dict[str, str]) -> Unit:
    def number(name: str) -> int:
        text = values.get(name, "")
        return int(text) if text.isdigit() else 0

    return Unit(
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        result=values.get("Result", ""),
        main_pid=number("MainPID"),
        restarts=number("NRestarts"),
        needs_reload=values.get("NeedDaemonReload") == "yes",
        job=values.get("Job", "") not in {"", "0"},
        limit_burst=number("StartLimitBurst"),
        limit_interval_s=parse_duration(values.get("StartLimitIntervalUSec", "")),
        changed_at_s=number("StateChangeTimestampMonotonic") / 1e6,
        up_at_s=number("ActiveEnterTimestampMonotonic") / 1e6,
        down_at_s=number("ActiveExitTimestampMonotonic") / 1e6,
    )
