"""Which gates hold what a campaign does next, and until when each is open.

Only passes open a gate, so many in a row as it asks for, and only as long as the last one is fresh. What a person
overrode is open, and is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import (
    BASELINE_KINDS,
    HOST_KINDS,
    Gate,
    GateKind,
    GateState,
    Moment,
    Override,
    Verdict,
)
from orchestrator.campaign.limits.approval import person
from orchestrator.campaign.limits.stop_rules import stopped
from orchestrator.campaign.pulse import ENGINE_DOWN_S
from orchestrator.campaign.states import FINAL_HOST, CampaignState

#: wave under which a delta gate keeps what hosts said before the first wave
BASELINE = -1

#: seconds after its own limit for which an answer is awaited before the gate is asked again
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededGate:
    """One gate that must have passed for what comes next."""

    gate: Gate
    wave: int
    state: GateState | None
    #: answers to questions asked before this instant prove nothing
    since: datetime | None = None
    #: a person's word that opens it
    override: Override | None = None
    #: persons who agreed, of a human gate
    approvers: tuple[str, ...] = ()
    #: of moment host: the host that waits for it; "" = all hosts of the wave
    host: str = ""

    @property
    def missing(self) -> int:
        """How many persons must agree still."""
        return max(self.gate.required - len(self.approvers), 0)

    @property
    def awaits_hosts(self) -> bool:
        """Whether hosts were asked, and their answers are not judged yet."""
        waits = self.state is not None and self.state.answered_at is None and self.override is None
        return waits and self.gate.kind in HOST_KINDS

    @property
    def expires_at(self) -> datetime | None:
        """Until when persons may answer; None = as long as it takes, or they have."""
        seconds = self.gate.expires_s
        if seconds is None or self.state is None or self.state.answered_at is not None:
            return None
        return self.state.asked_at + timedelta(seconds=seconds)

    def is_open(self, now: datetime) -> bool:
        """Whether it has passed, not too long ago, or a person let it pass."""
        if self.override is not None:
            return True
        until = self._opens_until()
        return until is not None and now < until

    @property
    def good_until(self) -> datetime | None:
        """Until when what it said lets go on; None when it said no such thing, or a person's word opens it."""
        return None if self.override is not None else self._opens_until()

    def due(self, now: datetime) -> datetime | None:
        """When it is to be asked next; this instant = at once, None = never."""
        state = self.state
        if self.override is not None:
            return None
        if state is None:
            return now
        if self.gate.kind is GateKind.HUMAN or (self.wave == BASELINE and state.answered_at is not None):
            return None
        if state.answered_at is None and self.gate.kind in HOST_KINDS:
            return gate_deadline(self.gate, state)
        if state.answered_at is None:
            return state.asked_at + self._patience
        if self.since is not None and state.verdict is Verdict.PASS and state.asked_at < self.since:
            return now
        again = state.asked_at + timedelta(seconds=self.gate.every_s)
        if state.brief and state.answered_at is not None:
            # the next reading tells whether it has been down for too long
            return min(again, state.answered_at + timedelta(seconds=ENGINE_DOWN_S))
        return again

    @property
    def text(self) -> str:
        """Gate and wave in words."""
        if self.wave == BASELINE:
            return f"gate {self.gate.name} with its reading of all hosts before the first wave"
        place = {
            Moment.CAMPAIGN: "before the campaign",
            Moment.WAVE: f"before wave {self.wave}",
            Moment.HOST: f"before {self.host}" if self.host else f"before hosts of wave {self.wave}",
            Moment.AFTER_WAVE: f"after wave {self.wave}",
            Moment.BACKGROUND: "in the background",
        }[self.gate.at]
        return f"gate {self.gate.name} {place}"

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=self.gate.timeout_s + PATIENCE_S)

    def _opens_until(self) -> datetime | None:
        """Until when its passes hold; None when they do not."""
        state = self.state
        if state is None or (state.passes < self.gate.passes and self.wave != BASELINE):
            return None
        if self.gate.kind is GateKind.HUMAN or self.wave == BASELINE:
            return datetime.max.replace(tzinfo=UTC) if state.verdict is Verdict.PASS else None
        if state.verdict is Verdict.PASS:
            asked_at = state.asked_at
        elif state.last is not None and state.last.verdict is Verdict.PASS:
            asked_at = state.last.asked_at
        else:
            return None
        if self.since is not None and asked_at < self.since:
            return None
        until = asked_at + timedelta(seconds=self.gate.every_s)
        # in the background its last answer holds while it is asked again, for as long as an answer may take
        return until + self._patience if self.gate.at is Moment.BACKGROUND else until


def needed(campaign: Campaign) -> tuple[NeededGate, ...]:
    """The gates that hold what comes next; () when nothing goes forward any more."""
    return tuple(_needed(campaign)) if _going(campaign) else ()


