"""Whether what made hosts fail is theirs: before they are brought back, a few untouched hosts are read again.

The untouched ones had a good dry run when the campaign was planned. When every one that answers fails its dry run
now, the cause is probably shared (package archive, DNS, clock, a full disk everywhere): a rollback would meet it
too, so a person looks first. Silence proves nothing and holds nothing up, nor is a person held up who asks for the
rollback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.campaign.actions import Action, AskControl, EndLook, StopNow
from orchestrator.campaign.campaign import Campaign, HostRun, Stop
from orchestrator.campaign.control import Control, Found, Look
from orchestrator.campaign.events import ControlAnswered
from orchestrator.campaign.limits.stop_rules import OPERATOR_ROLLBACK
from orchestrator.campaign.rollout import RolloutPolicy, StopAction
from orchestrator.campaign.states import HostState
from orchestrator.campaign.wording import names
from tasks.result import HostError, Outcome

SHARED_CAUSE_RULE = "shared-cause check"

#: seconds for which a good answer speaks for hosts that fail after it
FRESH_S = 60.0


def open_look(campaign: Campaign) -> Look | None:
    """The look that is going on, if there is one."""
    last = campaign.looks[-1] if campaign.looks else None
    return last if last is not None and last.ended_at is None else None


def standing_stop(campaign: Campaign) -> Stop | None:
    """The stop of a shared cause that no person has lifted; a person who asks for the rollback has."""
    if any(stop.rule == OPERATOR_ROLLBACK for stop in campaign.stops):
        return None
    return next(
        (stop for stop in campaign.stops if stop.rule == SHARED_CAUSE_RULE and stop.lifted_at is None), None
    )


def overruled(campaign: Campaign) -> bool:
    """Whether a person wants the rollback whatever others say, or no more of these questions."""
    return any(
        stop.rule == OPERATOR_ROLLBACK or (stop.rule == SHARED_CAUSE_RULE and stop.silenced)
        for stop in campaign.stops
    )


def ask_controls(
    campaign: Campaign, waiting: Iterable[HostRun], now: datetime, alone: frozenset[str]
) -> tuple[AskControl, ...]:
    """Untouched hosts to be read before these hosts are brought back; () when there is no need, or none to read."""
    failed = tuple(run.host.name for run in waiting if run.failed_as is not None)
    if not failed or not campaign.policy.control_hosts or _answered_for(campaign, failed, now):
        return ()
    number = len(campaign.looks) + 1
    chosen = _spread(_untouched(campaign, alone), campaign.policy.control_hosts)
    return tuple(AskControl(host=name, look=number, failed=failed) for name in chosen)


def end_look(campaign: Campaign, now: datetime, alone: frozenset[str]) -> tuple[Action, ...]:
    """End the look when everybody has answered or its time is over; a shared cause stops the campaign with it."""
    look = open_look(campaign)
    if look is None:
        return ()
    if now < look.until and any(control.answered_at is None for control in look.controls):
        return ()
    heard = [item for item in look.controls if _counts(campaign, item, alone)]
    sick = [item for item in heard if item.error is not None]
    if not heard:
        return (EndLook(look=look.number, found=Found.NO_ANSWER),)
    if len(sick) < len(heard):
        return (EndLook(look=look.number, found=Found.WELL),)
    end = EndLook(look=look.number, found=Found.SHARED)
    return (end,) if overruled(campaign) else (end, StopNow(stop=_stop(look, sick, now)))


def asked(campaign: Campaign, actions: Sequence[AskControl], now: datetime) -> Campaign:
    """The campaign that awaits the answers to these questions."""
    first = actions[0] if actions else None
    if first is None or first.look != len(campaign.looks) + 1 or open_look(campaign) is not None:
        return campaign
    look = Look(
        number=first.look,
        asked_at=now,
        until=now + timedelta(seconds=campaign.policy.order_ttl_s),
        controls=tuple(Control(host=action.host) for action in actions),
        failed=first.failed,
    )
    return replace(campaign, looks=(*campaign.looks, look))


def ended(campaign: Campaign, action: EndLook, now: datetime) -> Campaign:
    """The campaign whose look came to this."""
    look = open_look(campaign)
    if look is None or look.number != action.look:
        return campaign
    return _with(campaign, replace(look, ended_at=now, found=action.found))


def answered(campaign: Campaign, event: ControlAnswered, now: datetime) -> Campaign:
    """The campaign after this answer; late, repeated and unasked ones change nothing."""
    look = open_look(campaign)
    if look is None or look.number != event.look or now >= look.until:
        return campaign
    waiting = next((item for item in look.controls if item.host == event.host), None)
    if waiting is None or waiting.answered_at is not None:
        return campaign
    result = event.result
    reached = result.outcome not in {Outcome.UNREACHABLE, Outcome.UNKNOWN}
    error = None if result.outcome is Outcome.OK else result.error or _no_reason(result.summary)
    heard = replace(waiting, answered_at=now, reached=reached, error=error if reached else None)
    controls = tuple(heard if item is waiting else item for item in look.controls)
    return _with(campaign, replace(look, controls=controls))


def look_words(look: Look) -> str:
    """The look in one sentence."""
    hosts = names([item.host for item in look.controls])
    match look.found:
        case None:
            return f"untouched hosts ({hosts}) are asked whether they fail too, before {_coming(look.failed)}"
        case Found.WELL:
            return f"untouched hosts ({hosts}) were read before the rollback: not all of them fail"
        case Found.SHARED:
            return f"every untouched host that answered ({hosts}) fails too"
        case Found.NO_ANSWER:
            return f"no untouched host ({hosts}) answered in time: the rollback does not wait for them"


def control_words(policy: RolloutPolicy) -> Iterator[str]:
    """What the plan says about it."""
    if policy.control_hosts and policy.rollback_failed:
        noun = "host is" if policy.control_hosts == 1 else "hosts are"
        yield (
            f"before failed hosts are rolled back, up to {policy.control_hosts} untouched {noun} read: "
            "when all that answer fail too, it pauses"
        )


def _answered_for(campaign: Campaign, failed: Iterable[str], now: datetime) -> bool:
    """Whether looks that ended, or a person, speak for all of these hosts."""
    if open_look(campaign) is not None or overruled(campaign):
        return True
    known = {host for look in campaign.looks for host in look.failed}
    fresh = timedelta(seconds=FRESH_S)
    lately = any(
        look.found is not Found.SHARED and look.ended_at is not None and now <= look.ended_at + fresh
        for look in campaign.looks
    )
    return lately or known.issuperset(failed)


def _untouched(campaign: Campaign, alone: frozenset[str]) -> list[str]:
    """Hosts of the plan nobody touched: those still to come, else those that were right already."""
    free = [run for run in campaign.runs if not run.attempts and run.host.name not in alone]
    to_come = [run for run in free if run.wave and run.state in {HostState.PENDING, HostState.CANCELLED}]
    right = [run for run in free if run.state is HostState.ALREADY_RIGHT]
    return [run.host.name for run in to_come or right]


def _spread(hosts: Sequence[str], most: int) -> tuple[str, ...]:
    """So many of them, as far from each other as they can be: neighbours often share more than one cause."""
    count = min(most, len(hosts))
    return tuple(hosts[place * len(hosts) // count] for place in range(count))


def _counts(campaign: Campaign, control: Control, alone: frozenset[str]) -> bool:
    """Whether its answer tells anything: it was reached, and nobody has begun to change it meanwhile."""
    run = campaign.run_of(control.host)
    return (
        control.answered_at is not None
        and control.reached
        and run is not None
        and not run.attempts
        and control.host not in alone
    )


def _stop(look: Look, sick: Sequence[Control], now: datetime) -> Stop:
    codes: dict[str, int] = {}
    for item in sick:
        if item.error is not None:
            codes[item.error.code] = codes.get(item.error.code, 0) + 1
    said = ", ".join(f"{code} on {count}" for code, count in sorted(codes.items()))
    return Stop(
        rule=SHARED_CAUSE_RULE,
        limit=f"one of {len(look.controls)} untouched hosts must still be well before {_coming(look.failed)}",
        observed=(
            f"{len(sick)} of {len(sick)} that answered fail their dry run too ({said}): the cause is probably "
            "shared, and nobody is rolled back blind"
        ),
        hosts=tuple(item.host for item in sick),
        at=now,
        action=StopAction.PAUSE,
    )


def _with(campaign: Campaign, look: Look) -> Campaign:
    return replace(campaign, looks=(*campaign.looks[:-1], look))


def _no_reason(summary: str) -> HostError:
    return HostError(code="E_REFUSED", message=summary or "The host gave no plan")


def _coming(hosts: Sequence[str]) -> str:
    return f"{names(hosts)} {'comes' if len(hosts) == 1 else 'come'} back"
