"""What a question to a gate comes to: a verdict, and one line that says why."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.campaign.gate import Verdict

_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    verdict: Verdict
    detail: str


def answer(verdict: Verdict, detail: str) -> Answer:
    """The answer with its reason as one bounded line; what others wrote in it cannot make a second one."""
    line = "".join(char if char.isprintable() else " " for char in detail)
    return Answer(verdict=verdict, detail=" ".join(line.split())[:_LONGEST])
