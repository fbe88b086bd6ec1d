"""engine.hold: exactly the holds asked for, and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.engine.hold import PROCEDURE, HoldParams
from tasks.engine.host_facts import HostFacts
from tasks.errors import Refused
from tests.tasks.engine.world import OLD, after, lab_facts, setting

FACTS = lab_facts(None)
NAMES = st.sets(st.sampled_from(sorted(OLD)))


def _held(names: set[str]) -> HostFacts:
    packages = {
        name: package.model_copy(update={"status": "hi"}) if name in names else package
        for name, package in FACTS.installed.packages.items()
    }
    installed = FACTS.installed.model_copy(update={"packages": packages})
    return FACTS.model_copy(update={"installed": installed})


@settings(deadline=None)
@given(held=NAMES, chosen=NAMES.filter(bool), state=st.sampled_from(["held", "released"]))
def test_it_marks_what_is_wrong_proves_it_and_brings_it_back(
    held: set[str], chosen: set[str], state: str
) -> None:
    before = _held(held)
    params = HoldParams.model_validate({"state": state, "packages": tuple(chosen)})
    now = after(before, PROCEDURE.plan(before, params, setting()).steps)
    assert set(now.installed.held(OLD)) == (held | chosen if state == "held" else held - chosen)
    assert PROCEDURE.plan(now, params, setting()).steps == ()
    assert PROCEDURE.verify(before, now, params, ()).ok
    undone = after(now, PROCEDURE.undo(before, now, params, setting(before)).steps)
    assert PROCEDURE.differences(before, undone) == ()


def test_the_set_is_every_engine_package_that_is_installed() -> None:
    draft = PROCEDURE.plan(FACTS, HoldParams(state="held"), setting())
    assert draft.steps[0].title == "Put on hold: containerd, docker.io, runc"
    assert PROCEDURE.plan(_held(set(OLD)), HoldParams(state="held"), setting()).summary == "held already"


def test_the_word_for_the_set_may_come_as_a_list_of_one() -> None:
    assert HoldParams.model_validate({"state": "held", "packages": ["set"]}).packages == "set"


def test_a_hold_that_did_not_take_is_not_believed() -> None:
    verdict = PROCEDURE.verify(FACTS, FACTS, HoldParams(state="held"), ())
    assert not verdict.ok
    assert "package runc is not held" in verdict.evidence


def test_a_package_that_is_not_the_engines_is_refused_by_name() -> None:
    params = HoldParams(state="held", packages=("libc6", "runc"))
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(FACTS, params, setting())
    assert caught.value.code == "E_PARAM"
    assert "libc6" in caught.value.message


def test_upgrades_at_work_are_mentioned() -> None:
    busy = _held(set(OLD)).model_copy(update={"apt_busy": ("apt-daily-upgrade.service",)})
    verdict = PROCEDURE.verify(FACTS, busy, HoldParams(state="held"), ())
    assert [finding.code for finding in verdict.findings] == ["W_PKG_BUSY"]


@pytest.mark.parametrize(
    "values",
    [{}, {"state": "on"}, {"state": "held", "packages": ["--all"]}, {"state": "held", "packages": "all"}],
)
def test_parameters_that_cannot_be_meant_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HoldParams.model_validate(values)
