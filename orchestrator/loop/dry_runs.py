"""The questions of planning: each host is asked for its dry run, and asked again while it is silent or busy.

They are attempts number 0 of the hosts of a PLANNING campaign, so a restart loses none; they are forgotten when the
plan, which holds the answers, is kept. Reading-only procedures have nothing to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.loop.ingest import Ignored
from orchestrator.loop.orders import PLANNING_ATTEMPT, Sending, attempt_id, planning_order
from tasks.errors import OrderRefused
from tasks.model import Kind
from tasks.result import HostResult, Outcome
from tasks.wire import Report, ReportKind

#: seconds of silence after which a question is published again, and how often it is published at most
_ASK_AGAIN_S, _MOST_ASKED = 20.0, 4
#: a question is worth less of the worker's time than there is until the deadline, so that its answer comes in time
_ANSWER_SHARE = 0.8


def asked_for_plan(campaign_id: str, run: HostRun, kind: Kind, now: datetime, deadline: datetime) -> HostRun:
    """Give the host with its question open; reading needs none."""
    if kind is Kind.READ_ONLY:
        return run
    question = Attempt(
        id=attempt_id(campaign_id, run.host.name, PLANNING_ATTEMPT),
        number=PLANNING_ATTEMPT,
        # planning is not fenced: it changes nothing
        epoch=1,
        undo=False,
        undo_of=run.undo_of,
        ordered_at=now,
        sent_at=now,
        expires_at=deadline,
    )
    return replace(run, attempts=(question,))


def questions(campaign: Campaign, now: datetime, *, all_open: bool = False) -> tuple[Campaign, list[Sending]]:
    """Give the orders to publish again for hosts that said nothing (all open ones after a restart)."""
    again: list[Sending] = []
    runs: list[HostRun] = []
    for run in campaign.runs:
        asked = run.attempt
        if asked is None or asked.ended_at is not None or asked.expires_at <= now:
            runs.append(run)
            continue
        silent = max(asked.sent_at or asked.ordered_at, asked.heard_at or asked.ordered_at)
        due = silent + timedelta(seconds=_ASK_AGAIN_S) <= now and asked.sent < _MOST_ASKED
        sent = replace(run, attempts=(replace(asked, sent=asked.sent + 1, sent_at=now),)) if due else run
        if due or all_open:
            again.append(_question(campaign, sent))
        runs.append(sent)
    changed = any(new is not old for new, old in zip(runs, campaign.runs, strict=True))
    return (replace(campaign, runs=tuple(runs)) if changed else campaign), again


def _question(campaign: Campaign, run: HostRun) -> Sending:
    asked = run.attempts[-1]
    time_left = (asked.expires_at - asked.ordered_at).total_seconds() * _ANSWER_SHARE
    return planning_order(replace(campaign, timeout_s=min(campaign.timeout_s, time_left)), run, asked)


def observe_answers(
    campaign: Campaign, reports: Sequence[Report], now: datetime
) -> tuple[Campaign, list[Ignored | None]]:
    """Give the campaign with what hosts said, and for each report None, or why it counts for nothing."""
    runs = {run.host.name: run for run in campaign.runs}
    judged: list[Ignored | None] = []
    for report in reports:
        heard = _heard(runs.get(report.host), report, now)
        judged.append(heard if isinstance(heard, Ignored) else None)
        if isinstance(heard, HostRun):
            runs[report.host] = heard
    if all(judgement is not None for judgement in judged):
        return campaign, judged
    return replace(campaign, runs=tuple(runs.values())), judged


def _heard(run: HostRun | None, report: Report, now: datetime) -> HostRun | Ignored:
    asked = run.attempt if run is not None else None
    if run is None or asked is None or asked.id != report.attempt_id or asked.epoch != report.epoch:
        return Ignored(reason="the host was not asked for a plan under this attempt")
    if asked.ended_at is not None:
        return Ignored(reason="the host has answered before")
    heard = replace(asked, heard_at=now, worker=report.worker[:200])
    if report.kind in {ReportKind.RESULT, ReportKind.REFUSED}:
        result = report.result or HostResult(outcome=Outcome.SKIPPED)
        # somebody else is at work there, and will be done: the question stays open while it can be asked again
        later = _busy(result) and asked.sent < _MOST_ASKED
        heard = replace(heard, ended_at=None if later else now, result=result)
    return replace(run, attempts=(heard,))


def _busy(result: HostResult) -> bool:
    return result.error is not None and result.error.code == OrderRefused.default_code


def is_due(campaign: Campaign, now: datetime) -> bool:
    """Whether the plan can be made: everybody has answered, or the time for answers is over."""
    waiting = (run.attempt for run in campaign.runs)
    return all(asked is None or asked.ended_at is not None or asked.expires_at <= now for asked in waiting)
