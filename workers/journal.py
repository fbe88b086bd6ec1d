"""What this host did, by attempt, kept on the host itself: write first, act, write again.

Layout below HostPaths.root (owned by root, 0700): `epoch` is the highest epoch seen; `stop` is the kill switch;
one directory per attempt holds `order.json`, `before.json` (the snapshot), `journal` (one JSON entry a line,
appended and fsynced) and `snapshot/` (cached packages and the like). The scripts below are constants; every value
reaches them as an argument or on standard input, never inside their text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.connection import Command, Connection
from tasks.errors import DockwaveError, TransportError
from tasks.procedure import Step
from tasks.result import HostResult, StepResult, StepState
from tasks.wire import HOST_RESULT, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """Where Dockwave keeps its things on a host; only tests use other places."""

    root: str = "/var/lib/dockwave"
    lock: str = "/run/lock/dockwave.lock"

    def attempt(self, attempt_id: str) -> str:
        """Directory of one attempt."""
        return f"{self.root}/attempts/{slug(attempt_id)}"


#: bytes of one attempt's files read back at most
READ_LIMIT = 32 << 20

#: units of attempts, told apart from Dockwave's own services on the host (dockwave-worker@NAME.service)
_ATTEMPT_UNIT = re.compile(r"dockwave-[a-z0-9]+-[0-9]+-[0-9a-f]{8}-")

_STEP: TypeAdapter[Step] = TypeAdapter(Step)

_READ = """
cd "$1" 2>/dev/null || cd /
printf 'time %s\\n' "$(date +%s.%N)"
printf 'boot %s-%s\\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(cut -d' ' -f22 /proc/1/stat)"
printf 'machine %s\\n' "$(cat /etc/machine-id 2>/dev/null)"
printf 'epoch %s\\n' "$(cat "$1/epoch" 2>/dev/null)"
[ -e "$1/stop" ] && printf 'stop %s\\n' "$(head -c 200 "$1/stop" | tr -d '\\n')"
systemctl list-units --all --plain --no-legend --no-pager 'dockwave-*.service' 2>/dev/null | sed 's/^/unit /'
printf 'journal\\n'
cat "$1/attempts/$2/journal" 2>/dev/null || true
"""

_ACCEPT = """
set -eu
umask 077
d="$1/attempts/$2"
mkdir -p "$d/snapshot"
chmod 0700 "$1" "$1/attempts" "$d"
cat > "$d/order.json.new"
mv -T "$d/order.json.new" "$d/order.json"
printf '%s\\n' "$3" > "$1/epoch.new"
mv -T "$1/epoch.new" "$1/epoch"
printf '%s\\n' "$4" >> "$d/journal"
sync "$d/order.json" "$1/epoch" "$d/journal" "$d" "$1/attempts" "$1"
"""

_APPEND = """
set -eu
cat >> "$1"
sync "$1"
"""

_STORE = """
set -eu
umask 077
cat > "$1.new"
sync "$1.new"
mv -T "$1.new" "$1"
sync "$2"
"""


class EntryKind(StrEnum):
    """What a line of the journal says."""

    #: the host takes the order: it will be done exactly once
    ACCEPTED = "accepted"
    #: about to do a step
    INTENT = "intent"
    #: the step ended
    DONE = "done"
    #: the step was begun, and its end was lost (reboot): it will be judged anew
    LOST = "lost"
    #: a new worker took over
    RESUMED = "resumed"
    #: the attempt ended
    RESULT = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal."""

    kind: EntryKind
    #: Unix seconds on the worker's clock, for people
    at: float
    boot: str = ""
    key: str = ""
    #: the step about to be done, for INTENT
    intent: Step | None = None
    #: how it ended, for DONE
    step: StepResult | None = None
    #: how the attempt ended, for RESULT
    result: HostResult | None = None
    detail: str = ""

    def line(self) -> bytes:
        """Write it as one JSON line."""
        record: dict[str, Any] = {"kind": self.kind.value, "at": self.at}
        record |= {name: value for name in ("boot", "key", "detail") if (value := getattr(self, name))}
        if self.intent is not None:
            record["intent"] = _STEP.dump_python(self.intent, mode="json")
        if self.step is not None:
            record["step"] = {
                "key": self.step.key,
                "title": self.step.title,
                "state": self.step.state.value,
                "detail": self.step.detail,
                "freed_bytes": self.step.freed_bytes,
                "output": self.step.output,
                "duration_s": self.step.duration_s,
            }
        if self.result is not None:
            record["result"] = HOST_RESULT.dump_python(self.result, mode="json")
        return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    @staticmethod
    def parse(line: bytes) -> Entry | None:
        """Read one line; None for a torn or foreign one."""
        try:
            record = json.loads(line)
            intent, step, result = record.get("intent"), record.get("step"), record.get("result")
            return Entry(
                kind=EntryKind(record["kind"]),
                at=float(record["at"]),
                boot=str(record.get("boot", "")),
                key=str(record.get("key", "")),
                detail=str(record.get("detail", "")),
                intent=None if intent is None else _STEP.validate_python(intent),
                step=None if step is None else StepResult(**dict(step, state=StepState(step["state"]))),
                result=None if result is None else HOST_RESULT.validate_python(result),
            )
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """A transient unit of ours that systemd still knows."""

    name: str
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """What the host says about itself and one attempt, read in one go."""

    #: Unix seconds on the host's clock
    time: float
    #: changes with each boot, also of a containerised host
    boot: str
    machine_id: str
    #: highest epoch seen, 0 on first contact
    epoch: int
    #: reason in the kill switch file, None when there is none
    stop: str | None
    units: tuple[UnitState, ...]
    #: the attempt's entries, torn ones left out
    entries: tuple[Entry, ...]

    @property
    def known(self) -> bool:
        """Whether the host has accepted the attempt."""
        return any(entry.kind is EntryKind.ACCEPTED for entry in self.entries)

    @property
    def result(self) -> HostResult | None:
        """How the attempt ended, when it has."""
        return next((entry.result for entry in reversed(self.entries) if entry.result), None)

    @property
    def steps(self) -> tuple[StepResult, ...]:
        """Every step that ended, the last word on each key, in order of first end."""
        ended = {
            entry.key: entry.step for entry in self.entries if entry.kind is EntryKind.DONE and entry.step
        }
        return tuple(ended.values())

    @property
    def open_intents(self) -> tuple[Entry, ...]:
        """Steps begun and not ended, oldest first."""
        pending: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.kind is EntryKind.INTENT:
                pending[entry.key] = entry
            elif entry.kind in {EntryKind.DONE, EntryKind.LOST}:
                pending.pop(entry.key, None)
        return tuple(pending.values())


