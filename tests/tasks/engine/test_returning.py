"""The way back: exactly to the snapshot, from kept files, whatever state the host is in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.engine.files import ConfigFile
from tasks.engine.host_facts import HostFacts
from tasks.engine.returning import beyond_undo, compared, differences, leaving, return_draft
from tasks.engine.upgrade import PROCEDURE, UpgradeParams
from tasks.errors import Refused
from tasks.facts.engine import EngineState
from tasks.facts.packages import Package
from tasks.procedure import RunStep, WriteStep
from tests.tasks.engine.world import NEW, OLD, SNAPSHOT_DIR, after, lab_facts, one_round, setting

PARAMS = UpgradeParams(version="26.1", allow_major=True, allow_container_stop=True)
BEFORE = lab_facts("26.1")
STEPS = PROCEDURE.plan(BEFORE, PARAMS, setting()).steps
UPGRADED = after(BEFORE, STEPS)


def _undo(now: HostFacts) -> tuple[HostFacts, list[str]]:
    ended: list[str] = []
    for _ in range(6):
        todo = one_round(PROCEDURE.undo(BEFORE, now, PARAMS, setting(BEFORE)).steps, ended)
        if not todo:
            return now, ended
        now = after(now, todo)
        ended += [step.key for step in todo]
    raise AssertionError(f"does not come to rest: {ended}")


def _with(facts: HostFacts, **changes: Any) -> HostFacts:
    return facts.model_copy(update=changes)


def _daemon(facts: HostFacts, **changes: Any) -> HostFacts:
    assert facts.engine.daemon is not None
    daemon = facts.engine.daemon.model_copy(update=changes)
    return _with(facts, engine=facts.engine.model_copy(update={"daemon": daemon}))


def test_an_untouched_host_needs_no_step_back() -> None:
    assert return_draft(BEFORE, BEFORE).steps == ()
    assert differences(BEFORE, BEFORE) == ()


def test_an_upgraded_host_differs_in_every_package_and_in_the_engine() -> None:
    lines = differences(BEFORE, UPGRADED)
    for name in NEW:
        assert any(name in line for line in lines)
    assert "the engine that runs is 26.1.5+dfsg1, was 20.10.24+dfsg1" in lines


def test_the_engine_is_down_while_older_packages_are_put_in_place_from_kept_files() -> None:
    steps = PROCEDURE.undo(BEFORE, UPGRADED, PARAMS, setting(BEFORE)).steps
    keys = [step.key for step in steps]
    assert (
        keys.index("stop")
        < keys.index("keep-networks")
        < keys.index("install-previous")
        < keys.index("start")
    )
    install = steps[keys.index("install-previous")]
    assert isinstance(install, RunStep)
    assert install.replan
    assert f"{SNAPSHOT_DIR}/runc_{OLD['runc']}_amd64.deb" in install.argv
    assert install.argv[-1] == "docker-cli-"
    assert steps[0].key == "stop"
    assert isinstance(steps[0], RunStep)
    assert steps[0].argv == ("systemctl", "stop", "docker.socket", "docker.service")


@settings(deadline=None, max_examples=40)
@given(
    done=st.integers(0, len(STEPS)),
    held=st.sets(st.sampled_from(sorted(OLD))),
    automatic=st.sets(st.sampled_from(sorted(OLD))),
    touched=st.booleans(),
)
def test_from_wherever_the_upgrade_stopped_the_undo_arrives_at_the_snapshot(
    done: int, held: set[str], automatic: set[str], touched: bool
) -> None:
    packages = {
        name: package.model_copy(
            update={"status": "hi" if name in held else package.status, "auto": name in automatic}
        )
        for name, package in BEFORE.installed.packages.items()
    }
    before = _with(BEFORE, installed=BEFORE.installed.model_copy(update={"packages": packages}))
    now = after(before, PROCEDURE.plan(before, PARAMS, setting()).steps[:done])
    if touched:
        now = _with(now, files=(ConfigFile(path="/etc/default/docker", mode=0o600, content=b"\xff"),))
    ended: list[str] = []
    for _ in range(6):
        todo = one_round(PROCEDURE.undo(before, now, PARAMS, setting(before)).steps, ended)
        if not todo:
            break
        now = after(now, todo)
        ended += [step.key for step in todo]
    assert differences(before, now) == ()


def test_configuration_comes_back_before_the_packages_start_the_engine() -> None:
    changed = _with(UPGRADED, files=())
    keys = [step.key for step in PROCEDURE.undo(BEFORE, changed, PARAMS, setting(BEFORE)).steps]
    assert keys.index("restore:/etc/docker/daemon.json") < keys.index("install-previous")


def test_a_changed_configuration_alone_is_written_back_and_the_engine_started_anew() -> None:
    extra = ConfigFile(path="/etc/systemd/system/docker.service.d/x.conf", mode=0o644, content=b"x")
    changed = _with(BEFORE, files=(*BEFORE.files, extra))
    assert differences(BEFORE, changed) == (f"{extra.path} was not there",)
    now, ended = _undo(changed)
    assert now.files == BEFORE.files
    assert ended == [f"restore:{extra.path}", "daemon-reload", "reset-failed", "start"]
    removal = PROCEDURE.undo(BEFORE, changed, PARAMS, setting(BEFORE)).steps[0]
    assert isinstance(removal, WriteStep)
    assert removal.content is None


def test_an_engine_the_change_left_down_is_started_with_its_whole_budget() -> None:
    down = _with(BEFORE, engine=EngineState(error_code="E_START_LIMIT", error="start-limit-hit"))
    keys = [step.key for step in return_draft(BEFORE, down).steps]
    assert keys == ["daemon-reload", "reset-failed", "start"]


def test_a_half_configured_package_is_finished_or_replaced() -> None:
    packages = {**UPGRADED.installed.packages, "docker.io": Package(version=NEW["docker.io"], status="iF")}
    torn = _with(
        UPGRADED, installed=UPGRADED.installed.model_copy(update={"packages": packages, "audit": "half"})
    )
    steps = return_draft(BEFORE, torn).steps
    configure = next(step for step in steps if step.key == "configure")
    assert isinstance(configure, RunStep)
    assert 1 in configure.ok_exit_codes
    assert any("dpkg complains" in line for line in differences(BEFORE, torn))


def test_containers_the_change_stopped_are_started_again_once_the_engine_is_right() -> None:
    assert BEFORE.engine.daemon is not None
    stopped = tuple(
        container.model_copy(update={"state": "exited", "pid": 0, "exit_code": 137})
        if container.name == "norestart"
        else container
        for container in BEFORE.engine.daemon.containers
    )
    now = _daemon(BEFORE, containers=stopped)
    steps = PROCEDURE.undo(BEFORE, now, PARAMS, setting(BEFORE)).steps
    assert [step.key.split(":")[0] for step in steps] == ["wake"]
    assert differences(BEFORE, now) == ("container norestart ran and is exited",)


def test_without_the_kept_files_there_is_no_way_back_and_it_says_so() -> None:
    lost = _with(UPGRADED, cache=UPGRADED.cache.model_copy(update={"files": ()}))
    with pytest.raises(Refused) as caught:
        return_draft(BEFORE, lost)
    assert caught.value.code == "E_ROLLBACK_UNAVAILABLE"
    assert OLD["docker.io"] in caught.value.message


def test_another_image_store_is_not_returned_from_blindly() -> None:
    with pytest.raises(Refused) as caught:
        return_draft(BEFORE, _daemon(UPGRADED, containerd_store=True, driver="overlayfs"))
    assert caught.value.code == "E_ROLLBACK_UNSAFE"
    assert return_draft(BEFORE, _daemon(UPGRADED, containerd_store=True), accept_store=True).steps


def test_what_others_made_meanwhile_is_theirs_but_what_is_gone_counts() -> None:
    assert BEFORE.engine.daemon is not None
    more = _daemon(BEFORE, images={**BEFORE.engine.daemon.images, "sha256:new": ()}, volumes=("v1", "v2"))
    assert differences(BEFORE, more) == ()
    less = _daemon(BEFORE, images={}, volumes=())
    assert len(differences(BEFORE, less)) == 2


def test_only_what_the_change_brought_leaves_again() -> None:
    packages = {**UPGRADED.installed.packages, "vim": Package(version="9", status="ii")}
    now = _with(UPGRADED, installed=UPGRADED.installed.model_copy(update={"packages": packages}))
    assert leaving(BEFORE, now) == ("docker-cli",)


def test_after_a_reboot_a_container_without_a_policy_is_excused_and_others_are_not() -> None:
    assert BEFORE.engine.daemon is not None
    asleep = tuple(
        container.model_copy(update={"state": "exited", "pid": 0})
        for container in BEFORE.engine.daemon.containers
    )
    rebooted = _daemon(_with(BEFORE, boot="another"), containers=asleep)
    lines = differences(BEFORE, rebooted)
    assert "container app1 ran and is exited" in lines
    assert not [line for line in lines if "norestart" in line]


def test_only_what_no_step_of_ours_makes_counts_as_changed_by_others() -> None:
    assert BEFORE.engine.daemon is not None
    assert differences(BEFORE, UPGRADED)
    assert beyond_undo(BEFORE, UPGRADED) == (), "what the upgrade did is ours"
    images = BEFORE.engine.daemon.images
    volumes = BEFORE.engine.daemon.volumes
    with_more = _daemon(BEFORE, images=(*images, "sha256:" + "c" * 64), volumes=(*volumes, "gone"))
    assert beyond_undo(with_more, UPGRADED) == ("image sha256:cccccccccccc is gone", "volume gone is gone")


def test_the_proof_names_what_was_compared() -> None:
    text = "\n".join(compared(BEFORE))
    for word in ("version, hold and mark", "bytes and mode", "containers: id", "images: digest", "volumes"):
        assert word in text
