"""What must hold whatever happens: each law is a sentence, judged from records and scripted hosts alone.

Nothing here asks the engine for its own opinion (its census, its rules, its table of moves): a law that did would
be wrong together with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.rollout import FailureKind, Scope, StopAction, StopRule
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.orders import reads_for_gate
from orchestrator.simulate.hosts import SimHost
from tasks.model import Kind, Mode
from tasks.result import Outcome

#: how far the orchestrator's clock may be wrong, to either side
SKEW_S = 15.0


class Law(Enum):
    """Every law by its sentence."""

    SLOTS = "I1: changing and unknown hosts of a campaign never exceed its parallelism"
    BUDGET = "I2: no host is ordered beyond the budget of its label or the fleet, over all campaigns"
    ALONE = "I3: never two changing attempts on one host"
    ONCE = "I4: at most one effect per campaign, host and step"
    ABORT = (
        "I5: no host starts after an acknowledged abort, later than its order's expiry and the allowed skew"
    )
    KILL = "I6: nothing is ordered or published while a kill switch holds, and what left before expires"
    WAVES = "I7: no host of a wave starts before the wave before it is settled, soaked and its delay over"
    GATES = "I7: no wave opens, and no host starts, past a gate that has not passed lately"
    LATE = "an order that has expired is not published, and none lives longer than its policy says"
    EARLY = "a stop rule stops only when more hosts are in trouble than it tolerates"
    STOP = "I8: past a stop rule, a halt or a pause nothing starts but rollback"
    PLAN = "I9: changed hosts are a subset of the plan's, under the approved hash"
    END = "I10: every ordered host reaches exactly one terminal state or stays visibly UNKNOWN"
    TRUTH = "I11: a final state tells the truth: ROLLED_BACK equals the snapshot, SUCCEEDED is changed"
    EPOCHS = "I12: epochs only grow"
    RECORD = "I13: nothing is published that is not committed, and every effect has its line in the log"
    CHAIN = "I13: the chain of the log verifies"
    AGREED = "I14: nothing starts before so many others than the author have approved this very plan"
    WINDOW = "no host is ordered in a blackout"
    APART = "a quarantined host gets no order"
    LEAD = "only the process that leads writes, and never over what it has not read"
    BACK = "a rollback is never rolled back, nor tried again after it failed"
    FORWARD = "states never go back, and history is never rewritten"
    SUM = "the sum of states is the host count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A law that did not hold."""

    law: Law
    detail: str


Found = Iterator[Violation]

_S = HostState
#: states a host of a campaign rests in
FINAL_HOSTS = frozenset(
    {
        _S.SUCCEEDED, _S.ALREADY_RIGHT, _S.FAILED_CLEAN, _S.ROLLED_BACK, _S.NEEDS_HUMAN, _S.SKIPPED,
        _S.UNREACHABLE, _S.CANCELLED,
    }
)  # fmt: skip
_BACK = frozenset({_S.ROLLING_BACK, _S.ROLLED_BACK, _S.NEEDS_HUMAN})
_OVER = frozenset(
    {
        CampaignState.COMPLETE, CampaignState.COMPLETE_WITH_EXCEPTIONS, CampaignState.INCOMPLETE,
        CampaignState.HALTED, CampaignState.ABORTED, CampaignState.ROLLED_BACK,
        CampaignState.ROLLBACK_INCOMPLETE, CampaignState.VOID,
    }
)  # fmt: skip
_HALTS = frozenset({StopAction.HALT, StopAction.ROLLBACK_WAVE, StopAction.ROLLBACK_CAMPAIGN, None})


def is_over(campaign: Campaign) -> bool:
    """Whether it has ended."""
    return campaign.state in _OVER


def is_open(attempt: Attempt | None) -> bool:
    """Whether it has no end yet."""
    return attempt is not None and attempt.ended_at is None


def on_save(before: Campaign, after: Campaign, now: datetime) -> Found:
    """Judge one saved turn of a campaign whose plan is frozen."""
    if len(before.runs) != len(after.runs):
        yield Violation(law=Law.SUM, detail=f"{len(before.runs)} hosts became {len(after.runs)}")
        return
    if before.state in _OVER and after.state is not before.state:
        yield Violation(law=Law.FORWARD, detail=f"{before.state} became {after.state}")
    moved = [(was, run) for was, run in zip(before.runs, after.runs, strict=True) if was is not run]
    new = [(was, run) for was, run in moved if len(run.attempts) > len(was.attempts)]
    for was, run in moved:
        yield from _forward_only(was, run)
    for _, run in new:
        yield from _new_attempt(run)
        yield from _lives_as_long(run.attempts[-1], after.policy.order_ttl_s)
    if after.kind is not Kind.READ_ONLY or new:
        yield from _slots(before, after, ordered=bool(new))
    started = [run for _, run in new if not run.attempts[-1].undo]
    if started:
        yield from _may_start(before, after, started)
    if after.wave != before.wave:
        yield from _wave_opens(after, now)
    if len(after.stops) > len(before.stops):
        yield from _stopped_for_a_reason(before, after)


