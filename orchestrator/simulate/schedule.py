"""What one seed stands for: hosts, campaigns that share them, and everything that goes wrong, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import (
    Approval,
    Budgets,
    LabelBudget,
    RolloutPolicy,
    Share,
    StopAction,
)
from orchestrator.campaign.windows import Interval, Windows
from orchestrator.simulate.clock import BEGIN
from orchestrator.simulate.dice import Dice
from orchestrator.simulate.hosts import How
from orchestrator.simulate.post import Weather
from tasks.model import Kind

#: seconds after which nothing new goes wrong
TROUBLE_S = 150.0
_OPERATORS = ("pause", "resume", "abort", "skip", "rollback", "resume")
_FAULTS = (
    "kill", "kill", "kill-in-save", "kill-after-save", "overtake", "redis", "partition", "clock", "restore",
)  # fmt: skip


#: what people do beyond one campaign, what they do in the very moment the loop writes, and hosts busy with other things
_MORE = (
    "stop-all", "stop-campaign", "stop-procedure", "let-go", "quarantine", "quarantine", "release", "race", "race",
    "busy", "busy", "kill", "overtake", "restore",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One campaign."""

    procedure: str
    policy: RolloutPolicy
    #: positions of its hosts
    hosts: tuple[int, ...]
    begins_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One seed, spelled out."""

    seed: int
    hosts: int
    campaigns: tuple[Wanted, ...]
    weather: Weather
    #: how a change ends, by weight, and how often an undo fails
    fates: tuple[How, ...]
    bad_undo: float
    #: what goes wrong, or what people want, and when
    events: tuple[tuple[float, str], ...]
    #: what gates say, by weight; None = no answer
    verdicts: tuple[Verdict | None, ...] = (Verdict.PASS,)
    #: what is lost with a database that is put back is planned again
    again: bool = False


def schedule_of(seed: int) -> Schedule:
    """Give the schedule of a seed: in most there is more than the plain one has."""
    plain = plain_schedule(seed)
    dice = Dice(f"more {seed}")
    if dice.chance(0.3):
        return plain
    campaigns = tuple(
        replace(item, policy=_more(dice, item.policy)) if item.policy.monitor_s < 60 else item
        for item in plain.campaigns
    )
    if Dice(f"host gates {seed}").chance(0.2):
        campaigns = tuple(_before_hosts(item) for item in campaigns)
    what = [dice.among(_MORE) for _ in range(dice.among((0, 1, 2, 3, 5)))]
    return replace(
        plain,
        campaigns=campaigns,
        events=(*plain.events, *((dice.between(2.0, TROUBLE_S), item) for item in what)),
        verdicts=dice.among(
            (
                (Verdict.PASS,),
                (*(Verdict.PASS,) * 6, Verdict.ERROR, None),
                (*(Verdict.PASS,) * 4, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, None),
            )
        ),
        again=True,
    )


def plain_schedule(seed: int) -> Schedule:
    """Give the schedule of a seed without gates, budgets, windows, approvals, kill switches and quarantines."""
    dice = Dice(f"schedule {seed}")
    hosts = _size(dice)
    campaigns = tuple(_campaign(dice, hosts) for _ in range(dice.among((1, 1, 1, 1, 2, 2, 3))))
    rough = dice.among((0.0, 0.0, 0.05, 0.15))
    weather = Weather(
        lost=rough * dice.between(0.0, 1.0),
        twice=dice.among((0.0, 0.1, 0.3)),
        late=rough,
        late_s=dice.among((5.0, 30.0, 80.0)),
        killed=dice.among((0.0, 0.0, 0.1, 0.3)),
        work_s=dice.among(((2.0, 12.0), (2.0, 12.0), (10.0, 50.0))),
    )
    trouble = dice.among((0, 1, 2, 3, 5))
    people = dice.among((0, 0, 0, 1, 2, 3))
    what = [dice.among(_FAULTS) for _ in range(trouble)] + [dice.among(_OPERATORS) for _ in range(people)]
    bad = dice.among((0, 0, 1, 1, 3))
    return Schedule(
        seed=seed,
        hosts=hosts,
        campaigns=campaigns,
        weather=weather,
        fates=(How.OK,) * 8 + tuple(dice.among(tuple(How)) for _ in range(bad)),
        bad_undo=dice.among((0.0, 0.0, 0.3)),
        events=tuple((dice.between(2.0, TROUBLE_S), item) for item in what),
    )


def _size(dice: Dice) -> int:
    if dice.chance(0.97):
        return dice.whole(5, 12)
    return dice.whole(13, 40) if dice.chance(0.8) else dice.whole(41, 200)


def _campaign(dice: Dice, hosts: int) -> Wanted:
    first = dice.whole(0, hosts - 1)
    count = dice.whole(max(hosts // 2, 1), hosts)
    reading = dice.chance(0.05)
    big = hosts > 40
    policy = make_policy(
        Kind.READ_ONLY if reading else Kind.CHANGING,
        waves=dice.among(("1,rest", "1,50%,rest", "2", "rest") if not big else ("1,50%,rest", "rest")),
        parallelism=dice.whole(1, 4) if not big else dice.whole(10, 40),
        delay_s=dice.among((0.0, 0.0, 8.0)),
        monitor_s=dice.among((0.0, 5.0, 15.0)),
        max_failures=dice.among((None, "0", "1", "2", "25%", "50%", "100%")),
        on_breach=dice.among(tuple(StopAction)),
        rollback_failed=not dice.chance(0.15),
        rollback_parallelism=dice.whole(1, 3),
    )
    return Wanted(
        procedure="engine.info" if reading else "engine.restart",
        policy=policy,
        hosts=tuple((first + place) % hosts for place in range(count)),
        begins_s=dice.among((0.0, 0.0, 10.0, 40.0)),
    )


def _more(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with some of what holds campaigns back."""
    return replace(
        policy,
        budgets=_budgets(dice) if dice.chance(0.3) else None,
        windows=_windows(dice) if dice.chance(0.2) else None,
        approval=_approval(dice) if dice.chance(0.25) else None,
        gates=tuple(_gate(dice, number) for number in range(dice.among((0, 0, 0, 1, 2)))),
        rollback_delay_s=dice.among((0.0, 0.0, 5.0)),
        rollback_on_failure=dice.among((StopAction.CONTINUE, StopAction.CONTINUE, StopAction.HALT)),
    )


