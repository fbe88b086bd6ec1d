"""Which options a gate of each kind needs, which it has a use for, and when it can be asked: one table for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from orchestrator.campaign.gate import BASELINE_KINDS, HOST_KINDS, GateKind, Moment

#: options it cannot do without
NEEDS: Final[Mapping[GateKind, tuple[str, ...]]] = {
    GateKind.HTTP: ("url",),
    GateKind.PROMETHEUS: ("url", "query"),
    GateKind.COMMAND: ("argv",),
    GateKind.HUMAN: ("group",),
    GateKind.HEALTH: (),
    GateKind.DELTA: (),
    GateKind.RUNNING_SET: (),
}

#: what a question of moment host may say of its host, and what it may not say at any other moment
HOST, ADDRESS = "{host}", "{address}"

_ASKED = frozenset({GateKind.HTTP, GateKind.PROMETHEUS, GateKind.COMMAND}) | HOST_KINDS
_PEOPLE = frozenset({GateKind.HUMAN})

#: options only some kinds have a use for; names of the file and of the API
ONLY_OF: Final[Mapping[str, frozenset[GateKind]]] = {
    "url": frozenset({GateKind.HTTP, GateKind.PROMETHEUS}),
    **dict.fromkeys(("query", "least", "most"), frozenset({GateKind.PROMETHEUS})),
    "argv": frozenset({GateKind.COMMAND}),
    **dict.fromkeys(
        ("every", "every_s", "timeout", "timeout_s", "failures", "errors", "inconclusive", "passes"), _ASKED
    ),
    "warnings": HOST_KINDS,
    **dict.fromkeys(
        ("group", "required", "among", "expires", "expires_s", "on_timeout", "fail_on_timeout"), _PEOPLE
    ),
}

#: why people are not asked before each host
UNASKED: Final = "people who are asked before every host soon agree without looking; ask them for waves"

_ALWAYS = (Moment.CAMPAIGN, Moment.WAVE, Moment.AFTER_WAVE)
#: moments at which a gate may be meant for some waves only
OF_WAVES: Final = frozenset({Moment.WAVE, Moment.HOST, Moment.AFTER_WAVE})

MOMENTS_OF: Final[Mapping[GateKind, tuple[Moment, ...]]] = {
    **dict.fromkeys(_ASKED, (*_ALWAYS, Moment.HOST, Moment.BACKGROUND)),
    GateKind.HUMAN: _ALWAYS,
    # before the campaign there is nothing to compare with
    **dict.fromkeys(BASELINE_KINDS, (Moment.WAVE, Moment.HOST, Moment.AFTER_WAVE, Moment.BACKGROUND)),
}

#: seconds between two questions, and for one answer, unless said otherwise: hosts take longer than servers
EVERY_S: Final[Mapping[GateKind, float]] = {kind: 60.0 if kind in HOST_KINDS else 30.0 for kind in GateKind}
TIMEOUT_S: Final[Mapping[GateKind, float]] = {kind: 45.0 if kind in HOST_KINDS else 10.0 for kind in GateKind}


def misplaced(texts: Iterable[str], at: Moment) -> str:
    """The first word about a host in a question that is about none; "" when there is none."""
    if at is Moment.HOST:
        return ""
    return next((word for text in texts for word in (HOST, ADDRESS) if word in text), "")


def useful(kind: GateKind) -> tuple[str, ...]:
    """The options of the table that this kind has a use for."""
    return tuple(key for key, kinds in ONLY_OF.items() if kind in kinds)
