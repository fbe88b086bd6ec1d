"""An engine that cannot go back, or not without harm, is left alone; the refusal says what to do next."""

from __future__ import annotations

import pytest

from tasks.engine.cached import Cache
from tasks.engine.goal import Goal
from tasks.engine.rollback import PROCEDURE, RollbackParams
from tasks.engine.rollback_facts import RollbackFacts
from tasks.errors import Refused
from tests.tasks.engine.upgraded import (
    AT_GOAL,
    BEFORE,
    DOWN,
    FROM_ARCHIVE,
    TO_ARCHIVE,
    TO_SNAPSHOT,
    UPGRADED,
    from_archive,
    upgraded,
)
from tests.tasks.engine.world import OLD, setting


def _refusal(facts: RollbackFacts, params: RollbackParams) -> Refused:
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(facts, params, setting())
    assert caught.value.hint
    return caught.value


def test_a_host_without_that_snapshot_is_refused() -> None:
    assert _refusal(upgraded(), TO_SNAPSHOT).code == "E_ROLLBACK_UNAVAILABLE"


def test_a_snapshot_that_lost_its_files_is_refused() -> None:
    goal = Goal(attempt="c1-1-0", snapshot=BEFORE, cache=Cache(directory="/s"))
    assert _refusal(upgraded(goal=goal), TO_SNAPSHOT).code == "E_ROLLBACK_UNAVAILABLE"


def test_a_set_with_a_package_left_out_is_refused_by_its_name() -> None:
    refusal = _refusal(FROM_ARCHIVE, RollbackParams(packages={"docker.io": OLD["docker.io"]}))
    assert refusal.code == "E_PARAM"
    assert "containerd, runc" in refusal.message


def test_anything_else_apt_would_remove_is_refused() -> None:
    refusal = _refusal(from_archive(DOWN + "Remv postgresql [15]\n"), TO_ARCHIVE)
    assert refusal.code == "E_TXN_UNEXPECTED"
    assert "postgresql" in refusal.message
    assert "docker-cli" not in refusal.message


def test_images_that_would_become_invisible_need_acceptance() -> None:
    engine = UPGRADED.engine.model_dump()
    engine["daemon"] |= {"containerd_store": True, "driver": "overlayfs"}
    facts = upgraded(goal=AT_GOAL.goal, engine=engine)
    assert _refusal(facts, TO_SNAPSHOT).code == "E_STORE_MISMATCH"
    accepted = RollbackParams(snapshot_id="c1", accept_store_mismatch=True)
    assert PROCEDURE.plan(facts, accepted, setting()).steps
