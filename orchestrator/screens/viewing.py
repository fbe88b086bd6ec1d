"""Computes the views from records: the same campaign and instant always give the same view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.campaign.campaign import Campaign, HostRun, Stop
from orchestrator.campaign.exit_code import exit_code
from orchestrator.campaign.explaining.drift import left_alone
from orchestrator.campaign.explaining.progress import progress
from orchestrator.campaign.explaining.remarks import brake_lines, notice_lines
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gates.words import closed_at_hosts, closed_gates, closed_words, gate_lines
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST, HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.screens.viewing_host import host_view
from orchestrator.screens.views import (
    BudgetView,
    CampaignLine,
    CampaignView,
    ClosedGateView,
    OverrideView,
    PolicyView,
    ProgressView,
    SlowestView,
    StopView,
    TotalsView,
    UndoneByView,
    WaveView,
)

#: told when the log of a campaign does not lead to how it stands now
UNSURE = "its log was partly written by another version and does not lead to how it stands now: take this with care"

#: states that count as failures in the totals
FAILED_HOST = frozenset(
    {
        HostState.FAILED_CLEAN,
        HostState.ROLLED_BACK,
        HostState.ROLLING_BACK,
        HostState.NEEDS_HUMAN,
        HostState.UNREACHABLE,
        HostState.UNKNOWN,
    }
)


def campaign_view(
    campaign: Campaign,
    now: datetime,
    *,
    full: bool = True,
    undone_by: Sequence[Campaign] = (),
    undone: Campaign | None = None,
    around: Surroundings = CALM,
) -> CampaignView:
    """The campaign as everybody sees it; without `full`, plans and results are cut down to their summaries.

    `undone_by` are those that take it back, `undone` is the one it takes back itself.
    """
    return CampaignView(
        id=campaign.id,
        state=campaign.state,
        final=campaign.state in FINAL_CAMPAIGN,
        procedure=campaign.procedure,
        kind=campaign.kind,
        params=dict(campaign.params),
        author=campaign.author,
        reason=campaign.reason,
        undoes=campaign.undoes,
        undone_by=[
            UndoneByView(id=item.id, state=item.state) for item in undone_by if item.started_at is not None
        ],
        created_at=campaign.created_at,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        plan_hash=campaign.plan_hash,
        plan_expires_at=campaign.plan_expires_at,
        wave=campaign.wave,
        abort_requested=campaign.abort_requested,
        abort_hard=campaign.abort_hard,
        policy=PolicyView(
            parallelism=campaign.policy.parallelism,
            delay_s=campaign.policy.delay_s,
            monitor_s=campaign.policy.monitor_s,
            rollback_failed=campaign.policy.rollback_failed,
        ),
        words=list(words(campaign, undone)),
        waves=_waves(campaign, full=full),
        totals=totals(campaign),
        stops=[_stop(stop) for stop in campaign.stops if stop.lifted_at is None],
        brakes=list(brake_lines(campaign, now, around)),
        notices=list(notice_lines(campaign)),
        gates=list(gate_lines(campaign, now)),
        drift=list(left_alone(campaign).lines),
        closed_gates=[
            ClosedGateView(
                gate=item.gate.name,
                wave=item.wave,
                kind=item.gate.kind,
                text=closed_words(item, now),
                host=item.host,
            )
            for item in (*closed_gates(campaign, now), *closed_at_hosts(campaign, now))
        ],
        overrides=[
            OverrideView(
                gate=item.gate, wave=item.wave, by=item.by, reason=item.reason, at=item.at, host=item.host
            )
            for item in campaign.overrides
        ],
        progress=_progress(campaign, now),
        exit_code=exit_code(campaign),
    )


def past_view(
    campaign: Campaign, at: datetime, *, sure: bool, full: bool = True, undone: Campaign | None = None
) -> CampaignView:
    """The campaign as it was; what of the world outside held it then is in the log only.

    `undone` is the one it takes back, which was over before, so that it is now as it was then.
    """
    view = campaign_view(campaign, at, full=full, undone=undone)
    return view.model_copy(update={"at": at, "notices": [*view.notices, *(() if sure else (UNSURE,))]})


def campaign_line(campaign: Campaign) -> CampaignLine:
    """The campaign in one line."""
    return CampaignLine(
        id=campaign.id,
        state=campaign.state,
        procedure=campaign.procedure,
        author=campaign.author,
        reason=campaign.reason,
        created_at=campaign.created_at,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        wave=campaign.wave,
        waves=campaign.waves,
        totals=totals(campaign),
        exit_code=exit_code(campaign),
    )


def totals(campaign: Campaign) -> TotalsView:
    """Counts over all hosts of the campaign."""
    states: dict[str, int] = {}
    for run in campaign.runs:
        states[run.state] = states.get(run.state, 0) + 1
    return TotalsView(
        hosts=len(campaign.runs),
        finished=sum(run.state in FINAL_HOST for run in campaign.runs),
        changed=sum(run.changed for run in campaign.runs),
        failed=sum(run.state in FAILED_HOST for run in campaign.runs),
        states=dict(sorted(states.items())),
    )


def _waves(campaign: Campaign, *, full: bool) -> list[WaveView]:
    by_number: dict[int, list[HostRun]] = {}
    for run in campaign.runs:
        by_number.setdefault(run.wave, []).append(run)
    return [
        WaveView(
            number=number,
            name=campaign.policy.name_of(number),
            parallelism=campaign.policy.slots(number) if number else 0,
            state=_wave_state(campaign, number, runs),
            hosts=[host_view(run, full=full) for run in runs],
        )
        for number, runs in sorted(by_number.items())
    ]


def _wave_state(campaign: Campaign, number: int, runs: list[HostRun]) -> str:
    if all(run.state in FINAL_HOST for run in runs):
        return "done"
    return "running" if campaign.wave >= number and campaign.started_at is not None else "waiting"


def _progress(campaign: Campaign, now: datetime) -> ProgressView | None:
    """Numbers of the live view; None before anything was started."""
    if campaign.started_at is None:
        return None
    numbers = progress(campaign, now)
    slow = numbers.slowest
    return ProgressView(
        elapsed_s=numbers.elapsed_s,
        eta_s=numbers.eta_s,
        eta_worst_s=numbers.eta_worst_s,
        budgets=[
            BudgetView(
                rule=item.rule, wave=item.wave, used=item.used, tolerated=item.tolerated, text=item.text
            )
            for item in numbers.budgets
        ],
        slowest=None
        if slow is None
        else SlowestView(host=slow.host, step=slow.step, seconds=slow.seconds, median_s=slow.median_s),
        last_bad=numbers.last_bad,
    )


def _stop(stop: Stop) -> StopView:
    return StopView(
        rule=stop.rule,
        limit=stop.limit,
        observed=stop.observed,
        hosts=list(stop.hosts),
        at=stop.at,
        by=stop.by,
    )