def _forward_only(was: HostRun, run: HostRun) -> Found:
    name = run.host.name
    if was.host.name != name or was.wave != run.wave:
        yield Violation(law=Law.SUM, detail=f"{was.host.name} became {name}")
    if [item.id for item in run.attempts[: len(was.attempts)]] != [item.id for item in was.attempts]:
        yield Violation(law=Law.FORWARD, detail=f"attempts of {name} were rewritten")
    a, b = was.state, run.state
    left = a in FINAL_HOSTS and b is not a and not (a is _S.SUCCEEDED and b in _BACK | {_S.UNKNOWN})
    unsoaked = a is _S.SOAKING and b in {_S.PENDING, _S.ORDERED, _S.RUNNING, _S.VERIFYING, _S.SKIPPED}
    # brought back, and watched for a while
    watched = b is _S.SOAKING and run.attempt is not None and run.attempt.undo and not is_open(run.attempt)
    unrolled = a is _S.ROLLING_BACK and b not in _BACK | {_S.UNKNOWN} and not watched
    idle = a is not _S.PENDING and b is _S.ORDERED and len(run.attempts) == len(was.attempts) and a is not b
    if left or unsoaked or unrolled or idle:
        yield Violation(law=Law.FORWARD, detail=f"{name}: {a} became {b}")


def _lives_as_long(attempt: Attempt, ttl_s: float) -> Found:
    if attempt.expires_at > attempt.ordered_at + timedelta(seconds=ttl_s):
        yield Violation(law=Law.LATE, detail=f"{attempt.id} lives until {attempt.expires_at}")


def _new_attempt(run: HostRun) -> Found:
    name = run.host.name
    if any(is_open(item) for item in run.attempts[:-1]):
        yield Violation(law=Law.ALONE, detail=f"{name} was ordered again while an attempt was open")
    epochs = [item.epoch for item in run.attempts]
    if any(one >= other for one, other in pairwise(epochs)):
        yield Violation(law=Law.EPOCHS, detail=f"{name} has epochs {epochs}")
    attempt = run.attempts[-1]
    seen = max((item.result.epoch_seen for item in run.attempts[:-1] if item.result is not None), default=0)
    if attempt.epoch <= seen:
        yield Violation(law=Law.EPOCHS, detail=f"{name} said it saw {seen}, and got {attempt.epoch}")
    if not attempt.undo:
        if any(item.undo for item in run.attempts[:-1]):
            yield Violation(law=Law.BACK, detail=f"{name} was started again after its undo")
        if run.wave < 1:
            yield Violation(law=Law.PLAN, detail=f"{name} is in no wave and was ordered")
        return
    forward = {item.id for item in run.attempts if not item.undo}
    if attempt.undo_of not in forward:
        yield Violation(law=Law.BACK, detail=f"{name}: an undo of {attempt.undo_of}")
    for item in run.attempts[:-1]:
        error = item.result.error if item.result else None
        if item.undo and (error is None or not error.retryable):
            yield Violation(law=Law.BACK, detail=f"{name}: a second undo after one that ran")


def _slots(before: Campaign, after: Campaign, *, ordered: bool) -> Found:
    open_ = {run.host.name for run in after.runs if is_open(run.attempt)}
    if ordered:
        # hosts that fell silent in their soak hold a slot too: nothing more may be ordered on top of them
        open_ |= {
            run.host.name
            for was, run in zip(before.runs, after.runs, strict=True)
            if run.state is _S.UNKNOWN and was.state is _S.UNKNOWN
        }
    if len(open_) > after.slots:
        yield Violation(law=Law.SLOTS, detail=f"{len(open_)} of {after.slots}: {sorted(open_)[:5]}")
    undoing = [
        run.host.name for run in after.runs if run.attempt and run.attempt.undo and is_open(run.attempt)
    ]
    if ordered and len(undoing) > after.policy.rollback_parallelism:
        detail = f"{len(undoing)} undos of {after.policy.rollback_parallelism}: {undoing[:5]}"
        yield Violation(law=Law.SLOTS, detail=detail)


def _may_start(before: Campaign, after: Campaign, started: list[HostRun]) -> Found:
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


def _stopped_for_a_reason(before: Campaign, after: Campaign) -> Found:
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


