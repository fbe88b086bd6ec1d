"""Which options a gate of each kind needs, which it has a use for, and when it can be asked: one table for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestrator.campaign.gate import GateKind, Moment

#: options it cannot do without
NEEDS: Final[Mapping[GateKind, tuple[str, ...]]] = {
    GateKind.HTTP: ("url",),
    GateKind.PROMETHEUS: ("url", "query"),
    GateKind.COMMAND: ("argv",),
    GateKind.HUMAN: ("group",),
}

_ASKED = frozenset({GateKind.HTTP, GateKind.PROMETHEUS, GateKind.COMMAND})
_PEOPLE = frozenset({GateKind.HUMAN})

#: options only some kinds have a use for; names of the file and of the API
ONLY_OF: Final[Mapping[str, frozenset[GateKind]]] = {
    **dict.fromkeys(
        ("every", "every_s", "timeout", "timeout_s", "failures", "errors", "inconclusive", "passes"), _ASKED
    ),
    **dict.fromkeys(
        ("group", "required", "among", "expires", "expires_s", "on_timeout", "fail_on_timeout"), _PEOPLE
    ),
}

_ALWAYS = (Moment.CAMPAIGN, Moment.WAVE, Moment.AFTER_WAVE)

MOMENTS_OF: Final[Mapping[GateKind, tuple[Moment, ...]]] = {
    **dict.fromkeys(_ASKED, (*_ALWAYS, Moment.BACKGROUND)),
    GateKind.HUMAN: _ALWAYS,
}


def useful(kind: GateKind) -> tuple[str, ...]:
    """The options of the table that this kind has a use for."""
    return tuple(key for key, kinds in ONLY_OF.items() if kind in kinds)
