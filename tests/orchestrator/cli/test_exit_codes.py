"""Every exit code means one thing, and every end of a campaign has its code."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.campaign.states import EXIT_CODES, FINAL_CAMPAIGN, CampaignState, HostState
from tasks.errors import DockwaveError
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import ScriptedService, finished, halt

PLAN = ("plan", "disk.cleanup", "--on", "web*", "--set", "targets=containers")


def planned(dockwave: Dockwave, path: Path, *flags: str) -> Path:
    """Write a plan file."""
    done = dockwave(*PLAN, *flags, "--out", str(path))
    assert done.exit_code == 0, done.output
    return path


@pytest.mark.parametrize("state", sorted(EXIT_CODES))
def test_watch_ends_with_the_code_of_the_state(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path, state: CampaignState
) -> None:
    planned(dockwave, tmp_path / "p")
    service.move("c00000000", state=state)
    done = dockwave("watch", "c0")
    assert done.exit_code == EXIT_CODES[state], done.output
    assert state.replace("_", " ") in done.stdout


def test_every_final_state_has_a_code() -> None:
    assert set(EXIT_CODES) >= FINAL_CAMPAIGN


@pytest.mark.parametrize("state", sorted(FINAL_CAMPAIGN - {CampaignState.VOID}))
def test_apply_and_watch_ends_with_the_code_of_the_state(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path, state: CampaignState
) -> None:
    service.after_apply = state
    done = dockwave("apply", str(planned(dockwave, tmp_path / "p")), "--yes", "--watch")
    assert done.exit_code == EXIT_CODES[state], done.output


def test_0_apply_without_watch_starts_and_names_the_campaign(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    done = dockwave("apply", str(planned(dockwave, tmp_path / "p")), "--yes")
    assert (done.exit_code, done.stdout) == (0, "c00000000\n")
    assert "dockwave watch c00000000" in done.stderr
    assert service.applied[0][0] == "c00000000"


def test_1_a_failure_of_the_control_plane_is_an_error(dockwave: Dockwave, service: ScriptedService) -> None:
    service.fails = DockwaveError("the database is read-only", code="E_STORE", hint="Mend it.")
    done = dockwave("show", "c0")
    assert done.exit_code == 1
    assert "the database is read-only" in done.stderr
    assert "Mend it." in done.stderr


def test_1_a_wrong_token_is_an_error(dockwave: Dockwave, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("x" * 40)
    wrong.chmod(0o600)
    done = dockwave("ls", "--token-file", str(wrong))
    assert done.exit_code == 1
    assert "no valid token" in done.stderr


def test_2_an_unknown_campaign_is_a_usage_error(dockwave: Dockwave) -> None:
    done = dockwave("show", "zzz")
    assert done.exit_code == 2
    assert "names no campaign" in done.stderr


def test_4_a_halt_says_why_and_what_next(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    planned(dockwave, tmp_path / "p")
    service.kept["c00000000"] = halt(service.kept["c00000000"])
    done = dockwave("watch", "c0")
    assert done.exit_code == 4
    assert "any > 0 in wave 1" in done.stdout
    assert "dockwave why c00000000" in done.stderr


def test_7_an_expired_plan_is_refused_before_anybody_is_asked(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    from tests.orchestrator.scripted import NOON

    service.expires_at = NOON.replace(year=2020)
    done = dockwave("apply", str(planned(dockwave, tmp_path / "p")), "--yes")
    assert done.exit_code == 7
    assert "expired at 2020-11-24" in done.stderr
    assert service.applied == []


def test_7_a_plan_applied_twice_is_refused(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    path = planned(dockwave, tmp_path / "p")
    assert dockwave("apply", str(path), "--yes").exit_code == 0
    done = dockwave("apply", str(path), "--yes")
    assert done.exit_code == 7
    assert "applied already" in done.stderr


def test_8_when_the_time_is_up_the_campaign_goes_on(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    service.after_apply = CampaignState.RUNNING
    done = dockwave("apply", str(planned(dockwave, tmp_path / "p")), "--yes", "--watch", "--timeout", "200ms")
    assert done.exit_code == 8
    assert "it goes on" in done.stderr


def test_9_nothing_was_ever_started_here(bare: Dockwave) -> None:
    for argv in (("ls",), ("show", "c0"), ("watch", "c0"), ("why", "c0"), ("abort", "c0"), ("status",)):
        done = bare(*argv)
        assert done.exit_code == 9, argv
        assert "`dockwave up`" in done.stderr


def test_9_nobody_answers_there(dockwave: Dockwave) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        done = dockwave("ls", "--api-url", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert done.exit_code == 9
    assert "`dockwave up`" in done.stderr


def test_9_somebody_else_answers_there(dockwave: Dockwave, free_text_server: Callable[[bytes], str]) -> None:
    done = dockwave("ls", "--api-url", free_text_server(b"<html>hello</html>"))
    assert done.exit_code == 9
    assert "not a Dockwave orchestrator" in done.stderr


def test_130_ctrl_c_detaches_and_aborts_nothing(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.cli import watch

    planned(dockwave, tmp_path / "p")
    service.move("c00000000", state=CampaignState.RUNNING)

    def interrupted(self: watch.Following, wait_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.Following, "step", interrupted)
    done = dockwave("watch", "c0")
    assert done.exit_code == 130
    assert "Detached; the campaign goes on" in done.stderr
    assert service.aborted == []


def test_abort_says_so_and_is_repeatable(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    planned(dockwave, tmp_path / "p")
    for _ in range(2):
        done = dockwave("abort", "c0", "--reason", "wrong fleet")
        assert (done.exit_code, done.stdout) == (0, "c00000000 ABORTED\n")
    assert {item[2] for item in service.aborted} == {"wrong fleet"}


def test_show_gives_0_whatever_became_of_the_campaign(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    planned(dockwave, tmp_path / "p")
    campaign = service.kept["c00000000"]
    runs = tuple(finished(run, HostState.SUCCEEDED) for run in campaign.runs)
    service.kept["c00000000"] = replace(halt(campaign), runs=runs)
    done = dockwave("show", "c0")
    assert done.exit_code == 0
    assert "web-1" in done.stdout