def _wave_opens(campaign: Campaign, now: datetime) -> Found:
    # what was only read has nothing to soak
    changing = campaign.kind is not Kind.READ_ONLY
    for run in campaign.runs:
        if not 0 < run.wave < campaign.wave:
            continue
        if run.state not in FINAL_HOSTS | {_S.ROLLING_BACK}:
            yield Violation(
                law=Law.WAVES, detail=f"{run.host.name} is {run.state} when wave {campaign.wave} opens"
            )
            continue
        done = run.attempt.ended_at if run.attempt is not None else run.ended_at
        soak = timedelta(seconds=campaign.policy.monitor_s if run.state is _S.SUCCEEDED and changing else 0.0)
        delay = timedelta(seconds=campaign.policy.delay_s)
        # a clock that was set back between the end of the soak and now makes no soak shorter
        soaked = done is None or run.ended_at is None or run.ended_at >= done + soak
        # nor, where there is none, a delay
        waited = done is None or run.wave < campaign.wave - 1 or not delay or now >= done + delay
        if not (soaked and waited):
            yield Violation(
                law=Law.WAVES, detail=f"wave {campaign.wave} opens too soon after {run.host.name}"
            )


def on_order(campaign: Campaign | None, order_id: str, host: str, epoch: int, mode: Mode) -> Found:
    """Judge an order that leaves, against what is committed."""
    if mode is Mode.PLAN or reads_for_gate(order_id):
        return
    run = campaign.run_of(host) if campaign is not None else None
    known = next((item for item in run.attempts if item.id == order_id), None) if run else None
    if known is None or known.epoch != epoch:
        yield Violation(law=Law.RECORD, detail=f"{order_id} left and is not committed")


def on_start(host: SimHost, attempt_id: str, campaign_id: str, others: Mapping[str, Campaign]) -> Found:
    """Judge the order of an attempt, against what other campaigns may still do on the host."""
    for other in others.values():
        run = other.run_of(host.name) if other.id != campaign_id else None
        attempt = run.attempt if run is not None else None
        if attempt is None or other.kind is Kind.READ_ONLY or not is_open(attempt):
            continue
        entry = host.journal.get(attempt.id)
        if entry is not None and entry.result is None:
            yield Violation(law=Law.ALONE, detail=f"{attempt_id} was ordered while {attempt.id} is at work")


def on_host(host: SimHost) -> Found:
    """Judge a host by its journal."""
    for (campaign_id, undo), times in host.effects.items():
        if times > 1:
            what = "undone" if undo else "changed"
            yield Violation(law=Law.ONCE, detail=f"{host.name} was {what} {times} times by {campaign_id}")


def on_abort(host: SimHost, aborted: Mapping[str, datetime], ttl_s: float) -> Found:
    """Judge when hosts were started after aborts (in true time)."""
    for entry in host.journal.values():
        at = aborted.get(entry.order.campaign_id)
        limit = timedelta(seconds=ttl_s + 2 * SKEW_S)
        if at is not None and entry.order.mode is Mode.APPLY and entry.began > at + limit:
            yield Violation(
                law=Law.ABORT, detail=f"{entry.order.attempt_id} began {entry.began - at} after the abort"
            )


def at_the_end(campaign: Campaign, hosts: Mapping[str, SimHost]) -> Found:
    """Judge a campaign when everything has come to rest."""
    if campaign.started_at is None:
        return
    resting = FINAL_HOSTS | ({_S.UNKNOWN} if is_over(campaign) else {_S.PENDING})
    for run in campaign.runs:
        if run.state not in resting:
            yield Violation(
                law=Law.END, detail=f"{run.host.name} ends {run.state} in a campaign {campaign.state}"
            )
        if campaign.kind is not Kind.READ_ONLY:
            yield from _true(campaign, run, hosts[run.host.name])
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
    changed = host.effects[campaign.id, False] > 0
    forward = next((item.id for item in run.attempts if not item.undo), "")
    entry = next((host.journal[i.id] for i in run.attempts if not i.undo and i.id in host.journal), None)
    mine = host.content in {item.id for item in run.attempts}
    wrong = {
        # one that was watched and broke meanwhile was read again
        _S.SUCCEEDED: not changed or (mine and not host.sound and campaign.policy.monitor_s > 0),
        _S.ALREADY_RIGHT: changed,
        _S.FAILED_CLEAN: changed,
        _S.UNREACHABLE: changed,
        _S.SKIPPED: changed,
        _S.CANCELLED: changed,
        _S.PENDING: changed,
        _S.ROLLED_BACK: entry is None or mine,
    }.get(run.state, False)
    if wrong:
        yield Violation(
            law=Law.TRUTH, detail=f"{run.host.name} is {run.state}; {forward} changed it: {changed}"
        )
    if changed and (run.wave < 1 or entry is None or entry.order.plan_hash != campaign.plan_hash):
        yield Violation(law=Law.PLAN, detail=f"{run.host.name} was changed by {campaign.id} outside its plan")
