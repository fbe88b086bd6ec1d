"""What a campaign must know of the world outside itself to decide: who else changes hosts, and what holds everybody.

The shell collects it from SQL before each decision; the core only reads it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The world outside one campaign, at one instant."""

    #: hosts that somebody else is changing; they are left alone
    blocked: frozenset[str] = frozenset()


#: nothing outside matters
CALM = Surroundings()
