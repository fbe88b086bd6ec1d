"""The live picture never says a wave went well when it did not."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.campaign.states import HostState
from orchestrator.cli import live
from orchestrator.screens.views import HostView, WaveView


def wave(state: str, *states: HostState) -> WaveView:
    """A wave with a host in each of these states."""
    build: Any = HostView.model_construct
    hosts = [build(host=f"web-{number}", state=name) for number, name in enumerate(states, start=1)]
    return WaveView.model_construct(number=1, state=state, hosts=hosts)


@pytest.mark.parametrize(
    ("state", "states", "glyph"),
    [
        ("done", (HostState.SUCCEEDED, HostState.ALREADY_RIGHT), "✔"),
        ("done", (HostState.CANCELLED, HostState.CANCELLED), "·"),
        ("done", (HostState.ROLLED_BACK,), "▲"),
        ("done", (HostState.SUCCEEDED, HostState.NEEDS_HUMAN), "▲"),
        ("done", (HostState.SUCCEEDED, HostState.CANCELLED), "▲"),
        ("running", (HostState.RUNNING, HostState.PENDING), "●"),
        ("waiting", (HostState.PENDING,), "○"),
    ],
)
def test_a_wave_is_ticked_only_when_every_host_went_well(
    state: str, states: tuple[HostState, ...], glyph: str
) -> None:
    assert live._wave_mark(wave(state, *states))[0] == glyph
