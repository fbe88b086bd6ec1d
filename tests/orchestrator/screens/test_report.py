"""What people see: plans, results and the live picture, on any width, from any hostile host."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.plan import PlanRequest, make_plan
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.cli.live import changes, picture
from orchestrator.screens import plan_report, report
from orchestrator.screens.glyphs import CAMPAIGN_MARKS, COUNT_ORDER, HOST_MARKS, campaign_mark
from orchestrator.screens.viewing import campaign_line, campaign_view
from orchestrator.screens.views import CampaignView
from tasks.model import Host, Kind, SshHop, Transport
from tasks.result import HostError, HostResult, Outcome
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.screens.test_sanitize import is_visible
from tests.orchestrator.scripted import DRAFT, NOON, finished, halt


def campaign(hosts: int = 6, policy: RolloutPolicy | None = None, **draft: Any) -> Campaign:
    """A planned clean-up."""
    names = [f"web-{number}" for number in range(1, hosts + 1)]
    answer = HostResult(outcome=Outcome.OK, plan={**DRAFT, **draft}, identity={"machine_id": "m"})
    return make_plan(
        PlanRequest(
            campaign_id="c7h2k4m9p",
            procedure="disk.cleanup",
            kind=Kind.DESTRUCTIVE,
            params={"targets": ["dangling_images"]},
            policy=policy or make_policy(Kind.DESTRUCTIVE, waves="1,2,rest", parallelism=2),
            hosts=tuple(Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name)) for name in names),
            created_at=NOON,
            expires_at=NOON + timedelta(hours=24),
        ),
        dict.fromkeys(names, answer),
    )


def half_way(planned: Campaign) -> Campaign:
    """Wave 1 done, wave 2 at work with one failure, wave 3 waiting."""
    error = HostError(
        code="E_VERIFY_FAILED", message="2 containers missing after restart", hint="Look at db."
    )
    runs = list(planned.runs)
    runs[0] = finished(runs[0], HostState.SUCCEEDED, "1.1 GB freed")
    runs[1] = finished(runs[1], HostState.ROLLED_BACK, "brought back", error)
    runs[2] = replace(finished(runs[2], HostState.RUNNING, "x"), ended_at=None)
    return replace(
        planned, runs=tuple(runs), state=CampaignState.RUNNING, wave=2, started_at=NOON, wave_started_at=NOON
    )


def seen(view: CampaignView, now: datetime = NOON, width: int = 140, **more: Any) -> str:
    """The live picture as text."""
    return report.plain_text(picture(view, now, width=width, **more), width=width)


def test_every_state_has_a_mark_of_its_own() -> None:
    assert set(HOST_MARKS) == set(HostState) == set(COUNT_ORDER)
    assert set(CAMPAIGN_MARKS) == set(CampaignState)
    assert len({mark.glyph for mark in HOST_MARKS.values()}) == len(HostState)
    assert len({mark.word for mark in HOST_MARKS.values()}) == len(HostState)
    assert campaign_mark("FROM_THE_FUTURE").word == "from the future"


def test_the_plan_tells_waves_bytes_risk_undo_and_limits_in_numbers() -> None:
    text = report.plain_text(plan_report.plan(campaign_view(campaign(), NOON)))
    for words in (
        "PLAN c7h2k4m9p",
        "expires 2026-11-25 12:00 UTC",
        "900.0 MB to 1.2 GB",
        "↩ exact",
        "6 hosts",
    ):
        assert words in text
    assert "wave 2: 2 hosts, 2 at a time" in text


def test_the_details_of_a_plan_name_every_object_and_why_others_are_kept() -> None:
    text = report.plain_text(plan_report.plan(campaign_view(campaign(), NOON), details=True))
    assert "old/app:1, 1.2 GB (image:sha256:aa)" in text
    assert "base:1 (label dockwave.protect)" in text


def test_the_result_ends_with_the_totals_in_words() -> None:
    view = campaign_view(halt(half_way(campaign())), NOON)
    text = report.plain_text(report.result(view, NOON, details=True))
    assert "E_VERIFY_FAILED: 2 containers missing after restart" in text
    assert "any > 0 in wave 1" in text
    assert text.splitlines()[-1].endswith("1 rolled back, 1 running, 1 succeeded, 3 pending")
    assert "Look at db." in text


def test_many_like_hosts_are_one_line_and_anomalies_come_first() -> None:
    many = campaign(1200, make_policy(Kind.DESTRUCTIVE, waves="all", parallelism=100))
    runs = [finished(run, HostState.SUCCEEDED, "same") for run in many.runs]
    error = HostError(code="E_API", message="odd one out")
    runs[700] = finished(runs[700], HostState.FAILED_CLEAN, "odd", error)
    view = campaign_view(replace(many, runs=tuple(runs), state=CampaignState.COMPLETE_WITH_EXCEPTIONS), NOON)
    lines = report.plain_text(report.result(view, NOON)).splitlines()
    assert len(lines) < 12
    assert "web-701" in lines[3]
    assert "(1199 hosts)" in "\n".join(lines)


def test_the_live_picture_shows_waves_budget_and_hosts() -> None:
    text = seen(
        campaign_view(half_way(campaign()), NOON + timedelta(seconds=100)), NOON + timedelta(seconds=100)
    )
    lines = text.splitlines()
    assert "● RUNNING" in lines[0]
    assert "wave 2/3" in lines[0]
    assert "1:40 elapsed" in lines[0]
    assert any(line.startswith("├─ ✔ wave 1") for line in lines)
    assert any(line.startswith("├─ ● wave 2   1/2") and "↩1" in line for line in lines)
    assert any(line.startswith("└─ ○ wave 3   0/3") for line in lines)
    assert "budget used 1 of 0, exceeded" in text
    assert "2 containers missing after restart" in text


def test_a_lost_control_plane_is_told_in_the_picture() -> None:
    view = campaign_view(half_way(campaign()), NOON)
    assert "stale since 12:00:00" in seen(view, stale_since=NOON)
    assert "stale" not in seen(view)


def test_a_big_wave_is_cells_and_never_more_than_a_few_rows() -> None:
    big = campaign(5000, make_policy(Kind.DESTRUCTIVE, waves="all", parallelism=100))
    view = campaign_view(replace(big, state=CampaignState.RUNNING, wave=1, started_at=NOON), NOON, full=False)
    lines = seen(view, width=100).splitlines()
    assert len(lines) < 12
    assert any("more" in line for line in lines)


@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_every_width_shows_something(width: int) -> None:
    view = campaign_view(half_way(campaign()), NOON)
    assert "c7h2k4m9p" in seen(view, width=width)


@pytest.mark.parametrize("text", [text for _, text in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_no_screen_obeys_a_hostile_host(text: str) -> None:
    error = HostError(code=text, message=text, hint=text)
    hostile = campaign(
        3, summary=text, kept=[{"key": text, "title": text, "reason": text}], containers_at_risk=[text]
    )
    runs = tuple(finished(run, HostState.NEEDS_HUMAN, text, error) for run in hostile.runs)
    stopped = halt(replace(hostile, runs=runs, author=text, reason=text))
    stop = replace(stopped.stops[0], rule=text, limit=text, observed=text)
    view = campaign_view(replace(stopped, stops=(stop,)), NOON)
    screens = [
        plan_report.plan(view, details=True),
        report.result(view, NOON, details=True),
        picture(view, NOON, width=120),
        report.campaigns([campaign_line(stopped)], NOON),
    ]
    for screen in screens:
        shown = report.plain_text(screen)
        assert all(is_visible(character) or character == "\n" for character in shown)
        assert "pwned" not in shown
    for line in changes(None, view, NOON):
        assert all(map(is_visible, line))
    picture_of = report.svg(screens[1], title=text)
    assert "<script>" not in picture_of
    assert 'href="http://evil' not in picture_of


def test_the_picture_for_documents_is_svg() -> None:
    text = report.svg(
        picture(campaign_view(half_way(campaign()), NOON), NOON, width=100), title="dockwave watch"
    )
    assert "@font-face" not in text, "a picture fetches nothing"
    assert text.startswith("<svg")
    assert "dockwave" in text


def test_changes_are_one_plain_line_each() -> None:
    before = campaign_view(campaign(), NOON)
    lines = changes(before, campaign_view(half_way(campaign()), NOON), NOON)
    assert lines == [
        "12:00:00 c7h2k4m9p wave 1 web-1 PENDING -> SUCCEEDED: 1.1 GB freed",
        "12:00:00 c7h2k4m9p wave 2 web-2 PENDING -> ROLLED_BACK: E_VERIFY_FAILED 2 containers missing after restart",
        "12:00:00 c7h2k4m9p wave 2 web-3 PENDING -> RUNNING",
        "12:00:00 c7h2k4m9p campaign PLANNED -> RUNNING",
    ]
    assert changes(before, before, NOON) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (61, "1:01"), (3599.6, "1:00:00"), (3661, "1:01:01"), (None, "-")]
)
def test_clocks_read_as_people_read_them(seconds: float | None, text: str) -> None:
    assert report.clock(seconds) == text
