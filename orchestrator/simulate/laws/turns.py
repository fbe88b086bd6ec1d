"""Laws of one saved turn of a campaign: who was ordered, how often, and when a wave opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws import stops, undos
from orchestrator.simulate.laws.law import FINAL_HOSTS, OVER, Found, Law, Violation, is_open
from tasks.model import Kind

#: from one reading of the clock to another
Span: TypeAlias = tuple[datetime, datetime]

_S = HostState
_BACK = frozenset({_S.ROLLING_BACK, _S.ROLLED_BACK, _S.NEEDS_HUMAN})


def on_save(before: Campaign, after: Campaign, now: datetime, twice: Iterable[Span] = ()) -> Found:
    """Judge one saved turn of a campaign whose plan is frozen; `twice`: what the clock showed twice."""
    if len(before.runs) != len(after.runs):
        yield Violation(law=Law.SUM, detail=f"{len(before.runs)} hosts became {len(after.runs)}")
        return
    if before.state in OVER and after.state is not before.state:
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
    yield from undos.on_save(before, after)
    started = [run for _, run in new if not run.attempts[-1].undo]
    if started:
        yield from stops.may_start(before, after, started)
    if after.wave != before.wave:
        yield from _wave_opens(after, now, tuple(twice))
    if len(after.stops) > len(before.stops):
        yield from stops.stopped_for_a_reason(before, after)


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


def _wave_opens(campaign: Campaign, now: datetime, twice: Collection[Span]) -> Found:
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
        # nor is an end of before that later than the one of another host that came after it
        waited = waited or (done is not None and any(first <= done <= last for first, last in twice))
        if not (soaked and waited):
            yield Violation(
                law=Law.WAVES, detail=f"wave {campaign.wave} opens too soon after {run.host.name}"
            )
