"""What a person may ask who lets gates pass: every gate a campaign may be held by now, open or not."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import OverrideAsked
from orchestrator.campaign.gate import Gate, Moment
from orchestrator.campaign.states import HostState

#: a gate by campaign, name, wave and host, "" for those that are asked for no single host
Opened = tuple[str, str, int, str]


def wishes(campaign: Campaign, by: str) -> Iterator[OverrideAsked]:
    """Give what may be asked for each gate of this campaign; which of them hold anything, its engine says."""
    for gate in campaign.policy.gates:
        for wave, host in _places(campaign, gate):
            yield OverrideAsked(gate=gate.name, wave=wave, host=host, by=by, reason="it is known")


def opened(campaign: Campaign, wish: OverrideAsked) -> Opened:
    """Give the gate a wish is about."""
    return campaign.id, wish.gate, wish.wave, wish.host


def _places(campaign: Campaign, gate: Gate) -> Iterator[tuple[int, str]]:
    wave = campaign.wave
    if gate.at is Moment.HOST:
        waiting = (run for run in campaign.runs if run.state is HostState.PENDING and run.wave == wave)
        yield from ((wave, run.host.name) for run in waiting)
    elif gate.at is Moment.WAVE:
        yield wave + 1, ""
    else:
        yield (wave if gate.at is Moment.AFTER_WAVE else 0), ""
