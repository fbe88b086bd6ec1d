"""Bugs: gates that people and hosts answer, and the clock over steps."""

from __future__ import annotations

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.planted_bug import ANSWERS, Bug, bug

_NEEDED, _LIMITS, _HUMAN = "campaign.gates.needed", "campaign.gates.limits", "campaign.human_gates"
_HOSTS = "campaign.gates.hosts"

ASKED: tuple[Bug, ...] = (
    # -- people
    bug(
        Law.PEOPLE,
        21,
        "The author's own approval opens a gate that asks two",
        (f"{_NEEDED}:gate_approvers", "person(campaign.author) if gate.required > 1 else", ""),
        (f"{_HUMAN}:objection", "item.gate.required > 1 and", "False and"),
    ),
    bug(
        Law.PEOPLE,
        142,
        "One person with two names opens a gate that asks two",
        (f"{_NEEDED}:gate_approvers", "person(item.by): item.by", "item.by: item.by"),
        (f"{_HUMAN}:done_before", "person(item.by) == person(event.by)", "item.by == event.by"),
    ),
    bug(
        Law.PEOPLE,
        21,
        "One approval opens a gate, however many are asked",
        (f"{_HUMAN}:approve", "or item.missing", ""),
    ),
    bug(
        Law.PEOPLE,
        26,
        "The approval of a gate for another wave counts",
        (
            f"{_NEEDED}:gate_approvers",
            "if (item.gate, item.wave, item.plan_hash) == (gate.name, wave, campaign.plan_hash)",
            "if (item.gate, item.plan_hash) == (gate.name, campaign.plan_hash)",
        ),
    ),
    bug(
        Law.PEOPLE,
        127,
        "The approval of a gate in another plan counts",
        (
            f"{_NEEDED}:gate_approvers",
            "if (item.gate, item.wave, item.plan_hash) == (gate.name, wave, campaign.plan_hash)",
            "if (item.gate, item.wave) == (gate.name, wave)",
        ),
        (f"{_HUMAN}:objection", "event.plan_hash != campaign.plan_hash", "False"),
    ),
    bug(
        Law.PEOPLE,
        142,
        "A gate of people that is asked after a wave holds nothing",
        (
            f"{_NEEDED}:_needed",
            "gate.at is Moment.AFTER_WAVE and over",
            "gate.at is Moment.AFTER_WAVE and gate.kind is not GateKind.HUMAN and over",
        ),
    ),
    bug(
        Law.PEOPLE,
        31,
        "A person lets a gate pass that people have to open",
        ("campaign.gates.overriding:objection", "item.gate.kind is GateKind.HUMAN", "False"),
    ),
    bug(
        Law.PEOPLE,
        21,
        "A gate of people that expired is open",
        (
            f"{_NEEDED}:NeededGate.is_open",
            "if self.override is not None:",
            "if self.override is not None or (self.expires_at is not None and self.expires_at <= now):",
        ),
    ),
    bug(
        Law.DENIED,
        31,
        "A denial is acknowledged and not kept",
        (
            "campaign.operators:ask",
            "return human_gates.deny(campaign, event, now) if event.gate else",
            "return campaign if event.gate else",
        ),
    ),
    bug(
        Law.DENIED,
        103,
        "A denied gate pauses whatever it should do",
        (f"{_HUMAN}:deny", "StopAction(item.gate.action.value)", "StopAction.PAUSE"),
    ),
    bug(
        Law.DENIED,
        21,
        "A gate of people stops a campaign although its silence is no fail",
        (f"{_LIMITS}:silent", "item.gate.fail_on_timeout and", ""),
    ),
    bug(
        Law.DENIED,
        62,
        "Silence at a gate of people is waited for, whatever its policy says",
        (f"{_LIMITS}:silent", "return item.gate.fail_on_timeout and", "return False and"),
    ),
    bug(
        Law.DENIED,
        26,
        "People have half the time to answer",
        (f"{_NEEDED}:NeededGate.expires_at", "timedelta(seconds=seconds)", "timedelta(seconds=seconds / 2)"),
    ),
    # -- steps
    bug(
        Law.STEP,
        21,
        "A step's time goes on from the step before it",
        (
            f"{ANSWERS}:_beat",
            'now if event.step not in {"", attempt.step} else attempt.step_since',
            "attempt.step_since or now",
        ),
    ),
    bug(
        Law.STEP,
        21,
        "Every heartbeat begins the time of its step anew",
        (f"{ANSWERS}:_beat", 'now if event.step not in {"", attempt.step} else attempt.step_since', "now"),
    ),
    bug(
        Law.STEP,
        21,
        "The time of a step is counted from its host's acceptance",
        ("campaign.clocks:_steps", "(now - attempt.step_since)", "(now - (attempt.accepted_at or now))"),
    ),
    bug(
        Law.STEP,
        21,
        "Nobody is warned of a second step of a host",
        ("campaign.clocks:_steps", 'f"{attempt.id}/{attempt.step}"', "attempt.id"),
    ),
    bug(
        Law.STEP,
        21,
        "People are warned of the same step again and again",
        ("campaign.clocks:_notice", "hand.key not in told", "hand.key"),
    ),
    bug(
        Law.STEP,
        209,
        "Steps of hosts that go back are not counted",
        (
            "campaign.clocks:_readings",
            "run.state in _AT_WORK",
            "run.state in _AT_WORK - {HostState.ROLLING_BACK}",
        ),
    ),
    # -- hosts
    bug(
        Law.READ,
        190,
        "A gate passes although a host is sick",
        (f"{_HOSTS}:_verdict", "if state.sick:", "if len(state.sick) > 1:"),
    ),
    bug(
        Law.READ,
        489,
        "A host that says nothing in time is well",
        (
            f"{_HOSTS}:_verdict",
            "dark = (*state.unsure, *silent, *state.brief)",
            "dark = (*state.unsure, *state.brief)",
        ),
    ),
    bug(
        Law.READ,
        258,
        "A host that could not tell is well",
        (
            f"{_HOSTS}:_verdict",
            "dark = (*state.unsure, *silent, *state.brief)",
            "dark = (*silent, *state.brief)",
        ),
    ),
    bug(
        Law.READ,
        21,
        "Only the first host is asked",
        (f"{_HOSTS}:begun", "waiting=hosts,", "waiting=hosts[:1],"),
    ),
    bug(
        Law.READ,
        466,
        "What got worse since the first wave is no news",
        ("campaign.vitals:bad_news", "if old is None or _worse(item, old):", "if old is None:"),
    ),
    bug(
        Law.READ,
        190,
        "A warning is none where warnings count",
        ("campaign.vitals:bad_news", "Level.WARNING if warnings else Level.CRITICAL", "Level.CRITICAL"),
    ),
    bug(
        Law.READ,
        21,
        "After a wave only its first hosts are read",
        (
            f"{_HOSTS}:concerned",
            "return tuple(run.host.name for run in campaign.runs if run.wave and _concerns(gate, wave, run))",
            "return tuple(run.host.name for run in campaign.runs if run.wave and _concerns(gate, wave, run))[:1]",
        ),
    ),
    bug(
        Law.READ,
        79,
        "One pass of hosts opens a gate that asks for two",
        (f"{_NEEDED}:NeededGate._opens_until", "state.passes < self.gate.passes", "not state.passes"),
    ),
    bug(
        Law.READ,
        21,
        "What hosts said of a wave at work counts after it",
        (f"{_NEEDED}:NeededGate._opens_until", "asked_at < self.since", "asked_at < asked_at"),
        (f"{_NEEDED}:NeededGate.due", "state.asked_at < self.since", "state.asked_at < state.asked_at"),
    ),
)
