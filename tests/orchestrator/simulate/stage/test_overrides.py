"""People who let gates pass try every gate that may hold the campaign now."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.campaign.gate import Gate, GateKind, Moment
from orchestrator.simulate.stage.overrides import opened, wishes
from tests.support.started import BEFORE, started


def test_a_wish_names_the_wave_or_the_host_its_gate_holds() -> None:
    gates = tuple(Gate(name=at.value, kind=GateKind.COMMAND, at=at, argv=("true",)) for at in Moment)
    campaign = started(replace(BEFORE, wave=1, policy=replace(BEFORE.policy, gates=gates)))
    waiting = [run.host.name for run in campaign.runs[1:] if run.wave == 1]
    found = {opened(campaign, wish)[1:] for wish in wishes(campaign, "ann")}
    assert found == {
        (Moment.CAMPAIGN.value, 0, ""),
        (Moment.WAVE.value, 2, ""),
        (Moment.AFTER_WAVE.value, 1, ""),
        (Moment.BACKGROUND.value, 0, ""),
        *((Moment.HOST.value, 1, host) for host in waiting),
    }
    assert waiting
