"""Laws of stops: nothing starts past one, and none comes without its reason."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.rollout import FailureKind, Scope, StopAction, StopRule
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.simulate.laws.law import FINAL_HOSTS, Found, Law, Violation, is_open
from tasks.model import Kind
from tasks.result import Outcome

_S = HostState
#: their change is over
SETTLED = FINAL_HOSTS | {_S.SOAKING}
HALTS = frozenset({StopAction.HALT, StopAction.ROLLBACK_WAVE, StopAction.ROLLBACK_CAMPAIGN, None})


def may_start(before: Campaign, after: Campaign, started: list[HostRun]) -> Found:
    """Judge the first orders of these hosts."""
    names = ", ".join(run.host.name for run in started[:3])
    if before.abort_requested or any(stop.action in HALTS for stop in before.stops):
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
    settled = frozenset(run.host.name for run in after.runs if run.state in SETTLED) & frozenset(
        run.host.name for run in before.runs if run.state in SETTLED
    )
    for rule in after.policy.stop_rules:
        yield from _past(rule, after, troubled, settled, names)


def _kind(run: HostRun) -> FailureKind | None:
    if run.failed_as is not None:
        return run.failed_as
    if any(_failed(item) for item in run.attempts):
        return FailureKind.FAILED
    return {_S.UNKNOWN: FailureKind.UNKNOWN, _S.UNREACHABLE: FailureKind.UNREACHABLE}.get(run.state)


def _failed(attempt: Attempt) -> bool:
    """Whether it failed; one a person stopped did not."""
    result = attempt.result
    if result is None or result.outcome is not Outcome.FAILED:
        return False
    return result.error is None or result.error.code != "E_STOPPED"


def _past(
    rule: StopRule, campaign: Campaign, troubled: list[HostRun], settled: frozenset[str], names: str
) -> Found:
    if rule.action is StopAction.CONTINUE:
        return
    forgiven = {host for stop in campaign.stops if stop.lifted_at for host in stop.forgiven}
    silenced = any(stop.silenced for stop in campaign.stops)
    for bad, limit in _over(rule, campaign, troubled, settled):
        if not silenced and any(run.host.name not in forgiven for run in bad):
            yield Violation(
                law=Law.STOP, detail=f"{names} started with {len(bad)} in trouble, {limit} tolerated"
            )


def stopped_for_a_reason(before: Campaign, after: Campaign) -> Found:
    """A stop of the rules has a rule with more hosts in trouble than it tolerates, before this turn or after it."""
    new = [stop for stop in after.stops[len(before.stops) :] if stop.rule.startswith("stop rule")]
    pairs = zip(before.runs, after.runs, strict=True)
    troubled = [run if _kind(run) else was for was, run in pairs if (_kind(was) or _kind(run)) and run.wave]
    # one that goes back was settled in the very turn that stopped
    settled = frozenset(
        run.host.name
        for item in (before, after)
        for run in item.runs
        if run.state in SETTLED or _is_through(run)
    )
    rules = after.policy.stop_rules
    if new and rules and not any(True for rule in rules for _ in _over(rule, after, troubled, settled)):
        yield Violation(law=Law.EARLY, detail=f"{new[0].rule}: {new[0].observed}, of {new[0].limit}")


def _is_through(run: HostRun) -> bool:
    """Whether its last way forward has ended, be it on its way back already."""
    forward = [item for item in run.attempts if not item.undo]
    return bool(forward) and not is_open(forward[-1])


def _over(
    rule: StopRule, campaign: Campaign, troubled: list[HostRun], settled: frozenset[str]
) -> Iterator[tuple[list[HostRun], int]]:
    """Where more hosts are in trouble than the rule tolerates: which, and how many it tolerates."""
    for hosts in _scopes(rule, campaign):
        names = {run.host.name for run in hosts}
        bad = [
            run
            for run in troubled
            if run.host.name in names and (rule.kind is FailureKind.ANY or _kind(run) is rule.kind)
        ]
        share = rule.tolerate
        limit = int(len(hosts) * share.value // 100) if share.percent else int(share.value)
        speaks = len(names & settled) >= min(rule.min_sample, len(hosts))
        if speaks and len(bad) > limit:
            yield bad, limit


def _scopes(rule: StopRule, campaign: Campaign) -> Iterator[list[HostRun]]:
    """The hosts a rule counts by themselves: those of a wave, of a value of its label, or all of them."""
    waves = [
        wave
        for wave in range(1, campaign.waves + 1)
        if wave >= rule.from_wave and (not rule.waves or wave in rule.waves)
    ]
    mine = [run for run in campaign.runs if run.wave in waves]
    if rule.scope is Scope.WAVE:
        yield from ([run for run in mine if run.wave == wave] for wave in waves)
    elif rule.scope is Scope.LABEL:
        values = {run.host.labels[rule.label] for run in mine}
        yield from ([run for run in mine if run.host.labels[rule.label] == value] for value in sorted(values))
    else:
        yield mine


def told_to_stop(before: Campaign, after: Campaign) -> Found:
    """Judge whether hosts at work hear of a hard abort in this turn of the loop."""
    if not before.abort_hard or after.kind is Kind.READ_ONLY:
        return
    for was, run in zip(before.runs, after.runs, strict=True):
        attempt = run.attempt
        if attempt is None or attempt.undo or not is_open(attempt) or not is_open(was.attempt):
            continue
        if attempt.stop_asked_at is None and attempt.stop_heard_at is None:
            yield Violation(law=Law.HARD, detail=f"{attempt.id} goes on after a hard abort, and is not told")
