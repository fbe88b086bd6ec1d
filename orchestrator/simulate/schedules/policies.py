"""Policies of schedules: what each seed's campaigns are held back by, and what they hold back themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.campaign.gate import Gate, GateKind, Moment
from orchestrator.campaign.rollout import (
    Approval,
    Budgets,
    Clock,
    Clocks,
    FailureKind,
    LabelBudget,
    Quorum,
    RolloutPolicy,
    Scope,
    Share,
    StopAction,
    StopRule,
)
from orchestrator.campaign.windows import DAY_MIN, Interval, Window, Windows
from orchestrator.simulate.stage.clock import BEGIN
from orchestrator.simulate.stage.dice import Dice


def richer(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
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


def fullest(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with some of everything else: what rules count, what rollbacks wait for, when orders expire."""
    rules = _rules(dice, policy.stop_rules) if dice.chance(0.5) else policy.stop_rules
    return replace(
        policy,
        stop_rules=rules,
        order_ttl_s=dice.among((60.0, 60.0, 25.0)),
        rollback_monitor_s=dice.among((0.0, 0.0, 6.0, 20.0)),
        rollback_on_failure=dice.among(
            (StopAction.CONTINUE, StopAction.PAUSE, StopAction.PAUSE, StopAction.HALT)
        ),
        control_hosts=dice.among((0, 1, 2, 3)),
        quorum=dice.among((Quorum.OFF, Quorum.LABEL, Quorum.COMPOSE)),
        windows=_allowed(dice, policy.windows) if dice.chance(0.2) else policy.windows,
        gates=tuple(_patient(dice, gate) for gate in policy.gates),
    )


def timed(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with clocks over hosts, progress and the campaign; some are so short that they stop it."""
    return replace(
        policy,
        clocks=Clocks(
            host=_clock(dice, (None, 8.0, 25.0, 60.0)),
            progress=_clock(dice, (None, None, 40.0, 90.0)),
            campaign=_clock(dice, (None, None, 60.0, 150.0)),
        ),
    )


def pausing(policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with rules that pause, whatever they did before."""
    rules = tuple(replace(rule, action=StopAction.PAUSE) for rule in policy.stop_rules)
    return replace(policy, stop_rules=rules)


def _clock(dice: Dice, limits: tuple[float | None, ...]) -> Clock:
    return Clock(stop_s=dice.among(limits), action=dice.among((StopAction.HALT, StopAction.PAUSE)))


def _rules(dice: Dice, rules: tuple[StopRule, ...]) -> tuple[StopRule, ...]:
    """Give rules of every scope and kind; some speak only when enough hosts are settled."""
    action = dice.among(tuple(StopAction)) if not rules else rules[0].action
    kind = dice.among((FailureKind.ANY, FailureKind.ANY, FailureKind.FAILED, FailureKind.UNKNOWN))
    share = dice.among((Share(value=0), Share(value=1), Share(value=30, percent=True)))
    scope = dice.among((Scope.WAVE, Scope.CAMPAIGN, Scope.LABEL))
    drawn = StopRule(
        kind=kind,
        tolerate=share,
        min_sample=dice.among((0, 2, 3, 4)),
        scope=scope,
        label="rack" if scope is Scope.LABEL else "",
        action=action,
        from_wave=dice.among((1, 1, 2)),
    )
    return (drawn,) if dice.chance(0.5) else (*rules, drawn)


def _allowed(dice: Dice, windows: Windows | None) -> Windows:
    """Give windows of a wall clock: one closes a minute or two after the begin, the next one opens soon after."""
    zone, hours = dice.among((("UTC", 0), ("Europe/Berlin", 1), ("America/New_York", -5)))
    begin = (BEGIN.hour + hours) * 60
    closes = begin + dice.whole(1, 3)
    opens = closes + dice.whole(1, 4)
    everyday = frozenset(range(7))
    return Windows(
        allow=(
            Window(days=everyday, opens=begin - 10, closes=closes, zone=zone),
            Window(days=everyday, opens=opens, closes=min(opens + 600, begin - 20 + DAY_MIN), zone=zone),
        ),
        blackouts=windows.blackouts if windows is not None else (),
    )


def _patient(dice: Dice, gate: Gate) -> Gate:
    """Give the gate with more than one pass to open it, or with more errors it puts up with."""
    return replace(gate, passes=dice.among((1, 1, 2)), errors=dice.among((gate.errors, 3)))


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
