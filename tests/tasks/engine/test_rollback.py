"""engine.rollback: back to a snapshot on the host, or to older versions of the archive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.engine.cached import Cache
from tasks.engine.family import COMPANIONS, Family
from tasks.engine.files import ConfigFile
from tasks.engine.goal import Goal
from tasks.engine.rollback import PROCEDURE, RollbackParams
from tasks.engine.rollback_facts import RollbackFacts
from tasks.procedure import RunStep
from tests.tasks.engine.upgraded import (
    AT_GOAL,
    BEFORE,
    FROM_ARCHIVE,
    TO_ARCHIVE,
    TO_SNAPSHOT,
    UPGRADED,
    upgraded,
)
from tests.tasks.engine.world import OLD, SNAPSHOT_DIR, after, one_round, setting


def _run(facts: RollbackFacts, params: RollbackParams) -> tuple[RollbackFacts, list[str]]:
    before, now, ended = None, facts, list[str]()
    for _ in range(6):
        todo = one_round(PROCEDURE.plan(now, params, setting(before)).steps, ended)
        before = before or now
        if not todo:
            return now, ended
        changed = after(now, todo)
        assert isinstance(changed, RollbackFacts)
        now, ended = changed, ended + [step.key for step in todo]
    raise AssertionError(f"does not come to rest: {ended}")


@pytest.mark.parametrize(("facts", "params"), [(AT_GOAL, TO_SNAPSHOT), (FROM_ARCHIVE, TO_ARCHIVE)])
def test_both_ways_keep_what_is_there_go_back_as_a_set_and_hold_it(
    facts: RollbackFacts, params: RollbackParams
) -> None:
    draft = PROCEDURE.plan(facts, params, setting())
    keys = [step.key for step in draft.steps]
    assert keys[:2] == ["keep-config", "cache"]
    assert keys.index("stop") < keys.index("install-previous") < keys.index("hold") < keys.index("start")
    assert draft.summary == "26.1.5+dfsg1 → 20.10.24+dfsg1"
    now, ended = _run(facts, params)
    assert set(ended) <= set(keys)
    assert now.versions() == OLD
    assert set(now.installed.held(OLD)) == set(OLD)
    verdict = PROCEDURE.verify(facts, now, params, ())
    assert verdict.ok, verdict.evidence


def test_the_digest_does_not_depend_on_the_attempt() -> None:
    other = replace(setting(), attempt_id="p9/web-1/7", snapshot_dir="/elsewhere/snapshot")
    moved = FROM_ARCHIVE.model_copy(update={"cache": Cache(directory=other.snapshot_dir)})
    planned = PROCEDURE.plan(FROM_ARCHIVE, TO_ARCHIVE, setting())
    assert planned.digest == PROCEDURE.plan(moved, TO_ARCHIVE, other).digest


def test_a_companion_the_older_engine_contains_itself_is_removed_by_name() -> None:
    steps = PROCEDURE.plan(FROM_ARCHIVE, TO_ARCHIVE, setting()).steps
    install = next(step for step in steps if step.key == "install-previous")
    assert isinstance(install, RunStep)
    assert install.argv[-1] == "docker-cli-"
    assert COMPANIONS[Family.DOCKER_IO] == ("docker-cli",)


def test_a_host_that_is_back_already_needs_nothing() -> None:
    there = RollbackFacts.model_validate(
        BEFORE.model_dump() | {"goal": Goal(attempt="c1-1-0", snapshot=BEFORE, cache=Cache(directory="/s"))}
    )
    assert PROCEDURE.plan(there, RollbackParams(snapshot_id="c1", hold_after=False), setting()).steps == ()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"packages": {}},
        {"snapshot_id": "c1", "packages": OLD},
        {"snapshot_id": "../../etc"},
        {"snapshot_id": "c1/web-1"},
        {"snapshot_id": "C1"},
        {"snapshot_id": "c.*"},
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RollbackParams.model_validate(values)


def test_configuration_comes_back_from_the_hosts_own_copies_and_never_travels_in_a_plan() -> None:
    secret = ConfigFile(path="/etc/docker/daemon.json", mode=0o600, content=b'{"proxies": "s3cret"}')
    snapshot = BEFORE.model_copy(update={"files": (secret,)})
    goal = Goal(attempt="c1-1-0", snapshot=snapshot, cache=UPGRADED.cache)
    draft = PROCEDURE.plan(upgraded(goal=goal), TO_SNAPSHOT, setting())
    step = next(step for step in draft.steps if step.key == "restore:/etc/docker/daemon.json")
    assert isinstance(step, RunStep)
    assert step.argv[-2:] == (f"{SNAPSHOT_DIR}/etc/docker/daemon.json", "/etc/docker/daemon.json")
    assert "s3cret" not in draft.model_dump_json()
