"""`simulate` of one campaign: what may be given together, what is refused, and what is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.main import get_command

from orchestrator.campaign.plan_document import plan_document, plan_hash
from orchestrator.cli.main import app
from orchestrator.simulate.rehearsal.rehearsal import Rehearsal
from orchestrator.simulate.rehearsal.scenario import Scenario
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.simulate.rehearsal.test_rehearsal import policy_of, scenario

FILE = """\
version: 1
procedure: engine.restart
targets: {match: web}
waves: [1, rest]
parallelism: 3
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Put back how this process logs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def campaign_file(tmp_path: Path) -> Path:
    """A campaign file."""
    path = tmp_path / "campaign.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A plan for two hosts, with a line end and a colour in its reason."""
    wanted: Scenario = scenario(2, policy_of())
    found = plan_document(Rehearsal(wanted).run().campaign)
    for host in found["hosts"]:
        host["state"] = "PENDING"
    found["hosts"][1] |= {
        "state": "SKIPPED",
        "reason": "E_X: \x1b[31mred\nsecond",
        "wave": 0,
        "dry_run": None,
    }
    read: dict[str, Any] = json.loads(json.dumps(found))
    return read


@pytest.fixture
def plan_file(tmp_path: Path, document: dict[str, Any]) -> Path:
    """The file `plan --out` would have written."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"dockwave_plan": 1, "sha256": plan_hash(document), "document": document}))
    return path


def test_invented_hosts_need_no_file_and_no_control_plane(bare: Dockwave) -> None:
    result = bare("simulate", "--hosts", "3", "--waves", "1,rest", "--parallel", "2", "--seed", "4")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("simulated with seed 4, beginning 2026-01-05 09:00 UTC")
    assert (
        "  plan: wave 2: 2 hosts, 2 at a time; stops at the 1st failure; up to 1 more may be changing then"
        in lines
    )
    assert lines[-2].endswith("as COMPLETE; `dockwave run` would end with exit code 0")
    assert lines[-1] == "hosts: 3 SUCCEEDED"


def test_every_flag_of_a_campaign_is_a_flag_of_its_rehearsal() -> None:
    commands = getattr(get_command(app), "commands", {})
    rehearsed = {name for item in commands["simulate"].params for name in item.opts}
    planned = {name for item in commands["plan"].params for name in item.opts}
    assert planned - rehearsed == {"procedure", "--file", "-f", "--out", "--force", "--check", "--details"}


def test_flags_of_a_campaign_are_heard(bare: Dockwave) -> None:
    result = bare("simulate", "--hosts", "3", "--control-hosts", "3", "--reason", "try")
    assert result.exit_code == 0, result.stderr
    assert "up to 3 untouched hosts are read" in result.stdout


def test_a_rehearsal_that_ends_badly_is_a_good_rehearsal(bare: Dockwave) -> None:
    result = bare("simulate", "--hosts", "2", "--fail", "host-1:100%", "-o", "json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["end"]["state"] == "ROLLED_BACK"
    assert told["end"]["exit_code"] == 5
    assert told["end"]["hosts"] == {"host-1": "ROLLED_BACK", "host-2": "CANCELLED"}
    assert [line["event"] for line in told["timeline"]].count("stop") == 1
    assert told["script"] == ["fails when changed: 100 % of host-1: 1 host (host-1)"]


def test_a_campaign_file_is_rehearsed_on_the_hosts_of_an_inventory(
    bare: Dockwave, campaign_file: Path, inventory: Path
) -> None:
    result = bare("simulate", str(campaign_file), "-i", str(inventory), "--unreachable", "tier=front:40%")
    assert result.exit_code == 0, result.stderr
    assert "plan: engine.restart on 3 hosts: 3 to change" in result.stdout
    assert "script: not reached once planned: 40 % of tier=front: 1 host (web-" in result.stdout


def test_a_campaign_file_is_rehearsed_on_invented_hosts(bare: Dockwave, campaign_file: Path) -> None:
    result = bare("simulate", str(campaign_file), "--hosts", "2", "--begin", "2026-12-24T15:00+01:00")
    assert result.exit_code == 0, result.stderr
    assert "beginning 2026-12-24 14:00 UTC" in result.stdout


def test_a_plan_is_rehearsed_and_hostile_text_in_it_moves_no_cursor(bare: Dockwave, plan_file: Path) -> None:
    result = bare("simulate", str(plan_file))
    assert result.exit_code == 0, result.stderr
    assert "note: the plan expired at 2026-01-06 09:00:00 UTC" in result.stdout
    assert "left out: host-2 (E_X: red second)" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_plan_that_was_edited_is_refused(bare: Dockwave, plan_file: Path) -> None:
    plan_file.write_text(plan_file.read_text().replace('"parallelism": 2', '"parallelism": 3'))
    result = bare("simulate", str(plan_file))
    assert result.exit_code == 2
    assert "was edited" in result.stderr


@pytest.mark.parametrize(
    "flags", [["--hosts", "3"], ["--waves", "1"], ["--on", "web"], ["--parallel", "2"], ["-O", "delay=5s"]]
)
def test_a_plan_is_frozen(bare: Dockwave, plan_file: Path, flags: list[str]) -> None:
    result = bare("simulate", str(plan_file), *flags)
    assert result.exit_code == 2
    assert "its hosts and its policy are frozen" in result.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "Nothing says what to simulate"),
        (["--seed", "1"], "Nothing says what to simulate"),
        (["/nowhere/plan.json"], "cannot be read"),
        (["--hosts", "0"], "--hosts cannot be 0"),
        (["--hosts", "20001"], "--hosts cannot be 20001"),
        (["--hosts", "2", "--seed", "-1"], "--seed cannot be -1"),
        (["--hosts", "2", "--on", "host-1"], "--hosts does not go with --on"),
        (["--hosts", "2", "-i", "hosts.yaml"], "--hosts does not go with --inventory"),
        (["--hosts", "2", "--jobs", "2"], "--jobs goes with --fault-schedules only"),
        (["--hosts", "2", "--first-seed", "2"], "--first-seed goes with --fault-schedules only"),
        (["--hosts", "2", "-o", "table"], "--output cannot be 'table'"),
        (["--hosts", "2", "--begin", "2026-01-01"], "--begin cannot be"),
        (["--hosts", "2", "--fail", "web:5%"], "--fail 'web': no host and no group is called"),
        (["--hosts", "2", "--fail", "all:500%"], "--fail cannot be"),
        (["--hosts", "2", "--partition", "all:0"], "--partition cannot be"),
        (["--hosts", "2", "--kill-orchestrator", "wave=7"], "has no such wave, it has 2 waves"),
        (["--hosts", "2", "--redis-loss", "7"], "--redis-loss cannot be"),
        (["--hosts", "2", "--gate-answer", "http-1=fail"], "has no such gate"),
        (["--hosts", "2", "--takes", "5m-1m"], "--takes cannot be"),
        (["--hosts", "2", "--waves", "0"], "--waves cannot be"),
        (["--fault-schedules", "1", "--hosts", "2"], "--fault-schedules does not go with --hosts"),
        (["--fault-schedules", "1", "plan.json"], "--fault-schedules does not go with a plan or file"),
        (["--fault-schedules", "1", "-o", "json"], "--fault-schedules does not go with --output"),
    ],
)
def test_flags_that_make_no_sense_are_refused_with_a_way_out(
    bare: Dockwave, flags: list[str], said: str
) -> None:
    result = bare("simulate", *flags)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "next: " in result.stderr