def slug(attempt_id: str) -> str:
    """Name of the attempt's directory and units on the host: short, unique, safe in a file and unit name."""
    campaign, host, number = attempt_id.split("/")
    return f"{campaign}-{number}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def parse_host_record(data: bytes) -> HostRecord:
    """Read what _READ printed; a host that answers nonsense is a TransportError, not a crash."""
    head, _, journal = data.partition(b"journal\n")
    values: dict[str, str] = {}
    units = []
    for line in head.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "unit":
            units.append(_unit(rest))
        else:
            values[word] = rest
    try:
        return HostRecord(
            time=float(values["time"]),
            boot=values["boot"],
            machine_id=values.get("machine", ""),
            epoch=int(values.get("epoch") or 0),
            stop=values.get("stop"),
            units=tuple(unit for unit in units if unit is not None),
            entries=tuple(entry for line in journal.splitlines() if (entry := Entry.parse(line))),
        )
    except (KeyError, ValueError) as error:
        raise TransportError(
            f"The host answered its journal query with something else ({error})",
            code="E_PROTOCOL",
            hint="Look for text printed by the login shell's start-up files.",
        ) from None


def _unit(line: str) -> UnitState | None:
    words = line.split()
    if len(words) < 4 or not _ATTEMPT_UNIT.match(words[0]):
        return None
    return UnitState(name=words[0], running=words[2] not in {"inactive", "failed"} and words[3] != "exited")


class Journal:
    """One attempt's journal on one host."""

    def __init__(self, connection: Connection, attempt_id: str, paths: HostPaths | None = None) -> None:
        """Look at the attempt through this connection; reads and writes nothing yet."""
        where = paths or HostPaths()
        self._connection = connection
        self._root = where.root
        self._slug = slug(attempt_id)
        self.dir = where.attempt(attempt_id)

    def read(self) -> HostRecord:
        """Read the host's record of the attempt."""
        return parse_host_record(self._script(_READ, self._root, self._slug, what="read"))

    def accept(self, order: Order, entry: Entry) -> None:
        """Take the order: from now on the host knows it, and refuses lower epochs. Call under the host's lock."""
        body = order.model_dump_json().encode()
        line = entry.line().decode().rstrip("\n")
        self._script(_ACCEPT, self._root, self._slug, str(order.epoch), line, stdin=body, what="accept")

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries, fsynced before it returns."""
        body = b"".join(entry.line() for entry in entries)
        self._script(_APPEND, f"{self.dir}/journal", stdin=body, what="append")

    def store(self, name: str, content: bytes) -> None:
        """Keep a file beside the journal, whole or not at all."""
        self._script(_STORE, f"{self.dir}/{name}", self.dir, stdin=content, what="store")

    def load(self, name: str) -> bytes | None:
        """Read a file kept beside the journal; None when there is none."""
        path = f"{self.dir}/{name}"
        command = Command(argv=("cat", "--", path), output_limit_bytes=READ_LIMIT)
        result = self._connection.run(command)
        if not result.ok:
            return None
        if result.stdout.truncated:
            raise DockwaveError(f"{path} is larger than {READ_LIMIT} bytes", code="E_TOO_LARGE")
        return result.stdout.data

    def order(self) -> Order | None:
        """The order as the host accepted it; None when it has none."""
        content = self.load("order.json")
        return None if content is None else Order.model_validate_json(content)

    def _script(self, script: str, *args: str, stdin: bytes = b"", what: str) -> bytes:
        command = Command(
            argv=("sh", "-c", script, "dockwave", *args), stdin=stdin, output_limit_bytes=READ_LIMIT
        )
        result = self._connection.run(command)
        if not result.ok:
            raise DockwaveError(
                f"The journal on {self._connection.host_name} could not be used ({what}): "
                f"{result.stderr.text.strip()[:300] or f'exit {result.exit_code}'}",
                code="E_JOURNAL",
                hint=f"Check free space and rights of {self._root} on the host.",
            )
        return result.stdout.data
