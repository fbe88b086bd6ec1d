"""The story of a rehearsal as it is told: what each save says, what goes wrong, and every wait once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.brakes import Reach, brakes
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.limits.disruption import budget_lines
from orchestrator.campaign.states import HOLDS_SLOT, CampaignState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.simulate.rehearsal.timeline import Moment, moments
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.memory import Saved


class Story:
    """What was told so far."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing; every line gets its time from `clock`."""
        self._clock = clock
        self._told: list[Moment] = []
        self._held: set[str] = set()
        self._wave = 0

    @property
    def lines(self) -> tuple[Moment, ...]:
        """All of it, the latest last."""
        return tuple(self._told)

    @property
    def last_s(self) -> float:
        """When something was told last."""
        return self._told[-1].at_s

    def say(self, kind: str, text: str, hosts: Sequence[str] = ()) -> None:
        """Tell this, now."""
        line = Moment(at_s=self._clock.true_s, wave=self._wave, kind=kind, text=text, hosts=tuple(hosts))
        self._told.append(line)

    def save(self, saved: Saved) -> None:
        """Tell what this save of the campaign says; how the plan came about is of no interest."""
        self._wave = saved.after.wave
        if saved.before is None:
            return
        # hosts are told about from the plan on
        planned = saved.before.state is not CampaignState.PLANNING
        before = saved.before if planned else replace(saved.after, state=CampaignState.PLANNING)
        self._told += moments(before, saved.after, self._clock.true_s)

    def wait(self, texts: Iterable[str]) -> None:
        """Tell what holds the campaign from now on, unless it was told before."""
        for text in texts:
            key = _cause(text, self._wave)
            if key not in self._held:
                self._held.add(key)
                self.say("waits", f"WAITS: {text}")


def waits(campaign: Campaign, now: datetime, around: Callable[[Campaign], Surroundings]) -> Iterator[str]:
    """What keeps hosts from being started now: brakes, and budgets while slots are free."""
    if campaign.state is CampaignState.PAUSED:
        yield "it is paused until a person resumes it"
    if campaign.state not in {CampaignState.RUNNING, CampaignState.ROLLING_BACK}:
        return
    surroundings = around(campaign)
    held = brakes(campaign, now, surroundings).items
    yield from (brake.text for brake in held if brake.reach is not Reach.HOST)
    taken = sum(run.state in HOLDS_SLOT for run in campaign.runs)
    if campaign.policy.budgets is not None and taken < campaign.policy.parallelism:
        yield from budget_lines(campaign, surroundings)


def _cause(text: str, wave: int) -> str:
    """What a wait is told once for: a gate whatever was said so far, a budget once a wave, whoever uses it."""
    if text.startswith("budget"):
        return f"{wave} {text.partition(': ')[0]}"
    return text.partition(" is closed: ")[0].partition(" waits for ")[0]
