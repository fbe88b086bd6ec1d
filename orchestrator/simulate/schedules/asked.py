"""What some schedules ask besides: people and hosts at gates, and how long a step may take."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment
from orchestrator.campaign.gate_options import MOMENTS_OF
from orchestrator.campaign.rollout import Clock, RolloutPolicy, StopAction
from orchestrator.simulate.stage.dice import Dice

#: how often each kind of host gate is drawn
_READ = (GateKind.HEALTH, GateKind.HEALTH, GateKind.DELTA, GateKind.RUNNING_SET)
_ACTIONS = (GateAction.PAUSE, *GateAction)


def with_people(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with gates that people open."""
    gates = (_of_people(dice, number) for number in range(dice.among((0, 1, 1, 2))))
    return replace(policy, gates=(*policy.gates, *gates))


def with_steps(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with a clock over steps; some are so short that they warn, or stop it."""
    stop_s = dice.among((None, 6.0, 12.0, 20.0))
    warn_s = dice.among((None, 3.0, 5.0))
    clock = Clock(warn_s=warn_s, stop_s=stop_s, action=dice.among((StopAction.HALT, StopAction.PAUSE)))
    return replace(policy, clocks=replace(policy.clocks, step=clock))


def with_readings(dice: Dice, policy: RolloutPolicy) -> RolloutPolicy:
    """Give the policy with a gate that hosts answer, in two of three."""
    if dice.chance(0.33):
        return policy
    kind = dice.among(_READ)
    at = dice.among(MOMENTS_OF[kind])
    gate = Gate(
        name="hosts",
        kind=kind,
        at=at,
        every_s=dice.among((10.0, 20.0, 40.0)),
        timeout_s=dice.among((5.0, 10.0)),
        failures=dice.among((0, 1, 3)),
        errors=dice.among((0, 2, 5)),
        passes=dice.among((1, 1, 2)),
        action=dice.among(_ACTIONS),
        warnings=dice.chance(0.3),
    )
    return replace(policy, gates=(*policy.gates, gate))


def _of_people(dice: Dice, number: int) -> Gate:
    at = dice.among((Moment.CAMPAIGN, Moment.WAVE, Moment.WAVE, Moment.AFTER_WAVE))
    expires_s = dice.among((None, 60.0, 60.0, 90.0))
    return Gate(
        name=f"people-{number}",
        kind=GateKind.HUMAN,
        at=at,
        group="ops",
        required=dice.among((1, 2, 2)),
        expires_s=expires_s,
        fail_on_timeout=expires_s is not None and dice.chance(0.6),
        action=dice.among(_ACTIONS),
        waves=dice.among(((), (), (2,))) if at is not Moment.CAMPAIGN else (),
    )
