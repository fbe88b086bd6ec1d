"""engine.restart: once, within the start budget, and the containers are the judge."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.engine.binary import Binary
from tasks.engine.files import DAEMON_JSON, ConfigFile
from tasks.engine.host_facts import HostFacts
from tasks.engine.restart import PROCEDURE, RestartParams
from tasks.engine.start_budget import refuse_if_spent
from tasks.errors import Refused
from tasks.facts.engine import EngineState, parse_container
from tasks.facts.services import SERVICE_LABEL
from tasks.facts.units import Unit
from tasks.procedure import RunStep
from tests.tasks.engine.world import after, lab_facts, setting

CALM = lab_facts(None).model_copy(update={"starts": ()})
PARAMS = RestartParams()


def _down(result: str = "exit-code") -> HostFacts:
    unit = Unit(load="loaded", active="failed", sub="failed", result=result)
    engine = EngineState(error_code="E_DAEMON_DOWN", error="docker.service is failed")
    return CALM.model_copy(update={"engine": engine, "units": CALM.units | {"docker.service": unit}})


def _daemon(facts: HostFacts, **changes: Any) -> HostFacts:
    assert facts.engine.daemon is not None
    engine = facts.engine.model_copy(update={"daemon": facts.engine.daemon.model_copy(update=changes)})
    return facts.model_copy(update={"engine": engine})


def _daemon_json(content: bytes) -> ConfigFile:
    return ConfigFile(path=DAEMON_JSON, mode=0o644, content=content)


def _keys(facts: HostFacts, params: RestartParams, before: HostFacts | None = None) -> list[str]:
    return [step.key for step in PROCEDURE.plan(facts, params, setting(before)).steps]


def test_a_restart_is_queued_so_that_an_engine_that_never_answers_cannot_hold_it() -> None:
    steps = PROCEDURE.plan(CALM, PARAMS, setting()).steps
    assert [step.key for step in steps] == ["daemon-reload", "restart"]
    last = steps[-1]
    assert isinstance(last, RunStep)
    assert last.argv == ("systemctl", "--no-block", "restart", "docker.service")
    assert last.replan


def test_the_dry_run_names_the_services_a_touched_engine_may_stop() -> None:
    labelled = [
        parse_container(
            {"Id": f"c{number}", "State": {"Status": state}, "Config": {"Labels": {SERVICE_LABEL: name}}}
        )
        for number, (name, state) in enumerate((("shop", "running"), ("cart", "exited")))
    ]
    draft = PROCEDURE.plan(_daemon(CALM, containers=tuple(labelled)), PARAMS, setting())
    assert draft.services == ("shop",)


def test_containerd_comes_before_the_engine_because_it_may_leave_it_stopped() -> None:
    assert _keys(CALM, RestartParams(include_containerd=True)) == [
        "daemon-reload",
        "restart-containerd",
        "restart",
    ]


def test_the_same_order_finds_the_newer_process_and_does_nothing() -> None:
    done = after(CALM, PROCEDURE.plan(CALM, PARAMS, setting()).steps)
    assert _keys(done, PARAMS, CALM) == []
    verdict = PROCEDURE.verify(CALM, done, PARAMS, ())
    assert verdict.ok, verdict.evidence
    assert verdict.data["pids_preserved"] is True


def test_a_restart_that_did_not_happen_is_not_believed() -> None:
    verdict = PROCEDURE.verify(CALM, CALM, PARAMS, ())
    assert not verdict.ok
    assert "the engine is still the process it was" in verdict.evidence


def test_an_engine_that_is_down_is_started_with_its_budget_given_back() -> None:
    assert _keys(_down("start-limit-hit"), PARAMS) == ["daemon-reload", "reset-failed", "start"]
    assert PROCEDURE.verify(_down(), CALM, PARAMS, ()).ok


def test_start_only_leaves_an_engine_that_answers_alone() -> None:
    assert _keys(CALM, RestartParams(start_only=True)) == []
    assert _keys(_down(), RestartParams(start_only=True)) == ["daemon-reload", "reset-failed", "start"]


def test_a_lost_container_and_a_new_process_of_one_fail_the_proof() -> None:
    done = after(CALM, PROCEDURE.plan(CALM, PARAMS, setting()).steps)
    assert done.engine.daemon is not None
    first, *others = done.engine.daemon.containers
    gone = _daemon(done, containers=tuple(others))
    assert any("is gone" in line for line in PROCEDURE.verify(CALM, gone, PARAMS, ()).evidence)
    running = done.engine.daemon.running[0]
    renewed = tuple(
        item.model_copy(update={"pid": 99999}) if item.id == running.id else item for item in (first, *others)
    )
    verdict = PROCEDURE.verify(CALM, _daemon(done, containers=renewed), PARAMS, ())
    assert any("process" in line and running.name in line for line in verdict.evidence)


def test_a_container_that_restarts_itself_all_the_time_is_a_finding() -> None:
    done = after(CALM, PROCEDURE.plan(CALM, PARAMS, setting()).steps)
    assert done.engine.daemon is not None
    running = done.engine.daemon.running[0]
    looping = tuple(
        item.model_copy(update={"pid": 99999, "restarts": 7}) if item.id == running.id else item
        for item in done.engine.daemon.containers
    )
    verdict = PROCEDURE.verify(CALM, _daemon(done, containers=looping), PARAMS, ())
    assert verdict.ok
    assert [finding.code for finding in verdict.findings] == ["W_RESTARTING"]


@pytest.mark.parametrize("job", [{"auto_remove": True}, {"restart_policy": "no", "exit_code": 0}])
def test_a_job_that_ends_meanwhile_is_a_finding_while_others_kept_their_process(job: dict[str, Any]) -> None:
    assert CALM.engine.daemon is not None
    name = CALM.engine.daemon.running[0].name

    def ended(facts: HostFacts, names: set[str]) -> HostFacts:
        assert facts.engine.daemon is not None
        left = tuple(
            item.model_copy(update={"state": "exited", "pid": 0}) if item.name in names else item
            for item in facts.engine.daemon.containers
            if item.name not in names or not job.get("auto_remove")
        )
        return _daemon(facts, containers=left)

    jobs = tuple(item.model_copy(update=job) for item in CALM.engine.daemon.containers)
    before = _daemon(CALM, containers=jobs)
    done = after(before, PROCEDURE.plan(before, PARAMS, setting()).steps)
    verdict = PROCEDURE.verify(before, ended(done, {name}), PARAMS, ())
    assert verdict.ok, verdict.evidence
    assert [(finding.code, finding.object) for finding in verdict.findings] == [("W_ENDED", name)]
    every = {item.name for item in CALM.engine.daemon.running}
    assert not PROCEDURE.verify(before, ended(done, every), PARAMS, ()).ok


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (_daemon(CALM, live_restore=False), "E_WOULD_STOP_CONTAINERS"),
        (_daemon(CALM, live_restore=False, swarm_active=True), "E_SWARM_ACTIVE"),
        (CALM.model_copy(update={"starts": (50.0, 10.0)}), "E_START_LIMIT"),
        (CALM.model_copy(update={"free_bytes": {"/var": 1 << 20}}), "E_NO_SPACE"),
        (CALM.model_copy(update={"binary": Binary(version="26.1", config_error="bad")}), "E_CONFIG_INVALID"),
        (
            CALM.model_copy(
                update={"binary": Binary(version="20.10.24"), "files": (_daemon_json(b'{"debug":'),)}
            ),
            "E_CONFIG_INVALID",
        ),
        (CALM.model_copy(update={"binary": Binary(broken="exit 1")}), "E_START_FAILED"),
        (
            CALM.model_copy(
                update={"engine": EngineState(error_code="E_DAEMON_UNRESPONSIVE", error="silence")}
            ),
            "E_WOULD_STOP_CONTAINERS",
        ),
        (_daemon(CALM, components={"podman engine": "4"}), "E_UNSUPPORTED_ENGINE"),
    ],
)
def test_what_may_not_be_begun_is_refused_with_its_code(facts: HostFacts, code: str) -> None:
    with pytest.raises(Refused) as caught:
        PROCEDURE.plan(facts, PARAMS, setting())
    assert caught.value.code == code
    assert caught.value.hint


def test_a_release_that_checks_its_configuration_itself_is_believed() -> None:
    # from 23 on an empty file is as good as none
    binary = Binary(version="26.1.5", validated=True)
    facts = CALM.model_copy(update={"binary": binary, "files": (_daemon_json(b""),)})
    assert _keys(facts, PARAMS) == ["daemon-reload", "restart"]


def test_stopping_containers_can_be_accepted() -> None:
    facts = _daemon(CALM, live_restore=False)
    draft = PROCEDURE.plan(facts, RestartParams(allow_container_stop=True), setting())
    assert sorted(draft.containers_at_risk) == ["app1", "app2", "norestart"]


@pytest.mark.parametrize(
    ("starts", "spent"),
    [(None, False), ((), False), ((5.0,), False), ((50.0, 5.0), True), ((3.0, 2.0, 1.0), True)],
)
def test_the_third_start_within_a_minute_is_ours_to_refuse(
    starts: tuple[float, ...] | None, spent: bool
) -> None:
    facts = CALM.model_copy(update={"starts": starts})
    if not spent:
        refuse_if_spent(facts)
        return
    with pytest.raises(Refused, match="in the last 60 s") as caught:
        refuse_if_spent(facts)
    assert "Try again in" in caught.value.hint


def test_an_engine_that_did_not_come_back_is_told_from_one_that_hangs() -> None:
    assert PROCEDURE.verify(CALM, _down(), PARAMS, ()).code == "E_START_FAILED"
    hanging = CALM.model_copy(update={"engine": EngineState(error_code="E_DAEMON_UNRESPONSIVE", error="x")})
    assert PROCEDURE.verify(CALM, hanging, PARAMS, ()).code == "E_DAEMON_UNRESPONSIVE"


@pytest.mark.parametrize(
    "values", [{"ready_timeout_s": 0}, {"include_containerd": "perhaps"}, {"kill": True}]
)
def test_parameters_that_cannot_be_meant_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RestartParams.model_validate(values)


def test_without_live_restore_only_a_container_with_a_policy_has_to_come_back() -> None:
    before = _daemon(CALM, live_restore=False)
    done = after(before, PROCEDURE.plan(before, RestartParams(allow_container_stop=True), setting()).steps)
    assert done.engine.daemon is not None

    def without(name: str) -> HostFacts:
        assert done.engine.daemon is not None
        stopped = {"state": "exited", "pid": 0, "exit_code": 137}
        return _daemon(
            done,
            containers=tuple(
                item.model_copy(update=stopped if item.name == name else {"pid": item.pid + 1})
                for item in done.engine.daemon.containers
            ),
        )

    verdict = PROCEDURE.verify(before, without("norestart"), PARAMS, ())
    assert verdict.ok, verdict.evidence
    assert [(finding.code, finding.object) for finding in verdict.findings] == [
        ("W_NOT_RETURNED", "norestart")
    ]
    assert (
        "container app1 ran and is exited" in PROCEDURE.verify(before, without("app1"), PARAMS, ()).evidence
    )
    assert PROCEDURE.differences(before, without("norestart")) == ("container norestart ran and is exited",)
