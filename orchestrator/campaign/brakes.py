"""What keeps hosts from being started although no stop rule was breached: each brake says so in words.

A brake is no stop: it lifts when its instant comes or its cause is gone, and nothing is rolled back.
Kinds of brakes are added to `brakes`; `decide` asks them and knows none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.durations import words
from orchestrator.campaign.gate import Moment
from orchestrator.campaign.gates.words import SHOWN, closed_at_hosts, closed_gates, closed_words, way_out
from orchestrator.campaign.limits.shared_cause import look_words, open_look, overruled, standing_stop
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.window_words import instant_words
from orchestrator.campaign.windows import Closed, Open, fits, open_at


class Reach(StrEnum):
    """What a brake holds."""

    #: single hosts; the others of the wave go on
    HOST = "host"
    #: the next wave is not opened; hosts of the wave at work go on
    WAVE = "wave"
    #: no host is started, also not in the wave at work
    START = "start"
    #: nothing is started, not even an undo
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """One reason why nothing starts now."""

    reach: Reach
    #: in words: rule, limit, observed value
    text: str
    #: look again at this instant; None = news will come
    until: datetime | None = None
    #: what a person can do about it
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """All brakes of one campaign at one instant."""

    items: tuple[Brake, ...] = ()

    @property
    def wave(self) -> bool:
        """Whether no wave may be opened."""
        return any(brake.reach is not Reach.HOST for brake in self.items)

    @property
    def start(self) -> bool:
        """Whether no host may be started."""
        return any(brake.reach in {Reach.START, Reach.EVERYTHING} for brake in self.items)

    @property
    def undo(self) -> bool:
        """Whether not even an undo may be started."""
        return any(brake.reach is Reach.EVERYTHING for brake in self.items)

    @property
    def due(self) -> Iterable[datetime]:
        """Instants at which to look again."""
        return (brake.until for brake in self.items if brake.until is not None)


def brakes(campaign: Campaign, now: datetime, around: Surroundings = CALM) -> Brakes:
    """Every reason for which this campaign may start nothing now, the hardest first."""
    found = (
        _closed_window(campaign, now),
        _closing_window(campaign, now),
        _failed_undo(campaign),
        _shared_cause(campaign),
    )
    held = (brake for brake in found if brake is not None)
    gates = (*_closed_gates(campaign, now), *_waiting_hosts(campaign, now))
    return Brakes(items=(*_thrown_switches(around), *held, *gates))


def _thrown_switches(around: Surroundings) -> Iterator[Brake]:
    """A kill switch holds everything, undos too, until a person releases it."""
    for switch in around.thrown:
        yield Brake(
            reach=Reach.EVERYTHING,
            text=switch.text,
            hint=f"What hosts accepted goes on; release it with `{switch.release}`",
        )


def _closed_gates(campaign: Campaign, now: datetime) -> Iterator[Brake]:
    """A gate that has not passed, or not lately, holds the next wave; one in the background holds every start."""
    for item in closed_gates(campaign, now):
        yield Brake(
            reach=Reach.START if item.gate.at is Moment.BACKGROUND else Reach.WAVE,
            text=closed_words(item, now),
            until=item.due(now),
            hint=way_out(campaign, item),
        )


def _waiting_hosts(campaign: Campaign, now: datetime) -> Iterator[Brake]:
    """A gate before a host holds this host."""
    waiting = closed_at_hosts(campaign, now)
    for item in waiting[:SHOWN]:
        yield Brake(
            reach=Reach.HOST,
            text=closed_words(item, now),
            until=item.due(now),
            hint=way_out(campaign, item),
        )
    if len(waiting) > SHOWN:
        yield Brake(reach=Reach.HOST, text=f"{len(waiting) - SHOWN} more hosts wait for gates")


def _closed_window(campaign: Campaign, now: datetime) -> Brake | None:
    """Outside its windows a campaign finishes what it began and starts no host; an undo does not wait."""
    windows = campaign.policy.windows
    if windows is None:
        return None
    answer = open_at(windows, now)
    if isinstance(answer, Open):
        return None
    if answer.next_open is None:
        return Brake(
            reach=Reach.START,
            text="the maintenance windows are closed and never open again",
            hint="Abort it, and plan it with other windows",
        )
    return Brake(
        reach=Reach.START,
        text=f"the maintenance window is closed until {instant_words(answer.next_open)}",
        until=answer.next_open,
        hint="It goes on by itself",
    )


def _closing_window(campaign: Campaign, now: datetime) -> Brake | None:
    """A host that usually does not end before the window closes is not started."""
    windows, usual = campaign.policy.windows, campaign.usual
    if windows is None or usual is None or fits(windows, now, usual.host.p90_s):
        return None
    answer = open_at(windows, now)
    if not isinstance(answer, Open) or answer.until is None:
        return None
    after = open_at(windows, answer.until)
    opens = after.next_open if isinstance(after, Closed) else None
    then = f"none is started until it opens at {instant_words(opens)}" if opens else "no host is started"
    return Brake(
        reach=Reach.START,
        text=(
            f"the maintenance window closes at {instant_words(answer.until)}, and a host usually takes "
            f"up to {words(usual.host.p90_s)}: {then}"
        ),
        until=opens,
        hint="It goes on by itself in a window that is long enough",
    )


def _failed_undo(campaign: Campaign) -> Brake | None:
    """When the rollback's policy is to pause, one that fails holds everything until a person has looked at it."""
    hosts = held_by(campaign)
    if not hosts:
        return None
    return Brake(
        reach=Reach.EVERYTHING,
        text=f"the rollback of {', '.join(hosts[:5])} failed, and rollback.on_failure is pause",
        hint=f"Look at what failed, then let the others go on with `dockwave resume {campaign.id}`",
    )


def _shared_cause(campaign: Campaign) -> Brake | None:
    """Nobody is brought back while untouched hosts are asked whether they fail too, nor when they all do."""
    look = open_look(campaign)
    if look is not None and not overruled(campaign):
        return Brake(
            reach=Reach.EVERYTHING,
            text=look_words(look),
            until=look.until,
            hint=f"It goes on by itself at {instant_words(look.until)} at the latest",
        )
    stop = standing_stop(campaign)
    if stop is None:
        return None
    return Brake(
        reach=Reach.EVERYTHING,
        text=f"{stop.rule}: {stop.observed}",
        hint=(
            f"Mend what they share ({', '.join(stop.hosts[:5])}), then go on with `dockwave resume {campaign.id}`; "
            f"bring everything back all the same with `dockwave rollback {campaign.id} --reason TEXT`"
        ),
    )
