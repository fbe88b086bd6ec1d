"""Campaigns that were logged once are decided in the same way again; that changes on purpose or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.golden.recording import DECISIONS, FOLDER, INPUTS, load, replayed
from tests.golden.scenes import SCENES


def test_every_scene_is_recorded_and_nothing_else() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == SCENES.keys()


@pytest.mark.parametrize("name", SCENES)
def test_every_decision_is_made_again(name: str) -> None:
    for at, logged, now in replayed(load(name)):
        assert now == logged, f"at {at}; on purpose? then: python -m tests.golden.renew {name}"


def test_the_recordings_have_what_they_are_for() -> None:
    ends = {name: load(name).ended[""] for name in SCENES}
    assert ends["clean"] == "COMPLETE"
    assert ends["canary-fails"] == "HALTED" or ends["canary-fails"].startswith("ROLL")
    assert ends["abort"] == "ABORTED"
    assert ends["rollback"] == "ROLLED_BACK"
    assert "ask-journal" in {line.kind for line in load("unknown-then-receipt").lines}
    assert load("skip").ended["web-4"] == "SKIPPED"
    assert load("third-host-tolerated").ended["web-5"] == "SUCCEEDED"
    assert load("third-host-not-tolerated").ended["web-5"] == "CANCELLED"
    assert not INPUTS.keys() & DECISIONS.keys()


def test_another_policy_would_be_noticed() -> None:
    recording = load("clean")
    other = replace(recording.planned, policy=replace(recording.planned.policy, parallelism=1))
    assert any(now != logged for _, logged, now in replayed(replace(recording, planned=other)))
