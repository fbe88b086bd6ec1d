"""Which gates hold a campaign now, which are to be asked, and which stop it.

Only passes open a gate, so many in a row as it asks for, and only as long as the last one is fresh. More fails than
tolerated do what the gate says; more errors, and more inconclusive answers, pause for a person. A paused campaign
asks nothing; once resumed it asks afresh. What a person overrode is open, and is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from orchestrator.campaign.approval import person
from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.durations import words
from orchestrator.campaign.events import AskGate, GateAnswered, JudgeGate
from orchestrator.campaign.gate import (
    HOST_KINDS,
    Gate,
    GateAction,
    GateKind,
    GateState,
    Moment,
    Override,
    Said,
    Verdict,
)
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import FINAL_HOST, CampaignState
from orchestrator.campaign.stop_rules import SEVERITY, stopped

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
        return state.asked_at + timedelta(seconds=self.gate.every_s)

    @property
    def text(self) -> str:
        """Gate and wave in words."""
        if self.wave == BASELINE:
            return f"gate {self.gate.name} with its reading of all hosts before the first wave"
        place = {
            Moment.CAMPAIGN: "before the campaign",
            Moment.WAVE: f"before wave {self.wave}",
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
    going = campaign.state in {CampaignState.RUNNING, CampaignState.PAUSED} and not stopped(campaign)
    if not campaign.policy.gates or not going or not campaign.waves:
        return ()
    return tuple(_needed(campaign))


def gate_deadline(gate: Gate, state: GateState) -> datetime:
    """Until when hosts are waited for that were asked by this gate."""
    return state.asked_at + timedelta(seconds=gate.timeout_s)


def ask_gates(
    campaign: Campaign, now: datetime
) -> tuple[tuple[AskGate | JudgeGate, ...], tuple[datetime, ...]]:
    """Questions that are due now, and the instants at which the next ones are."""
    if campaign.state is not CampaignState.RUNNING:
        return (), ()
    asks: list[AskGate | JudgeGate] = []
    instants: list[datetime] = []
    for item in needed(campaign):
        due = item.due(now)
        if item.gate.fail_on_timeout and item.expires_at is not None:
            instants.append(item.expires_at)
        if item.awaits_hosts and item.state is not None and (not item.state.waiting or (due and due <= now)):
            asks.append(JudgeGate(gate=item.gate.name, wave=item.wave))
        elif due is not None and due <= now:
            asks.append(AskGate(gate=item.gate.name, wave=item.wave))
        elif due is not None:
            instants.append(due)
    return tuple(asks), tuple(instants)


def gate_stop(campaign: Campaign, now: datetime) -> Stop | None:
    """The stop of gates that were answered badly more often than tolerated; the gravest decides what it does."""
    if campaign.state is not CampaignState.RUNNING:
        return None
    over = [(item, verdict) for item in needed(campaign) if (verdict := _over(item, now)) is not None]
    if not over:
        return None
    actions = [
        StopAction(item.gate.action.value) if verdict is Verdict.FAIL else StopAction.PAUSE
        for item, verdict in over
    ]
    action = max(actions, key=lambda action: SEVERITY[action])
    return Stop(
        rule="; ".join(f"{item.text}: {verdict.value}" for item, verdict in over),
        limit="; ".join(limit_words(item.gate, verdict) for item, verdict in over),
        observed="; ".join(_observed(item) for item, _ in over),
        hosts=(),
        waves=returned_waves(campaign, action),
        at=now,
        action=action,
    )


def returned_waves(campaign: Campaign, action: StopAction) -> tuple[int, ...]:
    """The wave that goes back when a gate says so: the one at work, or the last one."""
    return (campaign.wave,) if action is StopAction.ROLLBACK_WAVE and campaign.wave else ()


def answered(campaign: Campaign, event: GateAnswered, now: datetime) -> Campaign:
    """The campaign after this answer; late, repeated and unasked ones change nothing."""
    state = state_of(campaign, event.gate, event.wave)
    if state is None or state.answered_at is not None or state.asked_at != event.asked_at:
        return campaign
    return with_state(campaign, settled(state, event.verdict, event.detail, now))


def settled(state: GateState, verdict: Verdict, detail: str, now: datetime) -> GateState:
    """The gate once its question has this answer."""
    return replace(
        state,
        answered_at=now,
        verdict=verdict,
        detail=detail,
        fails=state.fails + (verdict is Verdict.FAIL),
        errors=state.errors + 1 if verdict is Verdict.ERROR else 0,
        doubts=state.doubts + (verdict is Verdict.INCONCLUSIVE),
        passes=state.passes + 1 if verdict is Verdict.PASS else 0,
        last=None,
    )


def asked(campaign: Campaign, action: AskGate, now: datetime) -> Campaign:
    """The campaign that awaits an answer to this question."""
    old = state_of(campaign, action.gate, action.wave)
    if old is None:
        return with_state(campaign, GateState(gate=action.gate, wave=action.wave, asked_at=now))
    last = old.last
    if old.answered_at is not None and old.verdict is not None:
        last = Said(asked_at=old.asked_at, at=old.answered_at, verdict=old.verdict)
    return with_state(campaign, replace(old, asked_at=now, answered_at=None, verdict=None, last=last))


def afresh(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign with every gate as if it had never been asked: a person looked, and let it go on.

    What people agreed to stays, and so does a question to them that is still open.
    """
    human = {gate.name: gate for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
    kept = tuple(
        item
        for item in campaign.gates
        if (item.wave == BASELINE and item.verdict is not None)
        or (
            item.gate in human
            and item.verdict is not Verdict.FAIL
            and not _silent(NeededGate(gate=human[item.gate], wave=item.wave, state=item), now)
        )
    )
    return campaign if kept == campaign.gates else replace(campaign, gates=kept)


def gate_approvers(campaign: Campaign, gate: Gate, wave: int) -> tuple[str, ...]:
    """The persons whose approval of this gate counts: of this very plan, each once."""
    found = {
        person(item.by): item.by
        for item in campaign.approvals
        if (item.gate, item.wave, item.plan_hash) == (gate.name, wave, campaign.plan_hash)
    }
    author = person(campaign.author) if gate.required > 1 else ""
    return tuple(by for who, by in found.items() if who and who != author)


def state_of(campaign: Campaign, gate: str, wave: int) -> GateState | None:
    """How the gate stands for this wave."""
    return next((item for item in campaign.gates if item.gate == gate and item.wave == wave), None)


def override_of(campaign: Campaign, gate: str, wave: int) -> Override | None:
    """A person's word that opened this gate for this wave."""
    return next((item for item in campaign.overrides if item.gate == gate and item.wave == wave), None)


def with_state(campaign: Campaign, state: GateState) -> Campaign:
    """The campaign in which the gate stands so."""
    rest = tuple(item for item in campaign.gates if (item.gate, item.wave) != (state.gate, state.wave))
    return replace(campaign, gates=(*rest, state))


def people_words(gate: Gate) -> str:
    """Who must agree, in words."""
    among = f" of {gate.among}" if gate.among is not None else ""
    author = ", its author not among them" if gate.required > 1 else ""
    return f"{gate.required}{among} of group {gate.group}{author}"


def limit_words(gate: Gate, verdict: Verdict) -> str:
    """How many such answers are tolerated, and what one more does."""
    if gate.kind is GateKind.HUMAN:
        late = ""
        if gate.expires_s is not None:
            then = "likewise" if gate.fail_on_timeout else "goes on waiting"
            late = f"; no answer within {words(gate.expires_s)} {then}"
        return f"one denial {ACTIONS[gate.action]}{late}"
    if verdict is Verdict.FAIL:
        return f"{gate.failures} fails tolerated, one more {ACTIONS[gate.action]}"
    if verdict is Verdict.ERROR:
        return f"{gate.errors} errors in a row tolerated, one more pauses"
    if gate.inconclusive:
        return f"{gate.inconclusive} inconclusive answers tolerated, one more pauses for a person"
    return "an inconclusive answer pauses for a person"


#: what one fail too many does, in words
ACTIONS = {
    GateAction.PAUSE: "pauses",
    GateAction.HALT: "halts",
    GateAction.ROLLBACK_WAVE: "brings the wave back and halts",
    GateAction.ROLLBACK_CAMPAIGN: "brings every changed host back and halts",
}


def _needed(campaign: Campaign) -> Iterator[NeededGate]:
    wave = campaign.wave
    over = wave > 0 and all(run.state in FINAL_HOST for run in campaign.runs if run.wave == wave)
    ended = [run.ended_at for run in campaign.runs if run.wave == wave and run.ended_at is not None]
    since = max(ended, default=None) if over else None
    last = over and wave == campaign.waves
    for gate in campaign.policy.gates:
        if gate.kind is GateKind.DELTA and wave == 0:
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


def _silent(item: NeededGate, now: datetime) -> bool:
    """Whether people did not answer in time, and that is a fail."""
    until = item.expires_at
    return item.gate.fail_on_timeout and until is not None and until <= now


def _observed(item: NeededGate) -> str:
    if item.gate.kind is GateKind.HUMAN:
        return f"{len(item.approvers)} agreed in time, {item.missing} missing"
    return item.state.detail if item.state else ""


def _over(item: NeededGate, now: datetime) -> Verdict | None:
    """What its answers come to when they are above its limits."""
    state = item.state
    if item.gate.kind is GateKind.HUMAN:
        # a denial has stopped the campaign at once
        return Verdict.FAIL if _silent(item, now) else None
    if state is None or state.answered_at is None or item.override is not None:
        return None
    if state.fails > item.gate.failures:
        return Verdict.FAIL
    if state.errors > item.gate.errors:
        return Verdict.ERROR
    return Verdict.INCONCLUSIVE if state.doubts > item.gate.inconclusive else None
