"""When a campaign waited for a person, a window or a kill switch: time that no clock counts.

It is told from what is stored, its stops, its windows, the switches and quarantines, so it is the same whether
somebody looked meanwhile or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import GateKind
from orchestrator.campaign.gates.needed import needed
from orchestrator.campaign.limits.quarantine_waits import waits_for_release
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.windows import Interval, Open, Windows, fits, open_at


def waits(
    campaign: Campaign, since: datetime, now: datetime, around: Surroundings = CALM
) -> tuple[Interval, ...]:
    """Spans between these instants in which it waited; in order, none over another."""
    found = [*_pauses(campaign, now), *((item.at, item.released_at or now) for item in around.switches)]
    found += waits_for_release(campaign, around, now)
    found += _people(campaign, now)
    if campaign.policy.windows is not None:
        found += _closed(campaign.policy.windows, since, now, _usual_s(campaign))
    return tuple(_merged(_cut(found, since, now)))


def is_waiting(campaign: Campaign, now: datetime, around: Surroundings = CALM) -> bool:
    """Whether it waits at this instant, until a person acts or a window opens."""
    windows = campaign.policy.windows
    held = campaign.state is CampaignState.PAUSED or bool(around.thrown)
    held = held or any(end >= now for _, end in waits_for_release(campaign, around, now))
    held = held or any(
        item.gate.kind is GateKind.HUMAN and not item.is_open(now) for item in needed(campaign)
    )
    return held or (windows is not None and not fits(windows, now, _usual_s(campaign)))


def _usual_s(campaign: Campaign) -> float:
    """Seconds before the end of a window in which no host is started any more."""
    return campaign.usual.host.p90_s if campaign.usual is not None else 0.0


def worked_s(spans: Iterable[Interval], since: datetime, now: datetime) -> float:
    """Seconds between these instants that lie in none of the spans."""
    waited = sum((_overlap(span, since, now) for span in spans), start=timedelta())
    return max((now - since - waited).total_seconds(), 0.0)


def _pauses(campaign: Campaign, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    for stop in campaign.stops:
        if stop.action is StopAction.PAUSE:
            yield stop.at, stop.lifted_at or now


def _people(campaign: Campaign, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Spans in which people were asked to open a gate; a stop ends the question too."""
    human = {gate.name for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
    ended = min((stop.at for stop in campaign.stops if stop.lifted_at is None), default=now)
    for state in campaign.gates:
        if state.gate in human:
            yield state.asked_at, state.answered_at or ended


def _closed(
    windows: Windows, since: datetime, now: datetime, usual_s: float
) -> Iterator[tuple[datetime, datetime]]:
    """Spans in which no host could be started: the window was closed, or would have been before it had ended."""
    instant = since
    while instant < now:
        answer = open_at(windows, instant)
        change = answer.until if isinstance(answer, Open) else answer.next_open
        if not isinstance(answer, Open):
            yield instant, change or now
        elif change is not None:
            yield max(instant, change - timedelta(seconds=usual_s)), change
        if change is None:
            return
        instant = change


def _cut(
    spans: Iterable[tuple[datetime, datetime]], since: datetime, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    for start, end in spans:
        start, end = max(start, since), min(end, now)  # noqa: PLW2901 - the same span, cut
        if start < end:
            yield start, end


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[Interval]:
    last: tuple[datetime, datetime] | None = None
    for start, end in sorted(spans):
        if last is not None and start <= last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last is not None:
            yield Interval(start=last[0], end=last[1])
        last = (start, end)
    if last is not None:
        yield Interval(start=last[0], end=last[1])


def _overlap(span: Interval, since: datetime, now: datetime) -> timedelta:
    return max(min(span.end, now) - max(span.start, since), timedelta())
