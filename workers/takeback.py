"""The way back: the snapshot an attempt left on this host, and whether the host may still return to it.

What the host itself recorded decides, not what a database remembers: an attempt that changed the host later, and was
not taken back, would be destroyed silently by a return to an older snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from tasks.catalog import AnyProcedure
from tasks.connection import Command, Connection
from tasks.errors import DockwaveError, Refused
from tasks.model import GONE_FOR_GOOD, Mode, UndoClass
from tasks.procedure import Draft, Facts, Kept, Params, Setting, Step
from tasks.result import Finding, Outcome, Severity, StepState
from tasks.wire import Order
from workers.host_record import Entry, HostRecord
from workers.journal import READ_LIMIT, HostPaths, Journal

#: differences told one by one in a preview; the rest as a number
_SHOWN = 50

#: attempts above an epoch that began to change the host: the order, and the last line of the journal
_LATER = """
cd "$1/attempts" 2>/dev/null || exit 0
for d in *; do
  [ -e "$d/before.json" ] || continue
  e=$(sed -n '1s/^{"v":[0-9]*,"attempt_id":"[^"]*","epoch":\\([0-9]*\\),.*/\\1/p' "$d/order.json")
  [ "${e:-$2}" -ge "$2" ] || continue
  printf 'order %s\\n' "$(cat "$d/order.json")"
  printf 'last %s\\n' "$(tail -n 1 "$d/journal")"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an attempt left to return to."""

    procedure: AnyProcedure
    #: id of the attempt
    attempt_id: str
    #: its directory on the host
    directory: str
    #: facts before its first change; None = it changed nothing
    snapshot: Facts | None
    #: of the snapshot's bytes; "" when there is none
    fingerprint: str = ""
    #: it was proven and is of another campaign: what no step of it makes, others made since
    elsewhere: bool = False
    #: the steps it did that cannot be taken back
    lost: tuple[Step, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """What a comparison with the snapshot covers, in words."""
        return () if self.snapshot is None else covered(self.procedure, self.snapshot)

    def beyond(self, started: Facts) -> tuple[str, ...]:
        """What others changed between that attempt and the start of its undo; it is left as it is."""
        tell = getattr(self.procedure, "beyond_undo", None)
        if tell is None or self.snapshot is None or not self.elsewhere:
            return ()
        return tuple(tell(self.snapshot, started))

    def left(self, now: Facts, started: Facts | None) -> tuple[str, ...]:
        """What still differs from the snapshot, but for what others had changed when the undo started."""
        if self.snapshot is None:
            return ()
        others = frozenset(self.beyond(started or now))
        return tuple(line for line in self.procedure.differences(self.snapshot, now) if line not in others)

    def preview(
        self, gather: Callable[[Facts], Facts], params: Params, setting: Callable[[Facts], Setting]
    ) -> Draft:
        """Say what would bring the host back now, and what cannot come back."""
        if self.snapshot is None:
            return Draft(summary="nothing was changed, nothing to undo")
        now = gather(self.snapshot)
        left = self.left(now, now)
        if not left:
            return Draft(summary="already equal to its snapshot")
        draft = self.procedure.undo(self.snapshot, now, params, setting(self.snapshot))
        if not draft.steps:
            raise Refused(
                f"Nothing can take back what differs from the snapshot: {'; '.join(left[:5])}",
                code="E_ROLLBACK_UNSAFE",
                hint=f"The snapshot is in {self.directory} on the host; a person has to decide.",
            )
        kept = (*draft.kept, *self._stays(now))
        return draft.model_copy(update={"kept": kept, "findings": (*draft.findings, *_told(left))})

    def _stays(self, now: Facts) -> Iterator[Kept]:
        """What the undo does not bring back."""
        for step in self.lost:
            reason = f"{GONE_FOR_GOOD}: this step cannot be taken back"
            yield Kept(key=step.key, title=step.title, reason=reason)
        for line in self.beyond(now):
            yield Kept(key="others", title=line, reason="changed by others since; left as it is")


def _told(left: tuple[str, ...]) -> Iterator[Finding]:
    """What comes back, line by line, and how much more."""
    lines = [f"comes back: {line}" for line in left[:_SHOWN]]
    if len(left) > _SHOWN:
        lines.append(f"and {len(left) - _SHOWN} more differences")
    for line in lines:
        yield Finding(code="W_DIFFERS", severity=Severity.INFO, detail=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """An attempt that began to change the host after the one to be taken back."""

    #: campaign/host/n
    attempt_id: str
    campaign: str
    mode: Mode
    #: the attempt it took back; "" when it went forward
    undo_of: str = ""
    #: the last entry of its journal
    entry: Entry | None = None

    @property
    def undone(self) -> bool:
        """Whether it is proven to have brought the host back."""
        result = self.entry.result if self.entry else None
        return result is not None and result.outcome is Outcome.UNDONE

    @property
    def clean(self) -> bool:
        """Whether it is known to have left the host as it was."""
        result = self.entry.result if self.entry else None
        return result is not None and not result.changed


def fingerprint_of(snapshot: bytes) -> str:
    """SHA-256 of a snapshot as it lies on the host: SQL keeps it, the content stays there, for it may hold secrets."""
    return hashlib.sha256(snapshot).hexdigest()


def covered(procedure: AnyProcedure, snapshot: Facts) -> tuple[str, ...]:
    """What a comparison with this snapshot covers, in words."""
    tell = getattr(procedure, "compared", None)
    return () if tell is None else tuple(tell(snapshot))


def find_target(
    connection: Connection, paths: HostPaths, order: Order, undo_of: str, procedure: AnyProcedure
) -> Target:
    """Find what `undo_of` left to return to; Refused when it is gone, still open, or overtaken by another campaign."""
    journal = Journal(connection, undo_of, paths)
    record = journal.read()
    name = order.host.name
    if not record.known:
        raise Refused(
            f"{name} has no record of {undo_of}: it was never started there, or its snapshot is gone",
            code="E_SNAPSHOT_MISSING",
            hint="Was the host rebuilt, or /var/lib/dockwave removed? There is nothing to return to.",
        )
    elsewhere = undo_of.partition("/")[0] != order.campaign_id
    if elsewhere:
        _refuse_open(order, undo_of, record)
    _refuse_overtaken(connection, paths, order, undo_of)
    content = journal.load("before.json")
    fingerprint = "" if content is None else fingerprint_of(content)
    if order.snapshot_sha256 and fingerprint != order.snapshot_sha256:
        raise _another_snapshot(order, undo_of, there=bool(fingerprint))
    return Target(
        procedure=procedure,
        attempt_id=undo_of,
        directory=journal.dir,
        snapshot=None if content is None else procedure.facts_type.model_validate_json(content),
        fingerprint=fingerprint,
        elsewhere=elsewhere and record.result is not None and record.result.outcome is Outcome.CHANGED,
        lost=_lost(record),
    )


def _another_snapshot(order: Order, undo_of: str, *, there: bool) -> Refused:
    name = order.host.name
    return Refused(
        f"{name} has {'another' if there else 'no'} snapshot, not the one {undo_of} took: nothing was taken back",
        code="E_SNAPSHOT_CHANGED",
        hint=(
            "What it was before is not known: find out who wrote to /var/lib/dockwave there "
            f"(`dockwave logs {undo_of.partition('/')[0]} {name}`), bring it to where it should be by hand, and "
            f"release it if it is quarantined: `dockwave hosts release {name} --reason TEXT`"
        ),
    )


def _lost(record: HostRecord) -> tuple[Step, ...]:
    """Steps that were done and cannot be taken back."""
    done = {step.key for step in record.steps if step.state is StepState.DONE}
    begun = {entry.key: entry.intent for entry in record.entries if entry.intent is not None}
    return tuple(step for key, step in begun.items() if key in done and step.undo is UndoClass.ONE_WAY)


def _refuse_open(order: Order, undo_of: str, record: HostRecord) -> None:
    """Another campaign's attempt must have ended; what became of one of its own, the order's campaign knows."""
    name = order.host.name
    if record.result is None:
        raise Refused(
            f"{undo_of} has no end yet on {name}: nobody knows what is to be taken back",
            code="E_HOST_BUSY",
            hint=f"`dockwave logs {undo_of.partition('/')[0]} {name}` shows what it does; try again when it is over.",
        )


def _refuse_overtaken(connection: Connection, paths: HostPaths, order: Order, undo_of: str) -> None:
    """No campaign returns a host to before the change of another one that came later and still stands."""
    name = order.host.name
    accepted = Journal(connection, undo_of, paths).order()
    later = _later(connection, paths, accepted.epoch if accepted is not None else 0)
    found = overtaken_by(later, own=order.campaign_id, undo_of=undo_of)
    if found is not None:
        raise Refused(
            f"{name} was changed again by {found.attempt_id} after {undo_of}: returning would destroy that change",
            code="E_HOST_MOVED_ON",
            hint=f"Take that back first: `dockwave undo {found.campaign} --host {name}`.",
        )


def overtaken_by(later: Iterable[Later], *, own: str, undo_of: str) -> Later | None:
    """Give the first later attempt whose change still stands; a change and its proven undo cancel each other out."""
    others = [item for item in later if item.campaign not in {own, undo_of.partition("/")[0]}]
    taken_back = {item.undo_of for item in others if item.mode is Mode.UNDO and item.undone}
    known = {item.attempt_id for item in others}
    for item in others:
        if item.mode is Mode.UNDO:
            # the undo of a later change is judged with that change; one of an older attempt moved the host itself
            standing = item.undo_of not in known and item.undo_of != undo_of and not item.clean
        else:
            standing = not item.clean and item.attempt_id not in taken_back
        if standing:
            return item
    return None


def _later(connection: Connection, paths: HostPaths, epoch: int) -> list[Later]:
    argv = ("sh", "-c", _LATER, "dockwave", paths.root, str(epoch + 1))
    result = connection.run(Command(argv=argv, output_limit_bytes=READ_LIMIT))
    if not result.ok or result.stdout.truncated:
        raise DockwaveError(
            f"The later attempts on {connection.host_name} cannot be read",
            code="E_JOURNAL",
            hint=f"Look into {paths.root}/attempts on the host.",
        )
    return parse_later(result.stdout.data)


def parse_later(data: bytes) -> list[Later]:
    """Read what _LATER printed; an order nobody can read counts as a change that still stands."""
    found: list[Later] = []
    for line in data.splitlines():
        word, _, rest = line.partition(b" ")
        if word == b"order":
            found.append(_attempt(rest))
        elif word == b"last" and found:
            found[-1] = replace(found[-1], entry=Entry.parse(rest))
    return found


def _attempt(text: bytes) -> Later:
    try:
        order = Order.model_validate_json(text)
    except ValueError:
        return Later(attempt_id="an attempt that cannot be read", campaign="", mode=Mode.APPLY)
    return Later(
        attempt_id=order.attempt_id, campaign=order.campaign_id, mode=order.mode, undo_of=order.undo_of or ""
    )
