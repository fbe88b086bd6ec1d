"""What is asked of people, hosts and steps is what a person may ask for, and all of it is drawn."""

from __future__ import annotations

from orchestrator.campaign.gate import HOST_KINDS, Gate, GateAction, GateKind
from orchestrator.campaign.gate_options import MOMENTS_OF, OF_WAVES
from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.rollout import RolloutPolicy, Share
from orchestrator.simulate.schedules.asked import with_people, with_readings, with_steps
from orchestrator.simulate.stage.dice import Dice

PLAIN = RolloutPolicy(waves=(Share(value=1),))


def policies() -> list[RolloutPolicy]:
    """Policies with everything that may be asked."""
    found = []
    for number in range(500):
        dice = Dice(f"asked {number}")
        found.append(with_readings(dice, with_steps(dice, with_people(dice, PLAIN))))
    return found


POLICIES = policies()


def drawn(*kinds: GateKind) -> list[Gate]:
    """All gates of these kinds."""
    return [gate for policy in POLICIES for gate in policy.gates if gate.kind in kinds]


def test_every_policy_may_be_asked_for() -> None:
    for policy in POLICIES:
        check_policy(policy)
        names = [gate.name for gate in policy.gates]
        assert len(set(names)) == len(names)
    for gate in drawn(*GateKind):
        assert gate.at in MOMENTS_OF[gate.kind]
        assert not gate.waves or gate.at in OF_WAVES
        assert gate.expires_s is None or gate.expires_s >= 60
        assert not gate.fail_on_timeout or gate.expires_s is not None


def test_every_gate_people_may_be_asked_is_drawn() -> None:
    gates = drawn(GateKind.HUMAN)
    assert {gate.at for gate in gates} == set(MOMENTS_OF[GateKind.HUMAN])
    assert {gate.action for gate in gates} == set(GateAction)
    assert {gate.required for gate in gates} == {1, 2}
    assert {(gate.expires_s is None, gate.fail_on_timeout) for gate in gates} == {
        (True, False),
        (False, False),
        (False, True),
    }


def test_every_gate_hosts_may_be_asked_is_drawn() -> None:
    for kind in HOST_KINDS:
        assert {gate.at for gate in drawn(kind)} == set(MOMENTS_OF[kind])
    assert {gate.warnings for gate in drawn(*HOST_KINDS)} == {True, False}


def test_clocks_over_steps_warn_stop_both_or_neither() -> None:
    clocks = [policy.clocks.step for policy in POLICIES]
    assert len({(clock.warn_s is None, clock.stop_s is None) for clock in clocks}) == 4
