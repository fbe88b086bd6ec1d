"""What procedures that may change the whole engine share: their host is held against the snapshot as a whole."""

from __future__ import annotations

from typing import Generic, TypeVar

from tasks.engine import returning
from tasks.engine.host_facts import HostFacts

F = TypeVar("F", bound=HostFacts)


class Comparing(Generic[F]):
    """The proof of a way back: what differs, what of it others changed, and what is looked at."""

    def differences(self, before: F, now: F) -> tuple[str, ...]:
        """Compare with the facts taken before the first change."""
        return returning.differences(before, now)

    def beyond_undo(self, before: F, now: F) -> tuple[str, ...]:
        """What others changed since, where it stands before an undo begins."""
        return returning.beyond_undo(before, now)

    def compared(self, before: F) -> tuple[str, ...]:
        """What the comparison with the snapshot covers."""
        return returning.compared(before)
