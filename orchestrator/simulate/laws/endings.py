"""Laws of the end: when everything has come to rest, every state tells the truth about its host."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.simulate.laws.law import FINAL_HOSTS, Found, Law, Violation, is_over
from orchestrator.simulate.stage.hosts import SimHost
from tasks.model import Kind
from tasks.result import Outcome

_S = HostState


def on_host(host: SimHost) -> Found:
    """Judge a host by its journal."""
    for (campaign_id, undo), times in host.effects.items():
        if times > 1:
            what = "undone" if undo else "changed"
            yield Violation(law=Law.ONCE, detail=f"{host.name} was {what} {times} times by {campaign_id}")


def at_the_end(campaign: Campaign, hosts: Mapping[str, SimHost]) -> Found:
    """Judge a campaign when everything has come to rest."""
    if campaign.started_at is None:
        return
    resting = FINAL_HOSTS | {_S.UNKNOWN} | (set() if is_over(campaign) else {_S.PENDING})
    for run in campaign.runs:
        if run.state not in resting:
            yield Violation(
                law=Law.END, detail=f"{run.host.name} ends {run.state} in a campaign {campaign.state}"
            )
        if campaign.kind is not Kind.READ_ONLY:
            yield from _true(campaign, run, hosts[run.host.name])
            yield from _answered(run, hosts[run.host.name])
    states = {run.state for run in campaign.runs}
    good = {_S.SUCCEEDED, _S.ALREADY_RIGHT}
    if campaign.state is CampaignState.COMPLETE and states - good:
        yield Violation(law=Law.END, detail=f"{campaign.id} is COMPLETE with {sorted(states - good)}")
    if campaign.state is CampaignState.ROLLED_BACK and any(
        run.state is _S.SUCCEEDED and run.wave in campaign.rollback_waves for run in campaign.runs
    ):
        yield Violation(law=Law.END, detail=f"{campaign.id} is ROLLED_BACK with hosts that did not go back")
    if campaign.state is CampaignState.ROLLED_BACK and any(
        item.undo and item.result is not None and item.result.failed
        for run in campaign.runs
        for item in run.attempts
    ):
        yield Violation(law=Law.END, detail=f"{campaign.id} is ROLLED_BACK although an undo failed")


def _true(campaign: Campaign, run: HostRun, host: SimHost) -> Found:
    # a campaign that takes another one back does so by undos
    changed = host.effects[campaign.id, bool(campaign.undoes)] > 0
    forward = next((item.id for item in run.attempts if not item.undo), "")
    entry = next((host.journal[i.id] for i in run.attempts if not i.undo and i.id in host.journal), None)
    mine = host.content in {item.id for item in run.attempts}
    stays = entry is not None and host.content == entry.order.undo_of
    # one that was watched and broke meanwhile was read again
    broken = not host.sound and host.last() in {item.id for item in run.attempts}
    wrong = {
        _S.SUCCEEDED: not changed or stays or (broken and campaign.policy.monitor_s > 0),
        _S.ALREADY_RIGHT: changed,
        _S.FAILED_CLEAN: changed,
        _S.UNREACHABLE: changed,
        _S.SKIPPED: changed,
        _S.CANCELLED: changed,
        _S.PENDING: changed,
        _S.ROLLED_BACK: entry is None or mine or (broken and campaign.policy.rollback_monitor_s > 0),
    }.get(run.state, False)
    if wrong:
        yield Violation(
            law=Law.TRUTH, detail=f"{run.host.name} is {run.state}; {forward} changed it: {changed}"
        )
    if changed and (run.wave < 1 or entry is None or entry.order.plan_hash != campaign.plan_hash):
        yield Violation(law=Law.PLAN, detail=f"{run.host.name} was changed by {campaign.id} outside its plan")


def _answered(run: HostRun, host: SimHost) -> Found:
    """What each attempt came to is what the host's journal says of it, and one that was not started is not in it."""
    for attempt in run.attempts:
        entry = host.journal.get(attempt.id)
        said = attempt.result.outcome if attempt.result is not None else None
        if attempt.ended_at is None or said is None:
            continue
        began = said in {Outcome.OK, Outcome.CHANGED, Outcome.UNDONE, Outcome.FAILED}
        truth = entry.result.outcome if entry is not None and entry.result is not None else None
        if (entry is not None) is not began or (began and said is not truth):
            yield Violation(law=Law.ANSWER, detail=f"{attempt.id} ended {said}, its host says {truth}")
