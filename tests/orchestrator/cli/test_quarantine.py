"""`hosts quarantine`, `quarantined`, `release`: the host on standard output, what follows on standard error."""

from __future__ import annotations

import json

import pytest

from orchestrator.campaign.quarantine import Quarantine
from orchestrator.store.records import BudgetUse
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.scripted import NOON, ScriptedService


def test_a_host_is_set_apart_listed_and_released(dockwave: Dockwave, service: ScriptedService) -> None:
    apart = dockwave("hosts", "quarantine", "WEB-1", "--reason", "its disk clicks")
    assert (apart.exit_code, apart.stdout.strip()) == (0, "web-1 quarantined")
    assert "dockwave hosts release web-1 --reason TEXT" in apart.stderr
    assert "Campaign c0 is changing it now" in apart.stderr
    shown = dockwave("hosts", "quarantined")
    assert shown.exit_code == 0
    assert "its disk clicks" in shown.stdout
    (item,) = json.loads(dockwave("hosts", "quarantined", "-o", "json").stdout)["quarantines"]
    assert (item["host"], item["reason"], item["released_at"]) == ("web-1", "its disk clicks", None)
    released = dockwave("hosts", "release", "web-1", "--reason", "new disk")
    assert (released.exit_code, released.stdout.strip()) == (0, "web-1 released")
    assert "Campaign c0 is changing it and keeps it still" in released.stderr
    assert service.apart == []


def test_a_name_no_campaign_ever_had_is_pointed_out(dockwave: Dockwave) -> None:
    apart = dockwave("hosts", "quarantine", "wbe-1", "--reason", "its disk clicks")
    assert apart.exit_code == 0
    assert "check the spelling" in apart.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("quarantine", "web-1"),
        ("quarantine", "web-1", "--reason", " "),
        ("quarantine", "web-1", "--reason", "a\nb"),
        ("quarantine", "../x", "--reason", "x"),
        ("quarantine", "", "--reason", "x"),
        ("quarantine", "--reason", "x"),
        ("quarantined", "-o", "yaml"),
    ],
)
def test_what_cannot_be_used_sets_nothing_apart(
    dockwave: Dockwave, service: ScriptedService, argv: tuple[str, ...]
) -> None:
    assert dockwave("hosts", *argv).exit_code == 2
    assert service.apart == []


def test_what_a_host_said_of_itself_cannot_write_on_the_screen(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    for name, text in HOSTILE:
        if name == "lone surrogate":
            # no database keeps it: one_line has taken it out
            continue
        service.apart = [Quarantine(host="web-1", campaign="c1", reason=text, at=NOON)]
        shown = dockwave("hosts", "quarantined")
        assert shown.exit_code == 0
        assert "\x1b" not in shown.stdout
        assert "\u202e" not in shown.stdout
        assert "campaign c1" in shown.stdout


def test_what_a_released_host_uses_of_budgets_is_told_and_freed_when_it_is_said_to_be_well(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    service.uses = (BudgetUse(host="web-9", campaign_id="c7", since=NOON),)
    listed = dockwave("hosts", "locks")
    assert "dockwave hosts release web-9 --budget --reason TEXT" in listed.stderr
    uses = json.loads(dockwave("hosts", "locks", "-o", "json").stdout)["budget_uses"]
    assert uses == [{"host": "web-9", "campaign": "c7", "since": NOON.isoformat()}]
    kept = dockwave("hosts", "release", "web-9", "--reason", "it hangs")
    assert "It still uses budgets, as campaign c7 left it" in kept.stderr
    freed = dockwave("hosts", "release", "web-9", "--budget", "--reason", "it is well")
    assert "It still uses budgets" not in freed.stderr
