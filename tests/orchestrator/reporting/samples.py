"""A campaign worth a report: waves over time, a rollback, a stop, and text as hostile hosts send it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from orchestrator.api.campaigns import answer
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.reporting.record import Record
from orchestrator.screens.viewing import campaign_view
from tasks.result import HostError
from tests.orchestrator.screens.test_report import campaign
from tests.orchestrator.scripted import NOON, finished, halt

HEAD = f"7:{'ab' * 32}"


def record(of: Campaign, now: datetime = NOON + timedelta(minutes=9)) -> Record:
    """What the command line would have collected of it."""
    return Record(
        view=campaign_view(of, now),
        why=json.loads(bytes(answer(asdict(explain(of, now))).body)),
        events=[{"seq": 1, "at": NOON.isoformat(), "kind": "applied", "host": "", "attempt": "", "data": {}}],
        head=HEAD,
        written_at=now,
    )


def ended(text: str = "1.1 GB freed") -> Campaign:
    """Six hosts: two succeeded, one rolled back, one failed, one unreachable, one never started; halted."""
    planned = campaign()
    error = HostError(code="E_VERIFY_FAILED", message=text, hint=text)
    states = (
        HostState.SUCCEEDED,
        HostState.SUCCEEDED,
        HostState.ROLLED_BACK,
        HostState.FAILED_CLEAN,
        HostState.UNREACHABLE,
    )
    runs = [
        _later(finished(run, state, text, None if state is HostState.SUCCEEDED else error), 60 * number)
        for number, (run, state) in enumerate(zip(planned.runs, states, strict=False))
    ]
    left = replace(planned.runs[5], state=HostState.CANCELLED, reason=text)
    stopped = halt(replace(planned, runs=(*runs, left), reason=text, author=text))
    stop = replace(stopped.stops[0], rule=text, observed=text, at=NOON + timedelta(minutes=5))
    return replace(stopped, stops=(stop,), ended_at=NOON + timedelta(minutes=6))


def running() -> Campaign:
    """Half way: one host is at work, the others wait."""
    planned = campaign()
    first = replace(finished(planned.runs[0], HostState.RUNNING), ended_at=None)
    return replace(
        planned, runs=(first, *planned.runs[1:]), state=CampaignState.RUNNING, wave=1, started_at=NOON
    )


def of_many(hosts: int) -> Campaign:
    """Every tenth host failed, the others succeeded."""
    planned = campaign(hosts)
    error = HostError(code="E_VERIFY_FAILED", message="broken", hint="Look.")
    runs = [
        finished(run, HostState.ROLLED_BACK, "broken", error)
        if number % 10 == 9
        else finished(run, HostState.SUCCEEDED)
        for number, run in enumerate(planned.runs)
    ]
    return halt(replace(planned, runs=tuple(runs)))


def _later(run: HostRun, seconds: float) -> HostRun:
    delay = timedelta(seconds=seconds)
    assert run.started_at is not None
    assert run.ended_at is not None
    return replace(run, started_at=run.started_at + delay, ended_at=run.ended_at + delay)
