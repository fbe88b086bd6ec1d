"""The verbs by which people act: state on standard output, what follows on standard error, codes as documented."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.campaign.campaign import Approved
from orchestrator.campaign.events import PauseAsked, ResumeAsked
from orchestrator.campaign.gate import Gate, GateAction, GateKind, GateState, Moment
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.rollout import Approval
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.cli import locks
from orchestrator.cli.planfile import read_plan
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import NOON, ScriptedService, finished


@pytest.fixture
def running(dockwave: Dockwave, service: ScriptedService) -> str:
    """A campaign at work with one changed host."""
    assert dockwave("plan", "engine.restart", "--on", "web").exit_code == 0
    (own,) = service.kept
    run = service.kept[own].runs[0]
    service.move(own, state=CampaignState.RUNNING, wave=1)
    service.move_host(
        own,
        "web-1",
        state=HostState.SUCCEEDED,
        changed=True,
        attempts=finished(run, HostState.SUCCEEDED).attempts,
    )
    return own


def test_pause_and_resume_say_what_follows(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    paused = dockwave("pause", running, "--reason", "a look")
    assert (paused.exit_code, paused.stdout.strip()) == (0, f"{running} PAUSED")
    assert f"dockwave resume {running}" in paused.stderr
    resumed = dockwave("resume", running, "--silence")
    assert (resumed.exit_code, resumed.stdout.strip()) == (0, f"{running} RUNNING")
    assert "stay silent" in resumed.stderr
    first, second = service.operated
    assert isinstance(first, PauseAsked)
    assert first.reason == "a look"
    assert isinstance(second, ResumeAsked)
    assert second.silence


def test_a_gate_of_the_command_line_holds_and_is_overridden_with_a_reason_only(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    http = "http url=http://shop/health at=campaign action=pause passes=2"
    prometheus = "prometheus url=http://prom:9090 query='sum(rate(errors[5m]))' most=1.5"
    command = "command argv='may-we-go --env \"pre prod\"'"
    gates = ("--gate", http, "--gate", command, "--gate", prometheus)
    assert dockwave("plan", "engine.restart", "--on", "web", *gates).exit_code == 0
    (own,) = service.kept
    assert service.requests[0].policy.gates == (
        Gate(
            name="http-1",
            kind=GateKind.HTTP,
            at=Moment.CAMPAIGN,
            url="http://shop/health",
            action=GateAction.PAUSE,
            passes=2,
        ),
        Gate(name="command-2", kind=GateKind.COMMAND, argv=("may-we-go", "--env", "pre prod")),
        Gate(
            name="prometheus-3",
            kind=GateKind.PROMETHEUS,
            url="http://prom:9090",
            query="sum(rate(errors[5m]))",
            most=1.5,
        ),
    )
    service.move(own, state=CampaignState.RUNNING)
    assert "gate http-1 before the campaign is closed" in dockwave("show", own).stdout
    assert dockwave("override-gate", own, "http-1").exit_code == 2
    assert dockwave("override-gate", own, "http-1", "--reason", " ").exit_code == 2
    assert dockwave("override-gate", own, "http-7", "--reason", "x").exit_code == 2
    for _ in range(2):
        done = dockwave("override-gate", own, "HTTP-1", "--reason", "the probe is broken")
        assert (done.exit_code, done.stdout.strip()) == (0, f"{own} RUNNING")
    assert len(service.kept[own].overrides) == 1
    for verb in ("show", "why"):
        assert "the probe is broken" in dockwave(verb, own).stdout


def test_a_gate_before_hosts_is_overridden_for_the_host_that_is_named(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    gate = "http url=http://{address}/health at=host"
    assert dockwave("plan", "engine.restart", "--on", "web", "--gate", gate).exit_code == 0
    (own,) = service.kept
    service.move(own, state=CampaignState.RUNNING, wave=1)
    first = service.kept[own].runs[0].host.name
    waiting = GateState(gate="http-1", wave=1, asked_at=NOON, host=first)
    service.move(own, gates=(waiting,))
    assert f"{first} waits for gate http-1: being asked" in dockwave("show", own).stdout
    refused = dockwave("override-gate", own, "http-1", "--reason", "x")
    assert (refused.exit_code, f"--host {first}" in refused.stderr) == (2, True)
    for _ in range(2):
        done = dockwave("override-gate", own, "http-1", "--host", first.upper(), "--reason", "known")
        assert done.exit_code == 0
    (given,) = service.kept[own].overrides
    assert (given.host, given.wave) == (first, 1)


def test_a_gate_that_waits_for_people_is_approved_or_denied_by_name_or_by_itself(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    human = "human group=sre waves=1,2 action=pause expires=4h on_timeout=fail"
    gates = (human, "human group=dba at=campaign", "health at=background warnings=true")
    flags = [*(part for gate in gates for part in ("--gate", gate)), "--one-way-hosts", "3"]
    assert dockwave("plan", "engine.restart", "--on", "web", *flags).exit_code == 0
    (own,) = service.kept
    policy = service.requests[0].policy
    assert policy.one_way_hosts == 3
    assert policy.gates[0] == Gate(
        name="human-1",
        kind=GateKind.HUMAN,
        group="sre",
        waves=(1, 2),
        action=GateAction.PAUSE,
        expires_s=14_400.0,
        fail_on_timeout=True,
    )
    assert (policy.gates[2].kind, policy.gates[2].warnings) == (GateKind.HEALTH, True)
    assert dockwave("approve", own, "--gate", "human-1").exit_code == 2, "it is not at work"
    asked = (
        GateState(gate="human-1", wave=1, asked_at=NOON),
        GateState(gate="human-2", wave=0, asked_at=NOON),
    )
    service.move(own, state=CampaignState.RUNNING, gates=asked)
    assert "human-1 before wave 1 waits for 1 of group sre" in dockwave("show", own).stdout
    several = dockwave("approve", own)
    assert several.exit_code == 2
    assert "human-1, human-2" in several.stderr
    assert dockwave("approve", own, "--gate", "human-7").exit_code == 2
    done = dockwave("approve", own, "--gate", "Human-2", "--reason", "fine")
    assert (done.exit_code, done.stdout.strip()) == (0, f"{own} RUNNING")
    assert "Who is missing" in done.stderr, "the other gate waits still"
    denied = dockwave("deny", own, "--reason", "not on a Friday")
    assert (denied.exit_code, denied.stdout.strip()) == (0, f"{own} PAUSED")
    assert "Gate human-1 stays closed" in denied.stderr
    assert dockwave("plan", "engine.restart", "--on", "web", "--one-way-hosts", "-1").exit_code == 2


def test_a_gate_may_be_denied_twice(dockwave: Dockwave, service: ScriptedService) -> None:
    gate = ("--gate", "human group=sre waves=1")
    assert dockwave("plan", "engine.restart", "--on", "web", *gate).exit_code == 0
    (own,) = service.kept
    service.move(own, state=CampaignState.RUNNING, gates=(GateState(gate="human-1", wave=1, asked_at=NOON),))
    for _ in range(2):
        denied = dockwave("deny", own, "--gate", "human-1", "--reason", "not on a Friday")
        assert denied.exit_code == 0, denied.stderr
        assert "Gate human-1 stays closed" in denied.stderr


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("", "it is empty"),
        ("http 'url=", "No closing quotation"),
        ("http url", "is not KEY=VALUE"),
        ("http kind=command argv=x", "is not KEY=VALUE"),
        ("http url=http://h url=http://i", "gives url twice"),
        ('command argv="\'x"', "argv: No closing quotation"),
        ("http url=ftp://h", "is no http or https address"),
        ("http url=http://h wibble=1", "wibble"),
        ("horoscope", 'gate "horoscope" is unknown'),
        ("http url=http://h failures=-1", 'failures "-1"'),
        ("http url=http://h }", "is not KEY=VALUE"),
        ("health warnings=perhaps", '"perhaps"'),
        ("delta at=campaign", "cannot be asked at campaign"),
    ],
)
def test_a_gate_that_cannot_be_asked_is_refused_in_place(dockwave: Dockwave, gate: str, said: str) -> None:
    refused = dockwave("plan", "engine.restart", "--on", "web", "--gate", gate)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_host_is_skipped_with_a_reason_only(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    assert dockwave("skip", running, "web-3").exit_code == 2
    assert dockwave("skip", running, "web-3", "--reason", " ").exit_code == 2
    assert dockwave("skip", running, "web-1", "--reason", "x").exit_code == 2
    assert dockwave("skip", running, "WEB-3", "--reason", "in repair").exit_code == 0
    run = service.kept[running].run_of("web-3")
    assert run is not None
    assert run.state is HostState.SKIPPED


def test_a_rollback_tells_first_what_comes_back_and_what_cannot(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    service.move_host(running, "web-1", undo="one-way")
    asked = dockwave("rollback", running, "--reason", "wrong release")
    assert asked.exit_code == 2
    assert "1 host changed so far will be brought back (web-1)" in asked.stderr
    assert "CANNOT BE TAKEN BACK on 1 host: web-1" in asked.stderr
    assert service.operated == []
    done = dockwave("rollback", running, "--reason", "wrong release", "--yes")
    assert (done.exit_code, done.stdout.strip()) == (0, f"{running} ROLLING_BACK")


def test_a_retry_writes_a_plan_of_what_was_left(
    dockwave: Dockwave, service: ScriptedService, running: str, tmp_path: Path
) -> None:
    assert dockwave("retry", running).exit_code == 2, "it is not over"
    service.move(running, state=CampaignState.ABORTED)
    service.move_host(running, "web-2", state=HostState.CANCELLED)
    assert dockwave("retry", running, "--only", "all").exit_code == 2
    done = dockwave("retry", running, "--only", "not-started", "--out", str(tmp_path / "again.plan"))
    assert done.exit_code == 0
    assert f"inherits procedure, parameters, policy and protection of {running}" in done.stderr
    assert read_plan(tmp_path / "again.plan").campaign != running
    assert [host.name for host in service.requests[-1].hosts] == ["web-2"]


def test_an_undo_shows_what_comes_back_before_it_asks(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    assert dockwave("undo", running).exit_code == 2, "it is not over"
    service.move(running, state=CampaignState.COMPLETE, started_at=NOON)
    asked = dockwave("undo", running, "--reason", "wrong release")
    assert asked.exit_code == 2
    assert "Nobody is at the terminal" in asked.stderr
    assert f"undo of {running} (engine.restart) on 1 host" in asked.stderr
    assert "web-2: not changed" in asked.stderr
    assert service.applied == []
    done = dockwave("undo", running, "--host", "WEB-1", "--yes", "--no-watch", "--allow-data-loss")
    assert done.exit_code == 0
    assert service.kept[service.applied[-1][0]].undoes == running
    assert f"undone by {service.applied[-1][0]}" in dockwave("show", running).stdout
    for bad in (("--wave", "0"), ("--host", "db-1"), ("--parallel", "0"), ("--delay", "soon")):
        assert dockwave("undo", running, *bad).exit_code == 2


def test_an_undo_that_needs_others_ends_with_code_6_until_somebody_else_approves_it(
    dockwave: Dockwave, service: ScriptedService, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.move(running, state=CampaignState.COMPLETE, started_at=NOON)
    service.after_apply = CampaignState.AWAITING_APPROVAL
    for bad in ("2", "0:sre", "3 of 2:sre", "two:sre", "1:", "1:a b"):
        refused = dockwave("undo", running, "--approval", bad, "--yes")
        planned = dockwave("plan", "engine.restart", "--on", "web", "--approval", bad)
        assert refused.exit_code == planned.exit_code == 2, bad
        assert refused.stderr == planned.stderr, "read and refused as the flag of `plan`"
    assert len(service.requests) == 1, "nothing was asked of any host"
    asked = ("undo", running, "--approval", "1 of 3:sre", "--yes", "--allow-data-loss")
    ran = dockwave(*asked, "--no-watch")
    own = service.applied[-1][0]
    assert (ran.exit_code, ran.stdout.strip()) == (6, own)
    assert "approval: nothing starts before these agree: 1 of 3 of group sre" in ran.stderr
    assert f"It waits for an approval: dockwave why {own}" in ran.stderr
    assert service.requests[-1].policy.approval == Approval(required=1, group="sre", among=3)
    assert dockwave("watch", own).exit_code == 6
    assert "its author's approval does not count" in dockwave("approve", own).stderr
    monkeypatch.setattr("orchestrator.cli.request.author", lambda: "bert@desk")
    yes = dockwave("approve", own, "--reason", "read it")
    assert (yes.exit_code, yes.stdout.strip()) == (0, f"{own} RUNNING")


def test_the_approval_of_an_undo_may_expire_as_that_of_a_plan(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    service.move(running, state=CampaignState.COMPLETE, started_at=NOON)
    service.after_apply = CampaignState.AWAITING_APPROVAL
    asked = ("undo", running, "--yes", "--allow-data-loss", "--no-watch")
    for bad, why in (
        ("approval.expires=soon", "approval.expires"),
        ("approval.colour=red", "approval.colour"),
        ("waves=1", "an undo takes no option but those of its approval"),
        ("", "is not KEY=VALUE"),
    ):
        refused = dockwave(*asked, "--approval", "1:sre", "-O", bad)
        assert refused.exit_code == 2, bad
        assert why in refused.stderr
    alone = dockwave(*asked, "-O", "approval.expires=1h")
    assert alone.exit_code == 2
    assert 'the key "group" is missing' in alone.stderr
    assert len(service.requests) == 1, "nothing was asked of any host"
    ran = dockwave(
        *asked, "--approval", "1:sre", "-O", "approval.expires=1h", "-O", "approval.on_timeout=abort"
    )
    assert ran.exit_code == 6
    wanted = Approval(required=1, group="sre", expires_s=3600, abort_on_timeout=True)
    assert service.requests[-1].policy.approval == wanted


def test_the_preview_of_an_undo_says_who_had_approved_and_that_nobody_is_asked_now(
    dockwave: Dockwave, service: ScriptedService, running: str
) -> None:
    given = Approved(by="bert@desk", reason="", plan_hash=service.kept[running].plan_hash, at=NOON)
    service.move(running, state=CampaignState.COMPLETE, started_at=NOON, approvals=(given,))
    asked = dockwave("undo", running)
    assert f"{running} was approved by bert@desk; this undo asks for nobody's approval" in asked.stderr
    assert "(--approval 1:GROUP would)" in asked.stderr


def test_hosts_are_released_and_accepted_with_a_reason_only(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    for verb in ("release", "accept-identity"):
        assert dockwave("hosts", verb, "web-1").exit_code == 2
        assert dockwave("hosts", verb, "../x", "--reason", "x").exit_code == 2
        assert dockwave("hosts", verb, "web-1", "--reason", "mended").exit_code == 0
    assert [item[::2] for item in (*service.released, *service.accepted)] == [("web-1", "mended")] * 2


def test_a_plan_that_needs_others_ends_with_code_6_until_somebody_else_approves_it(
    dockwave: Dockwave, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.after_apply = CampaignState.AWAITING_APPROVAL
    asked = ("engine.restart", "--on", "web", "--approval", "1 of 3:sre", "-O", "approval.expires=4h")
    ran = dockwave("run", *asked, "--yes", "--no-watch")
    assert ran.exit_code == 6, ran.stderr
    (own,) = service.kept
    assert service.requests[0].policy.approval == Approval(
        required=1, group="sre", among=3, expires_s=14_400.0
    )
    assert dockwave("watch", own).exit_code == 6
    shown = dockwave("show", own)
    assert "nobody so far, 1 missing" in shown.stdout
    own_yes = dockwave("approve", own)
    assert own_yes.exit_code == 2
    assert "its author's approval does not count" in own_yes.stderr
    monkeypatch.setattr("orchestrator.cli.request.author", lambda: "bert@desk")
    yes = dockwave("approve", own, "--reason", "read it")
    assert (yes.exit_code, yes.stdout.strip()) == (0, f"{own} RUNNING")
    assert dockwave("deny", own, "--reason", "late").exit_code == 2


def test_a_denial_needs_a_reason_and_a_bad_approval_flag_says_what_to_write(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    service.after_apply = CampaignState.AWAITING_APPROVAL
    for bad in ("2", "0:sre", "3 of 2:sre", "two:sre", "1:", "1:a b"):
        refused = dockwave("plan", "engine.restart", "--on", "web", "--approval", bad)
        assert refused.exit_code == 2, bad
        assert "next:" in refused.stderr or "approval" in refused.stderr
    assert dockwave("run", "engine.restart", "--on", "web", "--approval", "1:sre", "--yes").exit_code == 6
    (own,) = service.kept
    assert dockwave("deny", own, "--reason", " ").exit_code == 2
    denied = dockwave("deny", own, "--reason", "freeze")
    assert denied.exit_code == 0
    assert service.kept[own].stops[-1].observed == "freeze"


def test_locks_say_who_keeps_which_host(dockwave: Dockwave) -> None:
    shown = dockwave("hosts", "locks")
    assert shown.exit_code == 0
    for text in ("web-1", "c0", "engine.upgrade", "c0/web-1/1", "7"):
        assert text in shown.stdout
    (lock,) = json.loads(dockwave("hosts", "locks", "-o", "json").stdout)["locks"]
    assert (lock["host"], lock["epoch"]) == ("web-1", 7)
    assert lock["until"] == (NOON + timedelta(hours=2)).isoformat()


@pytest.mark.parametrize(
    ("until", "said"), [(7200.0, "in 2h"), (0.5, "now"), (-5.0, "now"), (None, "not known yet")]
)
def test_locks_say_in_how_long_each_runs_out(until: float | None, said: str) -> None:
    end = None if until is None else (NOON + timedelta(seconds=until)).isoformat()
    assert locks._runs_out({"until": end}, NOON) == said


def test_who_is_told_is_a_flag_and_a_bad_one_says_what_to_write(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    flags = ("--notify", "ops:halted, finished", "--notify", "chat:started")
    assert dockwave("plan", "engine.restart", "--on", "web", *flags).exit_code == 0
    assert service.requests[0].policy.notify == (
        Notify(to="ops", on=(Occasion.HALTED, Occasion.FINISHED)),
        Notify(to="chat", on=(Occasion.STARTED,)),
    )
    for bad in ("ops", "ops:", ":halted", "ops:midnight", "a b:halted", "ops:halted,"):
        refused = dockwave("plan", "engine.restart", "--on", "web", "--notify", bad)
        assert refused.exit_code == 2, bad
        assert "notify" in refused.stderr
    assert len(service.requests) == 1
