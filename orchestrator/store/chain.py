"""The chain of the event log: every line carries a hash over the line before it and everything it says itself.

Whoever edits, removes, inserts or moves a line breaks the chain at that place. Whoever can write the whole table can
forge a whole chain too, or cut its end: that shows against a head kept elsewhere (`dockwave audit head`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: what the first line of a log follows
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log, exactly as it is stored."""

    seq: int
    campaign_id: str
    host: str
    attempt_id: str
    at: datetime
    kind: str
    #: JSON text: hashed as it was written, so that no reader has to write numbers or keys in the same way
    data: str
    #: hash over the previous line and this one
    chain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """How long a log is, and what its last line hashes to."""

    length: int
    chain: str

    def __str__(self) -> str:
        """The anchor people keep: LENGTH:HASH."""
        return f"{self.length}:{self.chain}"


#: compact ASCII, every odd character escaped; made once, hundreds of lines a second are written with it
_TEXT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def data_text(data: Any) -> str:
    """A line's data as the text that is stored and hashed."""
    return _TEXT(data)


def link(previous: str, line: Line) -> str:
    """The hash of a line that follows the one with hash `previous`: SHA-256 over it and the line's canonical JSON."""
    body = _TEXT(
        {
            "at": line.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "attempt_id": line.attempt_id,
            "campaign_id": line.campaign_id,
            "data": line.data,
            "host": line.host,
            "kind": line.kind,
            "seq": line.seq,
        }
    )
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


class Verifier:
    """Follows a log from its first line on; remembers the head and where the chain is broken."""

    def __init__(self, anchor: LogHead | None = None) -> None:
        """Begin before the first line; `anchor` is a head that was kept elsewhere."""
        self._anchor = anchor
        self._last_seq = 0
        self._anchored = anchor is None or (anchor.length == 0 and anchor.chain == GENESIS)
        self.head = LogHead(length=0, chain=GENESIS)
        self.breaks: list[str] = []

    def follow(self, lines: Iterable[Line]) -> None:
        """Take the next lines, in the order of their numbers."""
        for line in lines:
            if line.chain != link(self.head.chain, line):
                self.breaks.append(self._broken(line))
            self.head = LogHead(length=self.head.length + 1, chain=line.chain)
            self._last_seq = line.seq
            if self._anchor is not None and self.head.length == self._anchor.length:
                self._anchored = self.head.chain == self._anchor.chain

    def problems(self) -> Iterator[str]:
        """What is wrong with the log as far as it was followed, one sentence each."""
        yield from self.breaks
        anchor = self._anchor
        if self._anchored or anchor is None:
            return
        if self.head.length < anchor.length:
            yield (
                f"the log has {self.head.length} lines and had {anchor.length} when its head was kept: "
                "its end was cut off, or this is the database of before"
            )
        else:
            yield f"line number {anchor.length} of the log is not the one whose head was kept: it was rewritten"

    def _broken(self, line: Line) -> str:
        if not line.chain:
            return f"line {line.seq} ({line.kind[:80]}) has no hash: it was not written by the orchestrator"
        if line.seq != self._last_seq + 1:
            return (
                f"line {line.seq} does not follow line {self._last_seq}: "
                "lines between them were removed, or it was moved or edited"
            )
        return (
            f"line {line.seq} does not follow from line {self._last_seq}: "
            "one of them was edited, inserted or moved, or lines between them were removed"
        )
