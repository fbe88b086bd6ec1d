"""engine.rollback: back to a snapshot on the host, or to older versions of the archive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.connection import Command
from tasks.engine.cached import Cache
from tasks.engine.family import COMPANIONS, Family
from tasks.engine.files import ConfigFile
from tasks.engine.goal import Goal, find_goal, latest_first, parse_snapshot
from tasks.engine.host_facts import HostFacts
from tasks.engine.rollback import PROCEDURE, RollbackFacts, RollbackParams
from tasks.engine.transaction import Simulation, parse_simulation
from tasks.engine.upgrade import PROCEDURE as UPGRADE
from tasks.engine.upgrade import UpgradeParams
from tasks.errors import Refused
from tasks.fake import FakeHost
from tasks.procedure import RunStep
from tests.tasks.engine.world import (
    NEW,
    OLD,
    SNAPSHOT_DIR,
    after,
    captured,
    lab_facts,
    one_round,
    setting,
)

BEFORE = lab_facts("26.1")
UPGRADED = after(
    BEFORE,
    UPGRADE.plan(
        BEFORE,
        UpgradeParams(version="26.1", allow_major=True, allow_container_stop=True),
        setting(),
    ).steps,
)
TO_SNAPSHOT = RollbackParams(snapshot_id="c1")
TO_ARCHIVE = RollbackParams(packages=OLD)
DEBS = {name: {"file": f"{name}.deb", "size_bytes": 1, "sha256": "0" * 64} for name in NEW}


def _facts(**changes: Any) -> RollbackFacts:
    values = UPGRADED.model_dump() | {"cache": Cache(directory=SNAPSHOT_DIR), "obtainable": DEBS}
    return RollbackFacts.model_validate(values | changes)


AT_GOAL = _facts(goal=Goal(attempt="c1-1-0123abcd", snapshot=BEFORE, cache=UPGRADED.cache))
DOWN = {
    "target": {**NEW, **OLD},
    "simulation": Simulation(ok=True, changes=parse_simulation(captured("simulate-downgrade.txt"))),
    "downgrades": tuple(OLD),
}
FROM_ARCHIVE = _facts(resolution=DOWN)


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


def _refusal(facts: RollbackFacts, params: RollbackParams) -> Refused:
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(facts, params, setting())
    assert caught.value.hint
    return caught.value


def test_a_host_without_that_snapshot_is_refused() -> None:
    assert _refusal(_facts(), TO_SNAPSHOT).code == "E_ROLLBACK_UNAVAILABLE"


def test_a_snapshot_that_lost_its_files_is_refused() -> None:
    goal = Goal(attempt="c1-1-0", snapshot=BEFORE, cache=Cache(directory="/s"))
    assert _refusal(_facts(goal=goal), TO_SNAPSHOT).code == "E_ROLLBACK_UNAVAILABLE"


def test_a_set_with_a_package_left_out_is_refused_by_its_name() -> None:
    refusal = _refusal(FROM_ARCHIVE, RollbackParams(packages={"docker.io": OLD["docker.io"]}))
    assert refusal.code == "E_PARAM"
    assert "containerd, runc" in refusal.message


def test_anything_else_apt_would_remove_is_refused() -> None:
    changes = parse_simulation(captured("simulate-downgrade.txt") + "Remv postgresql [15]\n")
    facts = _facts(resolution=DOWN | {"simulation": Simulation(ok=True, changes=changes)})
    refusal = _refusal(facts, TO_ARCHIVE)
    assert refusal.code == "E_TXN_UNEXPECTED"
    assert "postgresql" in refusal.message
    assert "docker-cli" not in refusal.message


def test_images_that_would_become_invisible_need_acceptance() -> None:
    engine = UPGRADED.engine.model_dump()
    engine["daemon"] |= {"containerd_store": True, "driver": "overlayfs"}
    facts = _facts(goal=AT_GOAL.goal, engine=engine)
    assert _refusal(facts, TO_SNAPSHOT).code == "E_STORE_MISMATCH"
    accepted = RollbackParams(snapshot_id="c1", accept_store_mismatch=True)
    assert PROCEDURE.plan(facts, accepted, setting()).steps


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


def test_the_latest_attempt_of_a_campaign_comes_first() -> None:
    directories = ["/a/c1-2-00ff", "/a/c1-10-00ff", "/a/c11-3-00ff", "/a/xc1-1-00ff", "/a/c1-9-zz", ""]
    assert latest_first(directories, "c1") == ("/a/c1-10-00ff", "/a/c1-2-00ff")
    assert latest_first(directories, "c1/web-1/2") == ("/a/c1-2-00ff",)


def test_a_snapshot_is_found_on_the_host_and_our_own_is_no_goal() -> None:
    listed = "/var/lib/dockwave/attempts/c1-1-0123abcd\0/var/lib/dockwave/attempts/c1-2-99990000\0"

    def show(command: Command) -> str:
        return BEFORE.model_dump_json()

    host = FakeHost(answers={"find": lambda c: listed if "before.json" in c.argv else "", "cat": show})
    goal = find_goal(host, "c1", "/var/lib/dockwave/attempts/c1-2-99990000/snapshot")
    assert goal is not None
    assert goal.attempt == "c1-1-0123abcd"
    assert goal.snapshot == BEFORE
    assert goal.cache.directory == "/var/lib/dockwave/attempts/c1-1-0123abcd/snapshot"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"disk": 1}', '{"units": 7}', "\x00"])
def test_what_is_no_snapshot_of_an_engine_is_none(text: str) -> None:
    assert parse_snapshot(text) is None


def test_a_snapshot_of_an_earlier_rollback_is_one_too() -> None:
    found = parse_snapshot(AT_GOAL.model_dump_json())
    assert isinstance(found, HostFacts)
    assert found.versions() == NEW


def test_configuration_comes_back_from_the_hosts_own_copies_and_never_travels_in_a_plan() -> None:
    secret = ConfigFile(path="/etc/docker/daemon.json", mode=0o600, content=b'{"proxies": "s3cret"}')
    snapshot = BEFORE.model_copy(update={"files": (secret,)})
    goal = Goal(attempt="c1-1-0", snapshot=snapshot, cache=UPGRADED.cache)
    draft = PROCEDURE.plan(_facts(goal=goal), TO_SNAPSHOT, setting())
    step = next(step for step in draft.steps if step.key == "restore:/etc/docker/daemon.json")
    assert isinstance(step, RunStep)
    assert step.argv[-2:] == (f"{SNAPSHOT_DIR}/etc/docker/daemon.json", "/etc/docker/daemon.json")
    assert "s3cret" not in draft.model_dump_json()
