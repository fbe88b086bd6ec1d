"""What one seed stands for: hosts, campaigns that share them, and everything that goes wrong, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.campaign.gate import Moment, Verdict
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import RolloutPolicy, StopAction
from orchestrator.simulate.schedules.asked import with_people, with_readings, with_steps
from orchestrator.simulate.schedules.policies import fullest, pausing, richer, timed
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import READING, How
from orchestrator.simulate.stage.post import Weather
from orchestrator.simulate.stage.readings import Mood
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


#: what the fullest schedules have besides: each is rare and comes at the worst moment
_MOST = (
    "abort-hard", "undo", "undo", "retry", "sick", "sick", "gone", "gateways", "gateways", "outage", "lapse", "lapse",
    "lapse", "race-quarantine", "race-quarantine", "quarantine-at-work", "quarantine-at-work", "resume", "resume",
)  # fmt: skip
#: what goes on top of that in some
_SELDOM = ("override", "override", "override", "resume", "kill", "clock")
#: gates that say neither yes nor no are what people let pass
_UNSURE = (*(Verdict.PASS,) * 3, Verdict.ERROR, Verdict.ERROR, Verdict.INCONCLUSIVE, None, None)
#: how hosts answer gates: as they are, and now and then otherwise
_MOODS = ((Mood.TRUE,), (*(Mood.TRUE,) * 60, *Mood), (*(Mood.TRUE,) * 20, *Mood))


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
    #: how often a host that was brought back breaks while it is watched
    bad_back: float = 0.0
    #: people resume whatever a rule or a person has paused, again and again
    hasty: bool = False
    #: services with replicas on the hosts, by turns; more than two are Compose's, 0 = none
    services: int = 0
    #: people answer gates, workers say what they do, and hosts answer gates by these weights
    asks: bool = False
    moods: tuple[Mood, ...] = (Mood.TRUE,)


def schedule_of(seed: int) -> Schedule:
    """Give the schedule of a seed: most have more than the plain one has; one in eight asks people, hosts and steps."""
    timed = timed_schedule(seed)
    if not Dice(f"asks {seed}").chance(0.125) or timed == plain_schedule(seed):
        return timed
    people, steps, hosts = (Dice(f"{what} asked {seed}") for what in ("people", "steps", "hosts"))

    def asking(policy: RolloutPolicy) -> RolloutPolicy:
        return with_readings(hosts, with_steps(steps, with_people(people, policy)))

    campaigns = tuple(
        replace(item, policy=asking(item.policy)) if item.procedure != READING else item
        for item in timed.campaigns
    )
    # gates of hosts may be let pass like others, those of people never
    passes = Dice(f"overrides asked {seed}")
    number = passes.among((0, 0, 2, 4))
    events = tuple((passes.between(2.0, TROUBLE_S), "override") for _ in range(number))
    return replace(
        timed, campaigns=campaigns, asks=True, moods=hosts.among(_MOODS), events=(*timed.events, *events)
    )


def timed_schedule(seed: int) -> Schedule:
    """Give the schedule of a seed without gates that people and hosts answer, and without clocks over steps."""
    full = fullest_schedule(seed)
    dice = Dice(f"clocks {seed}")
    # a clock would mostly stop what lies silent for so long
    still = full == plain_schedule(seed) or any(what == "lapse" for _, what in full.events)
    if still or not dice.chance(0.4):
        return full
    what = [dice.among(_SELDOM) for _ in range(dice.among((2, 4, 8)))]
    return replace(
        full,
        verdicts=_UNSURE if dice.chance(0.5) else full.verdicts,
        campaigns=tuple(
            replace(item, policy=timed(dice, item.policy)) if item.procedure != READING else item
            for item in full.campaigns
        ),
        events=(*full.events, *((dice.between(2.0, TROUBLE_S), item) for item in what)),
    )


def fullest_schedule(seed: int) -> Schedule:
    """Give the schedule of a seed without clocks and overridden gates."""
    rich = richer_schedule(seed)
    dice = Dice(f"fullest {seed}")
    if dice.chance(0.4):
        return rich
    what = [dice.among(_MOST) for _ in range(dice.among((0, 1, 2, 2, 3)))]
    full = replace(
        rich,
        campaigns=tuple(
            replace(item, policy=fullest(dice, item.policy)) if item.procedure != READING else item
            for item in rich.campaigns
        ),
        events=(*rich.events, *((dice.between(2.0, TROUBLE_S), item) for item in what)),
        bad_back=dice.among((0.0, 0.0, 0.3)),
        services=dice.among((0, 0, 2, 4)),
    )
    return _hasty(full) if dice.chance(0.15) else full


def _hasty(schedule: Schedule) -> Schedule:
    """Give the schedule with rules that pause, hosts that fail more often, and people who never wait for long."""
    return replace(
        schedule,
        campaigns=tuple(replace(item, policy=pausing(item.policy)) for item in schedule.campaigns),
        fates=(*schedule.fates, How.CLEAN, How.DIRTY, How.SOAK),
        hasty=True,
    )


def richer_schedule(seed: int) -> Schedule:
    """Give the schedule of a seed with budgets, gates, approvals, blackouts, kill switches and quarantines in most."""
    plain = plain_schedule(seed)
    dice = Dice(f"more {seed}")
    if dice.chance(0.3):
        return plain
    campaigns = tuple(
        replace(item, policy=richer(dice, item.policy)) if item.policy.monitor_s < 60 else item
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
        procedure=READING if reading else "engine.restart",
        policy=policy,
        hosts=tuple((first + place) % hosts for place in range(count)),
        begins_s=dice.among((0.0, 0.0, 10.0, 40.0)),
    )


def _before_hosts(wanted: Wanted) -> Wanted:
    """Give the campaign whose gates before waves are asked before each host."""
    gates = tuple(
        replace(gate, at=Moment.HOST) if gate.at is Moment.WAVE else gate for gate in wanted.policy.gates
    )
    return replace(wanted, policy=replace(wanted.policy, gates=gates))