def gates_at_hosts(campaign: Campaign, wave: int) -> tuple[Gate, ...]:
    """The gates that are asked before each host of this wave."""
    return tuple(
        gate
        for gate in campaign.policy.gates
        if gate.at is Moment.HOST and (not gate.waves or wave in gate.waves)
    )


def asked_of_hosts(campaign: Campaign) -> tuple[NeededGate, ...]:
    """What single hosts wait for now, in the order they were last asked; () when nothing goes forward any more."""
    if not _going(campaign):
        return ()
    gates = {gate.name: gate for gate in campaign.policy.gates if gate.at is Moment.HOST}
    return tuple(
        at_host(campaign, gates[state.gate], state.wave, state.host, state)
        for state in campaign.gates
        if state.host and state.gate in gates
    )


def counted_at_hosts(campaign: Campaign) -> tuple[NeededGate, ...]:
    """What gates of moment host came to so far, one for each gate and wave."""
    if not _going(campaign):
        return ()
    gates = {gate.name: gate for gate in campaign.policy.gates if gate.at is Moment.HOST}
    return tuple(
        NeededGate(gate=gates[state.gate], wave=state.wave, state=state)
        for state in campaign.gates
        if not state.host and state.wave == campaign.wave and state.gate in gates
    )


def at_host(campaign: Campaign, gate: Gate, wave: int, host: str, state: GateState | None) -> NeededGate:
    """This gate as this host needs it."""
    return NeededGate(
        gate=gate, wave=wave, state=state, override=override_of(campaign, gate.name, wave, host), host=host
    )


def passed_until(campaign: Campaign, wave: int, host: str) -> datetime | None:
    """Until when the passes are good that let this host start; None when no gate was asked for it."""
    gates = gates_at_hosts(campaign, wave)
    found = (at_host(campaign, gate, wave, host, state_of(campaign, gate.name, wave, host)) for gate in gates)
    return min((item.good_until for item in found if item.good_until is not None), default=None)


def gate_deadline(gate: Gate, state: GateState) -> datetime:
    """Until when hosts are waited for that were asked by this gate."""
    return state.asked_at + timedelta(seconds=gate.timeout_s)


def state_of(campaign: Campaign, gate: str, wave: int, host: str = "") -> GateState | None:
    """How the gate stands for this wave, or for this host of it."""
    wanted = (gate, wave, host)
    return next((item for item in campaign.gates if (item.gate, item.wave, item.host) == wanted), None)


def override_of(campaign: Campaign, gate: str, wave: int, host: str = "") -> Override | None:
    """A person's word that opened this gate for this wave, or for this host of it."""
    wanted = (gate, wave, host)
    return next((item for item in campaign.overrides if (item.gate, item.wave, item.host) == wanted), None)


def gate_approvers(campaign: Campaign, gate: Gate, wave: int) -> tuple[str, ...]:
    """The persons whose approval of this gate counts: of this very plan, each once."""
    found = {
        person(item.by): item.by
        for item in campaign.approvals
        if (item.gate, item.wave, item.plan_hash) == (gate.name, wave, campaign.plan_hash)
    }
    author = person(campaign.author) if gate.required > 1 else ""
    return tuple(by for who, by in found.items() if who and who != author)


def _going(campaign: Campaign) -> bool:
    going = campaign.state in {CampaignState.RUNNING, CampaignState.PAUSED} and not stopped(campaign)
    return bool(campaign.policy.gates) and going and campaign.waves > 0


def _needed(campaign: Campaign) -> Iterator[NeededGate]:
    wave = campaign.wave
    over = wave > 0 and all(run.state in FINAL_HOST for run in campaign.runs if run.wave == wave)
    ended = [run.ended_at for run in campaign.runs if run.wave == wave and run.ended_at is not None]
    since = max(ended, default=None) if over else None
    last = over and wave == campaign.waves
    for gate in campaign.policy.gates:
        if gate.kind in BASELINE_KINDS and wave == 0:
            yield _need(campaign, gate, BASELINE)
            baseline = state_of(campaign, gate.name, BASELINE)
            if baseline is None or baseline.answered_at is None:
                continue
        if gate.at is Moment.CAMPAIGN and wave == 0:
            yield _need(campaign, gate, 0)
        elif gate.at is Moment.WAVE and (wave == 0 or over) and wave < campaign.waves:
            if not gate.waves or wave + 1 in gate.waves:
                yield _need(campaign, gate, wave + 1)
        elif gate.at is Moment.AFTER_WAVE and over and (not gate.waves or wave in gate.waves):
            yield _need(campaign, gate, wave, since)
        elif gate.at is Moment.BACKGROUND:
            yield _need(campaign, gate, 0, since if last else None)


def _need(campaign: Campaign, gate: Gate, wave: int, since: datetime | None = None) -> NeededGate:
    return NeededGate(
        gate=gate,
        wave=wave,
        state=state_of(campaign, gate.name, wave),
        since=since,
        override=override_of(campaign, gate.name, wave),
        approvers=gate_approvers(campaign, gate, wave) if gate.kind is GateKind.HUMAN else (),
    )
