"""The plan in words, every percentage resolved to a number; hostile text inside is escaped by whoever prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from orchestrator.campaign.answers import soak_s
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.clocks import clock_words
from orchestrator.campaign.explaining.telling import notify_words
from orchestrator.campaign.explaining.usual_words import usual_words
from orchestrator.campaign.gates.words import gate_words
from orchestrator.campaign.limits.approval import approval_words
from orchestrator.campaign.limits.disruption import budget_words
from orchestrator.campaign.limits.quorum import quorum_words
from orchestrator.campaign.limits.shared_cause import control_words
from orchestrator.campaign.limits.stop_rules import applies, tolerated
from orchestrator.campaign.rollout import FailureKind, RolloutPolicy, Scope, StopAction, StopRule
from orchestrator.campaign.states import HostState
from orchestrator.campaign.window_words import windows_words
from orchestrator.campaign.wording import names, ordinal, plural, size
from tasks.model import GONE_FOR_GOOD, Kind, UndoClass

_COUNTED = {
    FailureKind.ANY: "failure",
    FailureKind.FAILED: "failed host",
    FailureKind.UNREACHABLE: "unreachable host",
    FailureKind.UNKNOWN: "host without news",
}

_DOES = {
    StopAction.CONTINUE: "notes it at",
    StopAction.PAUSE: "pauses at",
    StopAction.HALT: "stops at",
    StopAction.ROLLBACK_WAVE: "rolls the wave back and stops at",
    StopAction.ROLLBACK_CAMPAIGN: "rolls everything back and stops at",
}

_UNDO = {
    UndoClass.EXACT: "can be undone exactly",
    UndoClass.RECREATABLE: "can be made again",
    UndoClass.ONE_WAY: "cannot be undone",
    UndoClass.NONE: "leaves nothing to undo",
}


def words(campaign: Campaign, undone: Campaign | None = None) -> tuple[str, ...]:
    """What the campaign will do, one line each: hosts, waves, stops, pauses, undo, risk, bytes, who is left out.

    `undone` is the campaign it takes back, where that is at hand: who had approved it is told.
    """
    return tuple(
        line
        for lines in (
            _hosts(campaign),
            _waves(campaign),
            _campaign_rules(campaign),
            _label_rules(campaign),
            budget_words(campaign),
            quorum_words(campaign),
            _windows(campaign),
            approval_words(campaign, undone),
            _pauses(campaign),
            gate_words(campaign),
            clock_words(campaign.policy.clocks),
            notify_words(campaign.policy),
            usual_words(campaign),
            _undo(campaign),
            _one_way(campaign),
            _risk(campaign),
            _bytes(campaign),
            _left_out(campaign),
        )
        for line in lines
    )


def _waves(campaign: Campaign) -> Iterator[str]:
    """One line a wave; waves in a row that read the same share a line."""
    sizes = Counter(run.wave for run in campaign.runs)
    name = campaign.policy.name_of
    texts = [
        (number, name(number), wave_words(campaign, number, sizes[number]))
        for number in range(1, campaign.waves + 1)
    ]
    for (called, text), group in groupby(texts, key=lambda item: item[1:]):
        numbers = [number for number, _, _ in group]
        if len(numbers) == 1:
            yield f"{campaign.policy.called(numbers[0])}: {text}"
        else:
            words = f" ({called})" if called else ""
            yield f"waves {numbers[0]} to {numbers[-1]}{words}: {text} (each)"


def wave_words(campaign: Campaign, number: int, hosts: int) -> str:
    """A wave of so many hosts: "12 hosts, 4 at a time; stops at the 2nd failure; up to 3 more may be changing then"."""
    together = min(hosts, campaign.policy.slots(number))
    parts = [f"{plural(hosts, 'host')}, {together} at a time"]
    rules = [
        rule for rule in campaign.policy.stop_rules if rule.scope is Scope.WAVE and applies(rule, number)
    ]
    said = [text for rule in rules if (text := rule_words(rule, hosts))]
    parts += said
    if said and together > 1:
        parts.append(f"up to {together - 1} more may be changing then")
    if rules and not said:
        parts.append("no number of failures stops it")
    return "; ".join(parts)


def rule_words(rule: StopRule, hosts: int) -> str:
    """What a rule does among so many hosts: "stops at the 2nd failure"; "" when it can never be breached."""
    limit = tolerated(rule, hosts)
    if limit >= hosts:
        return ""
    sample = min(rule.min_sample, hosts)
    once = f", once {plural(sample, 'host')} settled" if sample > 1 else ""
    return f"{_DOES[rule.action]} the {ordinal(limit + 1)} {_COUNTED[rule.kind]}{once}"


def _hosts(campaign: Campaign) -> Iterator[str]:
    counts = Counter(run.state for run in campaign.runs if run.wave == 0)
    change = sum(run.wave > 0 for run in campaign.runs)
    verb = "to be read" if campaign.kind is Kind.READ_ONLY else "to change"
    what = campaign.procedure
    if campaign.undoes:
        what, verb = f"undo of {campaign.undoes} ({campaign.procedure})", "to bring back to their snapshots"
    parts = [f"{what} on {plural(len(campaign.runs), 'host')}: {change} {verb}"]
    for state, text in (
        (HostState.ALREADY_RIGHT, "already right"),
        (HostState.SKIPPED, "left out"),
        (HostState.UNREACHABLE, "unreachable"),
    ):
        if counts[state]:
            parts.append(f"{counts[state]} {text}")
    yield ", ".join(parts)


def _label_rules(campaign: Campaign) -> Iterator[str]:
    for rule in campaign.policy.stop_rules:
        if rule.scope is not Scope.LABEL:
            continue
        hosts = Counter(
            run.host.labels[rule.label]
            for run in campaign.runs
            if run.wave and applies(rule, run.wave) and rule.label in run.host.labels
        )
        for value, count in sorted(hosts.items()):
            said = rule_words(rule, count) or "no number of failures stops it"
            yield f"{rule.label}={value}: {said} (of {plural(count, 'host')})"


def _campaign_rules(campaign: Campaign) -> Iterator[str]:
    for rule in campaign.policy.stop_rules:
        if rule.scope is not Scope.CAMPAIGN:
            continue
        hosts = sum(run.wave > 0 and applies(rule, run.wave) for run in campaign.runs)
        if not hosts:
            continue
        together = min(hosts, max(campaign.policy.slots(wave) for wave in range(1, campaign.waves + 1)))
        said = rule_words(rule, hosts)
        over = f"; up to {together - 1} more may be changing then" if said and together > 1 else ""
        yield f"campaign: {said or 'no number of failures stops it'} (of {plural(hosts, 'host')}){over}"


def _windows(campaign: Campaign) -> Iterator[str]:
    if campaign.policy.windows is not None and campaign.waves:
        yield from windows_words(campaign.policy.windows)


def _pauses(campaign: Campaign) -> Iterator[str]:
    policy = campaign.policy
    if policy.delay_s and campaign.waves > 1:
        yield f"pause between waves: {policy.delay_s:g} s"
    if policy.monitor_s and campaign.kind is not Kind.READ_ONLY and campaign.waves:
        last = soak_s(campaign, campaign.waves)
        more = f", in the last wave for {last:g} s" if campaign.waves > 1 else ""
        first = policy.monitor_s if campaign.waves > 1 else last
        yield f"each changed host is watched for {first:g} s{more}, then read again"
    if campaign.undoes:
        yield "a host that fails on its way back is left to a person: a way back is not taken back"
    elif campaign.kind is not Kind.READ_ONLY and campaign.waves:
        back = "is rolled back" if policy.rollback_failed else "is left to a person"
        yield f"a host that was changed and then fails {back}"
        yield from _rollbacks(policy)


def _rollbacks(policy: RolloutPolicy) -> Iterator[str]:
    yield from control_words(policy)
    if policy.rollback_delay_s:
        yield f"pause between two rollbacks: {policy.rollback_delay_s:g} s"
    if policy.rollback_monitor_s:
        yield (
            f"each host that was brought back is watched for {policy.rollback_monitor_s:g} s, "
            "then compared with its snapshot again"
        )
    if policy.rollback_on_failure is not StopAction.CONTINUE:
        others = (
            "wait for a person" if policy.rollback_on_failure is StopAction.PAUSE else "are left to a person"
        )
        yield f"a rollback that fails leaves its host to a person, and the other rollbacks {others}"


def _undo(campaign: Campaign) -> Iterator[str]:
    if campaign.kind is Kind.READ_ONLY:
        return
    if campaign.undoes:
        yield from _stays_lost(campaign)
        return
    classes = Counter(run.undo for run in campaign.runs if run.wave > 0)
    for undo, text in _UNDO.items():
        if classes[undo]:
            yield f"undo: what it does {text} on {plural(classes[undo], 'host')} (class {undo.value})"


def _one_way(campaign: Campaign) -> Iterator[str]:
    """How many steps lose something for good, and whether everything that can be taken back is done before them."""
    steps, hosts, early = 0, 0, []
    for run, plan in _plans(campaign):
        lost = [step.get("undo") == UndoClass.ONE_WAY.value for step in plan.get("steps") or ()]
        if any(lost):
            steps, hosts = steps + sum(lost), hosts + 1
            if lost != sorted(lost):
                early.append(run.host.name)
    if not steps:
        return
    order = f"on {names(early)} they do not come last" if early else "they come last on every host"
    yield f"one-way: {plural(steps, 'step')} on {plural(hosts, 'host')} cannot be taken back; {order}"


def _stays_lost(campaign: Campaign) -> Iterator[str]:
    """What an undo cannot bring back, though its comparison with the snapshot may not see it."""
    lost = [
        run.host.name
        for run, plan in _plans(campaign)
        if any(GONE_FOR_GOOD in str(item.get("reason")) for item in plan.get("kept") or ())
    ]
    if lost:
        yield f"CANNOT COME BACK, whole or in part: {names(lost)}; `--details` names what is gone for good"


def _plans(campaign: Campaign) -> Iterator[tuple[HostRun, Mapping[str, Any]]]:
    return ((run, run.plan) for run in campaign.runs if run.wave > 0 and run.plan is not None)


def _risk(campaign: Campaign) -> Iterator[str]:
    counts = [len(plan.get("containers_at_risk") or ()) for _, plan in _plans(campaign)]
    if any(counts):
        yield (
            f"containers at risk: {plural(sum(counts), 'running container')} on "
            f"{plural(sum(count > 0 for count in counts), 'host')} may stop"
        )


def _bytes(campaign: Campaign) -> Iterator[str]:
    low, high = reclaimable(campaign)
    if high is not None:
        yield f"space to come free: {size(low or 0)} to {size(high)}"


def reclaimable(campaign: Campaign) -> tuple[int | None, int | None]:
    """Bytes to come free over all hosts, lower and upper bound; None where no plan speaks of bytes."""
    lows = [plan.get("reclaim_low_bytes") for _, plan in _plans(campaign)]
    highs = [plan.get("reclaim_high_bytes") for _, plan in _plans(campaign)]
    low = [int(item) for item in lows if item is not None]
    high = [int(item) for item in highs if item is not None]
    return (sum(low) if low else None, sum(high) if high else None)


def _left_out(campaign: Campaign) -> Iterator[str]:
    for state, text in ((HostState.SKIPPED, "left out"), (HostState.UNREACHABLE, "unreachable")):
        by_reason: dict[str, list[str]] = {}
        for run in campaign.runs:
            if run.wave == 0 and run.state is state:
                by_reason.setdefault(run.reason, []).append(run.host.name)
        for reason, hosts in by_reason.items():
            yield f"{text}: {names(hosts)} ({reason})"
