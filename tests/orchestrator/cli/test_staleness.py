"""`plan --check` asks the hosts of a plan again and tells what is no longer as planned, object by object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import ScriptedService


@pytest.fixture
def plan(dockwave: Dockwave, service: ScriptedService, tmp_path: Path) -> Path:
    """A plan over three hosts, with an image of each to go."""
    step = {"key": "image:a", "title": "image a", "undo": "re-creatable"}
    service.draft = {**service.draft, "steps": [step], "kept": []}
    path = tmp_path / "tidy.plan"
    done = dockwave("plan", "disk.cleanup", "--on", "web*", "--set", "preset=safe", "--out", str(path))
    assert done.exit_code == 0, done.output
    return path


def test_a_plan_whose_hosts_are_as_planned_exits_0_and_asks_for_the_same(
    dockwave: Dockwave, service: ScriptedService, plan: Path
) -> None:
    done = dockwave("plan", "--check", str(plan))
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == "none of 3 changed"
    first, again = service.requests
    assert (again.procedure, again.params, again.hosts, again.protect) == (
        first.procedure,
        first.params,
        first.hosts,
        first.protect,
    )
    assert again.allow_unreachable
    assert service.applied == []


def test_a_stale_plan_exits_7_and_names_each_object(
    dockwave: Dockwave, service: ScriptedService, plan: Path
) -> None:
    kept = {"key": "image:a", "title": "image a", "reason": "in use by container \x1b[2Jshop"}
    service.draft = {**service.draft, "steps": [], "kept": [kept]}
    done = dockwave("plan", "--check", str(plan))
    assert done.exit_code == 7, done.output
    assert "3 of 3 changed: 3 now in use" in done.stdout
    assert "web-2: image a (in use by container shop)" in done.stdout
    assert "\x1b[2J" not in done.output
    body = json.loads(dockwave("plan", "--check", str(plan), "-o", "json").stdout)
    assert (body["planned"], body["headline"]) == (3, "3 of 3 changed: 3 now in use")
    assert body["changes"][0]["host"] == "web-1"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("disk.cleanup",), "PROCEDURE"),
        (("--on", "web*"), "--on"),
        (("--set", "preset=safe"), "--set"),
        (("-O", "parallelism=2"), "--option"),
        (("--waves", "all"), "--waves"),
        (("--out", "x.plan"), "--out"),
    ],
)
def test_what_else_is_typed_is_refused_and_not_ignored(
    dockwave: Dockwave, service: ScriptedService, plan: Path, more: tuple[str, ...], says: str
) -> None:
    done = dockwave("plan", *more, "--check", str(plan))
    assert done.exit_code == 2
    assert f"--check and {says} cannot be given together" in done.output
    assert len(service.requests) == 1


def test_no_plan_and_a_plan_that_only_reads_are_refused(dockwave: Dockwave, tmp_path: Path) -> None:
    assert dockwave("plan", "--check", str(tmp_path / "none")).exit_code == 2
    path = tmp_path / "look.plan"
    assert dockwave("plan", "health.check", "--on", "web*", "--out", str(path)).exit_code == 0
    done = dockwave("plan", "--check", str(path))
    assert done.exit_code == 2
    assert "only reads" in done.output
