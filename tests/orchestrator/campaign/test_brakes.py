"""What keeps hosts from being started without stopping the campaign."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.campaign.actions import AskGate, AskJournal, Dispatch, OpenWave, Resend, WakeAt
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.campaign.gates.needed import state_of
from orchestrator.campaign.rollout import Share
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.usual import Pace, Usual
from orchestrator.campaign.waiting import is_waiting, waits, worked_s
from orchestrator.campaign.windows import Interval, Window, Windows
from orchestrator.cli.live import changes, picture
from orchestrator.screens.report import plain_text, result
from orchestrator.screens.viewing import campaign_view
from tests.orchestrator.campaign.worlds import CHANGED, START, UNDONE, World, failed, planned, refused

#: Sunday 12:00 UTC is START; this one is open until 13:00
NOON = Windows(allow=(Window(days=frozenset({6}), opens=12 * 60, closes=13 * 60, zone="UTC"),))


def test_a_closed_window_starts_nothing_and_says_when_it_opens() -> None:
    frozen = Windows(blackouts=(Interval(start=START, end=START + timedelta(hours=2)),))
    world = World(planned(3, tune={"windows": frozen}))
    (wake,) = decide(world.campaign, world.now)
    assert wake == WakeAt(at=START + timedelta(hours=2))
    (brake,) = brakes(world.campaign, world.now).items
    assert brake.text == "the maintenance window is closed until 2026-03-01 14:00 UTC"
    why = explain(world.campaign, world.now)
    assert why.headline == f"no new host is started: {brake.text}"
    assert why.brakes == (f"{brake.text}. It goes on by itself",)
    view = campaign_view(world.campaign, world.now)
    assert brake.text in plain_text(result(view, world.now))
    assert brake.text in plain_text(picture(view, world.now, width=120))
    assert any(brake.text in line for line in changes(None, view, world.now))
    assert [a.host for a in world.run(seconds=7200) if isinstance(a, Dispatch)] == ["h1"]


def test_a_window_that_closes_in_mid_wave_lets_hosts_finish_and_starts_the_next_when_it_opens() -> None:
    world = World(planned(3, waves=(Share(value=3),), tune={"windows": NOON}))
    assert [a.host for a in world.run() if isinstance(a, Dispatch)] == ["h1"]
    world.now = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
    world.accept("h1")
    world.end("h1", CHANGED)
    assert not [a for a in world.run() if isinstance(a, Dispatch)]
    assert world.campaign.state is CampaignState.RUNNING
    world.now = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
    assert [a.host for a in world.run() if isinstance(a, Dispatch)] == ["h2"]


def test_an_order_nobody_accepted_is_not_published_again_in_a_closed_window() -> None:
    """Its host has not begun: the order expires, and the host is started when the window opens."""
    world = World(planned(1, tune={"windows": NOON}))
    world.now = datetime(2026, 3, 1, 12, 59, 45, tzinfo=UTC)
    world.run()
    assert [type(action) for action in world.run(seconds=10)] == [Resend]
    assert world.run(seconds=10) == ()
    assert [type(action) for action in world.run(seconds=55)] == [AskJournal]
    world.decline("h1", refused("E_NOT_STARTED"))
    assert not [a for a in world.run(seconds=60) if isinstance(a, Dispatch)]
    world.now = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
    assert [a.host for a in world.run() if isinstance(a, Dispatch)] == ["h1"]


def test_an_order_nobody_accepted_is_published_again_once_the_gate_in_the_background_is_open() -> None:
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.BACKGROUND, url="http://shop/", failures=9)
    world = World(planned(1, tune={"gates": (gate,)}))

    def answer(verdict: Verdict) -> None:
        state = state_of(world.campaign, "http-1", 0)
        assert state is not None
        world.see(GateAnswered(gate="http-1", wave=0, asked_at=state.asked_at, verdict=verdict))

    world.run()
    answer(Verdict.PASS)
    assert [type(action) for action in world.run()] == [OpenWave, Dispatch]
    assert [type(action) for action in world.run(seconds=9)] == []
    world.now += timedelta(seconds=21)
    assert [type(action) for action in world.run()] == [AskGate, Resend], (
        "its pass holds while it is asked again"
    )
    answer(Verdict.FAIL)
    assert world.run(seconds=12) == ()
    assert [type(action) for action in world.run(seconds=18)] == [AskGate]
    assert [type(action) for action in world.run(seconds=15)] == [AskGate, AskJournal]


def test_a_closed_window_does_not_hold_an_undo() -> None:
    world = World(planned(2, tune={"windows": NOON}))
    world.run()
    world.now = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
    world.end("h1", failed(changed=True))
    (undo,) = [a for a in world.run() if isinstance(a, Dispatch)]
    assert undo.undo
    world.end("h1", UNDONE)
    world.run()
    assert world.campaign.state is CampaignState.ROLLED_BACK


USUAL = Usual(host=Pace(count=9, p50_s=60, p90_s=600))


def test_a_host_that_usually_does_not_fit_before_the_window_closes_is_not_started() -> None:
    world = World(planned(3, waves=(Share(value=3),), tune={"windows": NOON}))
    world.campaign = replace(world.campaign, usual=USUAL)
    world.now = datetime(2026, 3, 1, 12, 50, tzinfo=UTC)
    assert [a.host for a in world.run() if isinstance(a, Dispatch)] == ["h1"]
    world.now += timedelta(seconds=1)
    world.accept("h1")
    world.end("h1", CHANGED)
    assert not [a for a in world.run() if isinstance(a, Dispatch)]
    (brake,) = brakes(world.campaign, world.now).items
    assert brake.text == (
        "the maintenance window closes at 2026-03-01 13:00 UTC, and a host usually takes up to 10m: "
        "none is started until it opens at 2026-03-08 12:00 UTC"
    )
    world.now = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
    assert [a.host for a in world.run() if isinstance(a, Dispatch)] == ["h2"]


def test_what_waits_for_a_window_that_is_long_enough_is_on_no_clock() -> None:
    campaign = replace(planned(3, tune={"windows": NOON}), usual=USUAL)
    end = START + timedelta(hours=3)
    assert worked_s(waits(campaign, START, end), START, end) == 50 * 60
    assert is_waiting(campaign, START + timedelta(minutes=51))
    assert not is_waiting(campaign, START + timedelta(minutes=50))


def test_windows_that_never_open_again_say_so() -> None:
    never = Windows(allow=())
    world = World(planned(1, tune={"windows": never}))
    (brake,) = brakes(world.campaign, world.now).items
    assert "never open again" in brake.text
    assert brake.until is None