def _budgets(dice: Dice) -> Budgets:
    share = dice.among((Share(value=1), Share(value=2), Share(value=50, percent=True)))
    fleet = dice.among((None, Share(value=2), Share(value=50, percent=True)))
    return Budgets(labels=(LabelBudget(label="rack", most=share),), fleet=fleet)


def _windows(dice: Dice) -> Windows:
    start = BEGIN + timedelta(seconds=dice.between(5.0, 80.0))
    return Windows(
        blackouts=(Interval(start=start, end=start + timedelta(seconds=dice.between(10.0, 60.0))),)
    )


def _approval(dice: Dice) -> Approval:
    return Approval(
        required=dice.among((1, 2)),
        group="ops",
        expires_s=dice.among((None, 60.0, 200.0)),
        abort_on_timeout=dice.chance(0.5),
    )


def _before_hosts(wanted: Wanted) -> Wanted:
    """Give the campaign whose gates before waves are asked before each host."""
    gates = tuple(
        replace(gate, at=Moment.HOST) if gate.at is Moment.WAVE else gate for gate in wanted.policy.gates
    )
    return replace(wanted, policy=replace(wanted.policy, gates=gates))


def _gate(dice: Dice, number: int) -> Gate:
    return Gate(
        name=f"gate-{number}",
        kind=GateKind.COMMAND,
        at=dice.among((Moment.CAMPAIGN, Moment.WAVE, Moment.WAVE, Moment.AFTER_WAVE, Moment.BACKGROUND)),
        argv=("true",),
        every_s=dice.among((8.0, 20.0, 40.0)),
        timeout_s=5.0,
        failures=dice.among((0, 1, 3)),
        errors=dice.among((0, 2)),
    )
