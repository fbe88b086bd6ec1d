"""Laws of what is asked before hosts start: gates that have passed, and windows that are open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.gate import HOST_KINDS, Gate, GateKind, Moment
from orchestrator.campaign.gates.needed import PATIENCE_S
from orchestrator.campaign.windows import Window
from orchestrator.simulate.laws import host_gates, human_gates
from orchestrator.simulate.laws.law import Found, Law, Violation
from orchestrator.simulate.stage.told import Told


def may_start(campaign: Campaign, run: HostRun, told: Told, at: datetime) -> Found:
    """Windows and gates let this host be started then; an undo waits for neither."""
    if run.attempts[-1].undo:
        return
    yield from _in_blackout(campaign, run, at)
    yield from _passed(campaign, told, _gates(campaign, Moment.BACKGROUND), 0, at)
    yield from _passed_before(campaign, told, run, at)


def on_opening(campaign: Campaign, told: Told) -> Found:
    """Judge the opening of a wave."""
    number, now = campaign.wave, campaign.wave_started_at
    yield from human_gates.passed(campaign, told, Moment.WAVE, number)
    yield from _passed(campaign, told, _gates(campaign, Moment.WAVE), number, now)
    if number == 1:
        yield from human_gates.passed(campaign, told, Moment.CAMPAIGN, 0)
        yield from _passed(campaign, told, _gates(campaign, Moment.CAMPAIGN), 0, now)
    else:
        yield from human_gates.passed(campaign, told, Moment.AFTER_WAVE, number - 1)
        yield from _passed(campaign, told, _gates(campaign, Moment.AFTER_WAVE), number - 1, now, number - 1)


def on_completion(campaign: Campaign, told: Told) -> Found:
    """Judge a campaign that is called complete."""
    if campaign.waves:
        yield from human_gates.passed(campaign, told, Moment.AFTER_WAVE, campaign.waves)
    gates = _gates(campaign, Moment.AFTER_WAVE)
    yield from _passed(campaign, told, gates, campaign.waves, campaign.ended_at, campaign.waves)
    gates = _gates(campaign, Moment.BACKGROUND) if campaign.waves else []
    yield from _passed(campaign, told, gates, 0, campaign.ended_at, campaign.waves)


def _in_blackout(campaign: Campaign, run: HostRun, at: datetime) -> Found:
    """The host was ordered, or its order left, then."""
    windows, name = campaign.policy.windows, run.host.name
    if windows is None:
        return
    if windows.allow is not None and not any(_shows(window, at) for window in windows.allow):
        yield Violation(law=Law.WINDOW, detail=f"{name} ordered at {at}, outside the windows")
    for closed in windows.blackouts:
        if closed.start <= at < closed.end:
            yield Violation(law=Law.WINDOW, detail=f"{name} ordered in the blackout")


def _shows(window: Window, at: datetime) -> bool:
    """Whether a clock on the wall there shows a time within it; those of schedules have all days of the week."""
    wall = at.astimezone(ZoneInfo(window.zone))
    minute = wall.hour * 60 + wall.minute
    return window.opens <= minute < window.closes or minute + 24 * 60 < window.closes


def _gates(campaign: Campaign, at: Moment) -> list[Gate]:
    """Those of this moment, but for the ones people open."""
    return [gate for gate in campaign.policy.gates if gate.at is at and gate.kind is not GateKind.HUMAN]


def _passed_before(campaign: Campaign, told: Told, run: HostRun, now: datetime) -> Found:
    """Each gate before this host has passed for it, not longer ago than it is good for."""
    for gate in _gates(campaign, Moment.HOST):
        if gate.kind in HOST_KINDS:
            yield from host_gates.passed(campaign, told, gate, run.wave, now, host=run.host.name)
            continue
        if (campaign.id, gate.name, run.wave, run.host.name) in told.overridden:
            continue
        asked = told.host_passes.get((campaign.id, gate.name, run.host.name), [])
        good_for = timedelta(seconds=gate.every_s)
        if not any(now < at + good_for for at in asked):
            detail = f"{campaign.id} started {run.host.name} past {gate.name}: {asked[-3:]}"
            yield Violation(law=Law.GATES, detail=detail)


def _passed(
    campaign: Campaign,
    told: Told,
    gates: Iterable[Gate],
    wave: int,
    now: datetime | None,
    over: int = 0,
) -> Found:
    """Each of these has passed not longer ago than it is good for; `over`: after the last host of that wave."""
    ended = [run.ended_at for run in campaign.runs if over == run.wave > 0 and run.ended_at is not None]
    since = max(ended, default=None)
    for gate in gates:
        if gate.kind in HOST_KINDS:
            yield from host_gates.passed(campaign, told, gate, wave, now, since=since)
            continue
        if (campaign.id, gate.name, wave, "") in told.overridden:
            continue
        # in the background a pass is good while the next one is waited for
        more_s = gate.timeout_s + PATIENCE_S if gate.at is Moment.BACKGROUND else 0.0
        good_for = timedelta(seconds=gate.every_s + more_s)
        asked = told.passes.get((campaign.id, gate.name, wave), [])
        good = [at for at in asked if (now is None or now < at + good_for) and (since is None or at >= since)]
        if not good:
            yield Violation(
                law=Law.GATES, detail=f"{campaign.id} went past {gate.name} of wave {wave}: {asked[-3:]}"
            )
