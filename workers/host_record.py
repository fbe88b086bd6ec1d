"""What a host says about itself and one attempt: its journal's entries, its units, its epoch."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.errors import TransportError
from tasks.procedure import Step
from tasks.result import HostResult, StepResult, StepState
from tasks.wire import HOST_RESULT

#: units of attempts, told apart from Dockwave's own services on the host (dockwave-worker@NAME.service)
_ATTEMPT_UNIT = re.compile(r"dockwave-[a-z0-9]+-[0-9]+-[0-9a-f]{8}-")

#: characters of a kernel's release that are kept; uname(2) has 65 bytes for it
_LONGEST_RELEASE = 65

_STEP: TypeAdapter[Step] = TypeAdapter(Step)


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
    #: the attempt that is taken back, for ACCEPTED; "" when it goes forward, None when an earlier release wrote it
    undo_of: str | None = None

    def line(self) -> bytes:
        """Write it as one JSON line."""
        record: dict[str, Any] = {"kind": self.kind.value, "at": self.at}
        record |= {name: value for name in ("boot", "key", "detail") if (value := getattr(self, name))}
        if self.undo_of is not None:
            record["undo_of"] = self.undo_of
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
                undo_of=None if record.get("undo_of") is None else str(record["undo_of"]),
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
class Sibling:
    """Another attempt of the same campaign that this host has accepted."""

    number: int
    #: the attempt it takes back, "" when it goes forward
    undo_of: str


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
    #: why the attempt is to stop, None when it is not
    halt: str | None = None
    #: release of the kernel; "" when the host does not say
    kernel: str = ""
    #: what else the host has accepted of the attempt's campaign
    siblings: tuple[Sibling, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the host has accepted the attempt."""
        return any(entry.kind is EntryKind.ACCEPTED for entry in self.entries)

    @property
    def undo_of(self) -> str | None:
        """What the accepted attempt takes back, "" when it goes forward; None when that is not known."""
        told = (entry.undo_of for entry in self.entries if entry.kind is EntryKind.ACCEPTED)
        return next(told, None)

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
    return f"{campaign}-{number}-{_digest(host)}"


def siblings(attempt_id: str) -> str:
    """Pattern (glob) of the directories of all attempts of the same campaign on the same host."""
    campaign, host, _ = attempt_id.split("/")
    return f"{campaign}-*-{_digest(host)}"


def _digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:8]


def parse_host_record(data: bytes) -> HostRecord:
    """Read what _READ printed; a host that answers nonsense is a TransportError, not a crash."""
    head, _, journal = data.partition(b"journal\n")
    values: dict[str, str] = {}
    units, others = [], []
    for line in head.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "unit":
            units.append(_unit(rest))
        elif word == "sibling":
            others.append(_sibling(rest))
        else:
            values[word] = rest
    try:
        return HostRecord(
            time=float(values["time"]),
            boot=values["boot"],
            machine_id=values.get("machine", ""),
            epoch=int(values.get("epoch") or 0),
            stop=values.get("stop"),
            halt=values.get("halt"),
            kernel=values.get("kernel", "")[:_LONGEST_RELEASE],
            units=tuple(unit for unit in units if unit is not None),
            entries=tuple(entry for line in journal.splitlines() if (entry := Entry.parse(line))),
            siblings=tuple(other for other in others if other is not None),
        )
    except (KeyError, ValueError) as error:
        raise TransportError(
            f"The host answered its journal query with something else ({error})",
            code="E_PROTOCOL",
            hint="Look for text printed by the login shell's start-up files.",
        ) from None


def _sibling(line: str) -> Sibling | None:
    directory, _, first = line.partition(" ")
    number = directory.split("-")[1:2]
    entry = Entry.parse(first.encode())
    if entry is None or entry.kind is not EntryKind.ACCEPTED or entry.undo_of is None:
        return None
    if not number or not number[0].isdecimal():
        return None
    return Sibling(number=int(number[0]), undo_of=entry.undo_of)


def _unit(line: str) -> UnitState | None:
    words = line.split()
    if len(words) < 4 or not _ATTEMPT_UNIT.match(words[0]):
        return None
    return UnitState(name=words[0], running=words[2] not in {"inactive", "failed"} and words[3] != "exited")
