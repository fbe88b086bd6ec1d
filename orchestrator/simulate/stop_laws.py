"""Laws of stops: nothing starts past one, and none comes without its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.rollout import FailureKind, Scope, StopAction, StopRule
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.simulate.laws import Found, Law, Violation
from tasks.result import Outcome

_S = HostState
_HALTS = frozenset({StopAction.HALT, StopAction.ROLLBACK_WAVE, StopAction.ROLLBACK_CAMPAIGN, None})


def may_start(before: Campaign, after: Campaign, started: list[HostRun]) -> Found:
    """Judge the first orders of these hosts."""
    names = ", ".join(run.host.name for run in started[:3])
    if before.abort_requested or any(stop.action in _HALTS for stop in before.stops):
        yield Violation(law=Law.STOP, detail=f"{names} started past {before.stops[-1:]}")
    standing = [stop for stop in before.stops if stop.action is StopAction.PAUSE and stop.lifted_at is None]
    if before.state is CampaignState.PAUSED or standing:
        yield Violation(law=Law.STOP, detail=f"{names} started while paused")
    for run in started:
        if run.wave > after.wave:
            yield Violation(
                law=Law.WAVES, detail=f"{run.host.name} of wave {run.wave} started in {after.wave}"
            )
    pairs = zip(before.runs, after.runs, strict=True)
    troubled = [run for was, run in pairs if _kind(was) is not None and _kind(run) is not None and run.wave]
    for rule in after.policy.stop_rules:
        yield from _past(rule, after, troubled, names)


def _kind(run: HostRun) -> FailureKind | None:
    if run.failed_as is not None:
        return run.failed_as
    if any(item.result is not None and item.result.outcome is Outcome.FAILED for item in run.attempts):
        return FailureKind.FAILED
    return {_S.UNKNOWN: FailureKind.UNKNOWN, _S.UNREACHABLE: FailureKind.UNREACHABLE}.get(run.state)


def _past(rule: StopRule, campaign: Campaign, troubled: list[HostRun], names: str) -> Found:
    if rule.action is StopAction.CONTINUE or rule.min_sample:
        return
    forgiven = {host for stop in campaign.stops if stop.lifted_at for host in stop.forgiven}
    silenced = any(stop.silenced for stop in campaign.stops)
    for bad, limit in _over(rule, campaign, troubled):
        if not silenced and any(run.host.name not in forgiven for run in bad):
            yield Violation(
                law=Law.STOP, detail=f"{names} started with {len(bad)} in trouble, {limit} tolerated"
            )


def stopped_for_a_reason(before: Campaign, after: Campaign) -> Found:
    """A stop of the rules has a rule with more hosts in trouble than it tolerates, before this turn or after it."""
    new = [stop for stop in after.stops[len(before.stops) :] if stop.rule.startswith("stop rule")]
    pairs = zip(before.runs, after.runs, strict=True)
    troubled = [run if _kind(run) else was for was, run in pairs if (_kind(was) or _kind(run)) and run.wave]
    rules = [rule for rule in after.policy.stop_rules if not rule.min_sample]
    if new and rules and not any(True for rule in rules for _ in _over(rule, after, troubled)):
        yield Violation(law=Law.EARLY, detail=f"{new[0].rule}: {new[0].observed}, of {new[0].limit}")


def _over(rule: StopRule, campaign: Campaign, troubled: list[HostRun]) -> Iterator[tuple[list[HostRun], int]]:
    """Where more hosts are in trouble than the rule tolerates: which, and how many it tolerates."""
    for wave in range(1, campaign.waves + 1) if rule.scope is Scope.WAVE else (0,):
        where = range(wave, wave + 1) if wave else range(1, campaign.waves + 1)
        mine = [item for item in where if item >= rule.from_wave and (not rule.waves or item in rule.waves)]
        hosts = sum(run.wave in mine for run in campaign.runs)
        bad = [
            run
            for run in troubled
            if run.wave in mine and (rule.kind is FailureKind.ANY or _kind(run) is rule.kind)
        ]
        share = rule.tolerate
        limit = int(hosts * share.value // 100) if share.percent else int(share.value)
        if len(bad) > limit:
            yield bad, limit
