"""What a planted bug is: what it breaks, in one sentence, where, and the schedule that catches it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.simulate.laws.law import Law

#: modules most bugs are planted in
DECIDE, WATCH, ANSWERS = "campaign.decide", "campaign.watch", "campaign.answers"
ACT, COMMIT, LOOP = "loop.acting", "loop.committing", "loop.reconcile"


@dataclass(frozen=True, slots=True)
class Change:
    """Text of one function, and what replaces it."""

    #: module below orchestrator, and the function in it
    place: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug, and the schedule that catches it."""

    says: str
    changes: tuple[Change, ...]
    law: Law
    seed: int


def bug(law: Law, seed: int, says: str, *changes: tuple[str, str, str]) -> Bug:
    """Give the bug with these changes, each as place, old and new text."""
    return Bug(says=says, changes=tuple(Change(*change) for change in changes), law=law, seed=seed)
