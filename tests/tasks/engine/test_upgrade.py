"""engine.upgrade: facts in, steps out; and the steps, done, leave nothing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.catalog import find
from tasks.engine.binary import Binary
from tasks.engine.host_facts import HostFacts
from tasks.engine.upgrade import PROCEDURE, UpgradeParams
from tasks.errors import Refused
from tasks.facts.engine import Daemon
from tasks.facts.units import Unit
from tasks.model import UndoClass
from tasks.procedure import Draft, RunStep
from tests.tasks.engine.world import NEW, OLD, after, lab_facts, one_round, setting

ACCEPTED: dict[str, Any] = {"version": "26.1", "allow_major": True, "allow_container_stop": True}
PARAMS = UpgradeParams(**ACCEPTED)
FACTS = lab_facts("26.1")


def _with_daemon(facts: HostFacts, **changes: Any) -> HostFacts:
    assert facts.engine.daemon is not None
    daemon = facts.engine.daemon.model_copy(update=changes)
    return facts.model_copy(update={"engine": facts.engine.model_copy(update={"daemon": daemon})})


def _with_mark(facts: HostFacts, name: str, **changes: Any) -> HostFacts:
    packages = dict(facts.installed.packages)
    packages[name] = packages[name].model_copy(update=changes)
    installed = facts.installed.model_copy(update={"packages": packages})
    return facts.model_copy(update={"installed": installed})


def _keys(draft: Draft) -> list[str]:
    return [step.key for step in draft.steps]


def _refusal(facts: HostFacts, **params: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(facts, UpgradeParams(**(ACCEPTED | params)), setting())
    assert caught.value.hint
    return caught.value


def _run(facts: HostFacts, params: UpgradeParams) -> tuple[HostFacts, list[str]]:
    """What a runner makes of it: rounds of steps, each key once."""
    before, now, ended = None, facts, list[str]()
    for _ in range(6):
        draft = PROCEDURE.plan(now, params, setting(before))
        todo = one_round(draft.steps, ended)
        before = before or now
        if not todo:
            return now, ended
        now = after(now, todo)
        ended += [step.key for step in todo]
    raise AssertionError(f"does not come to rest: {ended}")


def test_the_catalogue_knows_it_by_its_path() -> None:
    assert find("engine.upgrade") is PROCEDURE
    assert PROCEDURE.spec.strict
    assert PROCEDURE.spec.stops_engine


def test_a_plan_lists_every_step_it_may_come_to() -> None:
    draft = PROCEDURE.plan(FACTS, PARAMS, setting())
    assert _keys(draft) == [
        *("keep-config", "cache", "refresh", "configure", "install"),
        *("daemon-reload", "reset-failed", "restart"),
    ]
    assert draft.summary == "20.10.24+dfsg1 → 26.1.5+dfsg1"
    assert draft.undo is UndoClass.EXACT
    assert sorted(draft.containers_at_risk) == ["app1", "app2", "norestart"]


def test_a_plan_has_the_same_digest_whatever_attempt_it_is_made_for() -> None:
    other = replace(setting(), attempt_id="p9/web-1/7", snapshot_dir="/elsewhere/snapshot")
    assert PROCEDURE.plan(FACTS, PARAMS, setting()).digest == PROCEDURE.plan(FACTS, PARAMS, other).digest


def test_done_it_leaves_nothing_to_do() -> None:
    now, ended = _run(FACTS, PARAMS)
    assert now.versions() == NEW
    assert ended == ["keep-config", "cache", "refresh", "install", "daemon-reload", "reset-failed", "restart"]
    again = now.model_copy(update={"resolution": FACTS.resolution})
    assert PROCEDURE.plan(again, PARAMS, setting()).steps == ()


@settings(deadline=None, max_examples=60)
@given(
    held=st.sets(st.sampled_from(sorted(OLD))),
    automatic=st.sets(st.sampled_from(sorted(OLD))),
    rehold=st.booleans(),
    refresh=st.booleans(),
    defer=st.booleans(),
)
def test_it_comes_to_rest_with_every_mark_it_found_and_asks_for_no_key_it_did_not_plan(
    held: set[str], automatic: set[str], rehold: bool, refresh: bool, defer: bool
) -> None:
    facts = FACTS
    for name in OLD:
        facts = _with_mark(facts, name, status="hi" if name in held else "ii", auto=name in automatic)
    params = UpgradeParams(
        **ACCEPTED, rehold=rehold, refresh_index=refresh, restart="defer" if defer else "required"
    )
    approved = set(_keys(PROCEDURE.plan(facts, params, setting())))
    now, ended = _run(facts, params)
    assert set(ended) <= approved
    assert now.versions() == NEW
    assert set(now.installed.auto(OLD)) == automatic
    assert set(now.installed.held(OLD)) == (held if rehold else set())
    verdict = PROCEDURE.verify(facts, now, params, ())
    assert verdict.ok, verdict.evidence


def test_a_worker_that_takes_over_after_the_installation_only_restarts() -> None:
    installed = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps[:5])
    assert _keys(PROCEDURE.plan(installed, PARAMS, setting(FACTS))) == [
        "daemon-reload",
        "reset-failed",
        "restart",
    ]


def test_packages_that_restart_the_engine_themselves_are_not_restarted_again() -> None:
    done = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps)
    assert PROCEDURE.plan(done, PARAMS, setting(FACTS)).steps == ()
    verdict = PROCEDURE.verify(FACTS, done, PARAMS, ())
    assert verdict.ok
    assert verdict.data["restart_by"] == "package"


def test_a_reboot_in_the_middle_of_the_installation_is_repaired_before_it_is_repeated() -> None:
    cached = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps[:2])
    torn = _with_mark(cached, "docker.io", status="iF")
    torn = torn.model_copy(
        update={"installed": torn.installed.model_copy(update={"audit": "docker.io is half configured"})}
    )
    keys = _keys(PROCEDURE.plan(torn, PARAMS, setting(FACTS)))
    assert keys.index("configure") < keys.index("install")


def test_a_release_that_cannot_start_is_refused_before_any_container_notices() -> None:
    installed = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps[:5])
    broken = installed.model_copy(
        update={"binary": Binary(broken="`dockerd --version` answered with exit 1")}
    )
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(broken, PARAMS, setting(FACTS))
    assert caught.value.code == "E_START_FAILED"


def test_a_configuration_the_new_release_refuses_is_found_before_the_restart() -> None:
    installed = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps[:5])
    text = "the following directives don't match any configuration option: graph"
    refusing = installed.model_copy(
        update={"binary": Binary(version="26.1.5", validated=True, config_error=text)}
    )
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(refusing, PARAMS, setting(FACTS))
    assert caught.value.code == "E_CONFIG_INVALID"
    assert "graph" in caught.value.message


def test_fetched_files_that_are_not_there_stop_it_before_the_installation() -> None:
    cached = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps[:2])
    lost = cached.model_copy(
        update={"cache": cached.cache.model_copy(update={"files": cached.cache.files[:1]})}
    )
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(lost, PARAMS, setting(FACTS))
    assert caught.value.code == "E_ROLLBACK_UNAVAILABLE"


REMOVES = "Remv postgresql [15]\n"
SWARM = {"swarm_active": True, "live_restore": False}


@pytest.mark.parametrize(
    ("facts", "params", "code"),
    [
        (FACTS, {"allow_major": False}, "E_MAJOR_UPGRADE"),
        (FACTS, {"allow_container_stop": False}, "E_WOULD_STOP_CONTAINERS"),
        (_with_daemon(FACTS, live_restore=False), {"allow_container_stop": False}, "E_WOULD_STOP_CONTAINERS"),
        (_with_daemon(FACTS, **SWARM), {}, "E_SWARM_ACTIVE"),
        (_with_daemon(FACTS, driver="aufs"), {}, "E_REMOVED_FEATURE"),
        (_with_daemon(FACTS, security_options=("name=rootless",)), {}, "E_UNSUPPORTED_ENGINE"),
        (FACTS.model_copy(update={"free_bytes": {"/": 1 << 20, "/var": 1 << 40}}), {}, "E_NO_SPACE"),
        (FACTS.model_copy(update={"obtainable": {}}), {}, "E_ROLLBACK_UNAVAILABLE"),
        (FACTS.model_copy(update={"uses_apt": False, "system": "rocky 9 rhel"}), {}, "E_UNSUPPORTED_OS"),
        (FACTS, {"family": "docker-ce"}, "E_TXN_UNEXPECTED"),
        (lab_facts("27"), {"version": "27"}, "E_VERSION_NOT_AVAILABLE"),
        (lab_facts("26.1", {"apt-get -s": REMOVES}), {}, "E_TXN_UNEXPECTED"),
        (lab_facts("26.1", {"dpkg --audit": "docker.io is half configured"}), {}, "E_DPKG_BROKEN"),
        (lab_facts("26.1", {"dpkg-query": ""}), {}, "E_UNSUPPORTED_ENGINE"),
    ],
)
def test_what_may_not_be_begun_is_refused_with_its_code(
    facts: HostFacts, params: dict[str, Any], code: str
) -> None:
    assert _refusal(facts, **params).code == code


def test_two_engines_on_one_host_are_refused_by_name() -> None:
    packages = "docker.io\t26.1\tii \tall\ndocker-ce\t5:27.3.1-1\tii \tall\n"
    assert _refusal(lab_facts("26.1", {"dpkg-query": packages})).code == "E_CONFLICTING_PACKAGES"


def test_an_engine_that_is_down_is_not_upgraded_blind() -> None:
    engine = FACTS.engine.model_copy(
        update={"daemon": None, "error_code": "E_DAEMON_DOWN", "error": "failed"}
    )
    refusal = _refusal(FACTS.model_copy(update={"engine": engine}))
    assert refusal.code == "E_DAEMON_DOWN"
    assert "engine.restart" in refusal.hint


def test_the_loss_of_the_way_back_can_be_accepted() -> None:
    facts = FACTS.model_copy(update={"obtainable": {}})
    draft = PROCEDURE.plan(facts, UpgradeParams(**ACCEPTED, allow_no_rollback=True), setting())
    assert "cache" not in _keys(draft)


def test_a_patch_under_live_restore_puts_no_container_at_risk() -> None:
    target = {**OLD, "docker.io": "20.10.25+dfsg1-1"}
    facts = FACTS.model_copy(
        update={"resolution": FACTS.resolution.model_copy(update={"target": target, "simulation": None})}
    )
    draft = PROCEDURE.plan(facts, UpgradeParams(version="20.10"), setting())
    assert draft.containers_at_risk == ()
    assert draft.findings == ()


def test_deferring_installs_and_leaves_the_engine_alone() -> None:
    params = UpgradeParams(**ACCEPTED, restart="defer")
    assert "restart" not in _keys(PROCEDURE.plan(FACTS, params, setting()))
    now, _ = _run(FACTS, params)
    verdict = PROCEDURE.verify(FACTS, now, params, ())
    assert verdict.ok
    assert [finding.code for finding in verdict.findings] == ["W_RESTART_PENDING"]


def _done(**changes: Any) -> HostFacts:
    return _with_daemon(after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps), **changes)


def _daemon(facts: HostFacts) -> Daemon:
    assert facts.engine.daemon is not None
    return facts.engine.daemon


@pytest.mark.parametrize(
    ("now", "evidence"),
    [
        (_done(server_version="20.10.24+dfsg1"), "the engine that runs is 20.10.24+dfsg1, not 26.1.5+dfsg1"),
        (_done(components={"containerd": "1.6.20~ds1"}), "containerd that runs is 1.6.20~ds1"),
        (_done(networks={"host": "host", "none": "null"}), "network bridge is gone"),
        (_done(containers=_daemon(FACTS).containers[1:]), "is gone"),
        (_with_mark(_done(), "docker.io", status="iF"), "package docker.io is not installed whole"),
        (_with_mark(_done(), "libc6", version="2.99"), "package libc6 is 2.99"),
        (_done().model_copy(update={"files": ()}), "/etc/docker/daemon.json is gone"),
    ],
)
def test_whatever_is_not_as_promised_fails_the_proof(now: HostFacts, evidence: str) -> None:
    verdict = PROCEDURE.verify(FACTS, now, PARAMS, ())
    assert not verdict.ok
    assert any(evidence in line for line in verdict.evidence), verdict.evidence


def test_an_engine_that_did_not_come_up_is_a_failed_start() -> None:
    engine = _done().engine.model_copy(update={"daemon": None, "error": "docker.service is failed"})
    failed = _done().model_copy(
        update={"engine": engine, "units": {"docker.service": Unit(load="loaded", active="failed")}}
    )
    verdict = PROCEDURE.verify(FACTS, failed, PARAMS, ())
    assert (verdict.ok, verdict.code) == (False, "E_START_FAILED")


@pytest.mark.parametrize(
    "values",
    [
        {"version": "26.1", "packages": {"runc": "1.1"}},
        {"packages": {}},
        {"packages": {"docker.io": "26.1; rm -rf /"}},
        {"packages": {"--allow-downgrades": "1"}},
        {"packages": "everything"},
        {"version": "latest"},
        {"version": "-o=x"},
        {"version": 26.1},
        {"min_free_bytes": -1},
        {"restart": "maybe"},
        {"force": True},
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UpgradeParams.model_validate(values)


def test_no_step_hands_anything_to_a_shell() -> None:
    for step in PROCEDURE.plan(FACTS, PARAMS, setting()).steps:
        assert isinstance(step, RunStep)
        assert step.argv[0] in {"apt-get", "apt-mark", "cp", "dpkg", "systemctl"}


def test_facts_survive_the_journal() -> None:
    assert HostFacts.model_validate_json(FACTS.model_dump_json()) == FACTS


def test_a_rebuild_of_the_same_version_is_restarted_too_and_not_believed_before() -> None:
    done = after(FACTS, PROCEDURE.plan(FACTS, PARAMS, setting()).steps)
    engine = done.engine.model_copy(update={"running_exe": "/usr/sbin/dockerd (deleted)"})
    rebuilt = done.model_copy(update={"engine": engine})
    assert _keys(PROCEDURE.plan(rebuilt, PARAMS, setting(FACTS)))[-1] == "restart"
    verdict = PROCEDURE.verify(FACTS, rebuilt, PARAMS, ())
    assert verdict.evidence == ("the engine that runs is not the one that is installed",)
