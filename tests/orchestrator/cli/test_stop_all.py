"""`stop-all`: data on standard output, the way back on standard error, and nothing on a slip of the keyboard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.campaign.states import CampaignState
from orchestrator.store.store import Store
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import NOON, ScriptedService


def test_everything_is_stopped_listed_and_released(dockwave: Dockwave, service: ScriptedService) -> None:
    stopped = dockwave("stop-all", "--reason", "smoke")
    assert (stopped.exit_code, stopped.stdout.strip()) == (0, "everything stopped")
    assert "dockwave stop-all --release --reason TEXT" in stopped.stderr
    shown = dockwave("stop-all", "--list")
    assert "smoke" in shown.stdout
    (switch,) = json.loads(dockwave("stop-all", "--list", "-o", "json").stdout)["switches"]
    assert (switch["target"], switch["reason"]) == ("everything", "smoke")
    released = dockwave("stop-all", "--release", "--reason", "clear")
    assert (released.exit_code, released.stdout.strip()) == (0, "everything released")
    assert service.thrown == []


def test_a_procedure_or_a_campaign_is_stopped_alone(dockwave: Dockwave, service: ScriptedService) -> None:
    assert dockwave("stop-all", "--procedure", "disk.usage", "--reason", "x").exit_code == 0
    assert dockwave("stop-all", "--campaign", "c1", "--reason", "x").exit_code == 0
    assert [(item.target, item.name) for item in service.thrown] == [
        (Target.PROCEDURE, "disk.usage"),
        (Target.CAMPAIGN, "c1"),
    ]


def test_everything_is_stopped_in_the_database_before_an_orchestrator_starts_on_it(
    bare: Dockwave, tmp_path: Path
) -> None:
    path = tmp_path / "put back.db"
    Store.open(f"sqlite:///{path}").close()
    for _ in range(2):
        stopped = bare("stop-all", "--database-url", f"sqlite:///{path}", "--reason", "restored")
        assert (stopped.exit_code, stopped.stdout.strip()) == (0, "everything stopped"), stopped.output
    assert "dockwave stop-all --release --reason TEXT" in stopped.stderr
    store = Store.look_at(f"sqlite:///{path}")
    with store.read() as reader:
        (switch,) = reader.switches()
    store.close()
    assert (switch.target, switch.reason, switch.holds) == (Target.EVERYTHING, "restored", True)
    assert "@" in switch.by
    unknown = bare("stop-all", "--database-url", f"sqlite:///{path}", "--campaign", "cnone", "--reason", "x")
    assert (unknown.exit_code, "E_CAMPAIGN_UNKNOWN" in unknown.output) == (2, True)


@pytest.mark.parametrize("flags", [("--release", "--reason", "x"), ("--list",)])
def test_only_throwing_is_done_without_an_orchestrator(
    bare: Dockwave, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    path = tmp_path / "dockwave.db"
    Store.open(f"sqlite:///{path}").close()
    refused = bare("stop-all", "--database-url", f"sqlite:///{path}", *flags)
    assert refused.exit_code == 2
    assert "--database-url" in refused.stderr


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--reason", " "),
        ("--reason", "a\nb"),
        ("--reason", "x", "--procedure", ""),
        ("--reason", "x", "--campaign", " "),
        ("--reason", "x", "--procedure", "disk.usage", "--campaign", "c1"),
        ("--reason", "x", "--campaign", "../c1"),
        ("--reason", "x", "-o", "json"),
        ("--list", "--release"),
        ("--list", "--reason", "x"),
        ("--list", "-o", "yaml"),
    ],
)
@pytest.mark.parametrize("verb", [(), ("--release",)])
def test_what_cannot_be_used_stops_nothing_and_lets_nothing_go(
    dockwave: Dockwave, service: ScriptedService, flags: tuple[str, ...], verb: tuple[str, ...]
) -> None:
    service.thrown.append(_switch("smoke"))
    before = list(service.thrown)
    refused = dockwave("stop-all", *verb, *flags)
    assert refused.exit_code == 2
    assert "error" in refused.stderr.lower()
    assert service.thrown == before


def test_hostile_text_of_a_reason_is_escaped(dockwave: Dockwave, service: ScriptedService) -> None:
    service.thrown.append(_switch("[red]\x1b]0;x\x07 \u202e"))
    shown = dockwave("stop-all", "--list")
    assert shown.exit_code == 0
    assert "[red]" in shown.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)


def test_who_applies_a_plan_under_a_kill_switch_is_told_what_it_waits_for(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    service.after_apply = CampaignState.RUNNING
    service.thrown.append(_switch("smoke"))
    ran = dockwave("run", "engine.restart", "--on", "web", "--yes", "--no-watch")
    assert ran.exit_code == 0
    assert "It waits: the kill switch for everything was thrown by anna" in ran.stderr
    (own,) = service.kept
    for verb in ("show", "why"):
        assert "thrown by anna" in dockwave(verb, own).stdout


def _switch(reason: str) -> Switch:
    return replace(Switch(target=Target.EVERYTHING, by="anna", reason="", at=NOON), reason=reason)
