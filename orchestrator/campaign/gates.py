"""Which gates hold a campaign now, which are to be asked, and which stop it.

Only a pass that is not older than `every` opens a gate; a fail above its limit halts, errors above theirs and an
inconclusive answer pause for a person. A paused campaign asks nothing; once resumed it asks afresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.durations import words
from orchestrator.campaign.events import AskGate, GateAnswered
from orchestrator.campaign.gate import Gate, GateState, Moment, Verdict
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import FINAL_HOST, CampaignState
from orchestrator.campaign.stop_rules import SEVERITY, stopped

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

    def opens_until(self) -> datetime | None:
        """Until when it is open; None when it is closed."""
        state = self.state
        if state is None or state.verdict is not Verdict.PASS or state.answered_at is None:
            return None
        if self.since is not None and state.asked_at < self.since:
            return None
        return state.asked_at + timedelta(seconds=self.gate.every_s)

    def is_open(self, now: datetime) -> bool:
        """Whether it has passed, not too long ago."""
        until = self.opens_until()
        return until is not None and now < until

    def due(self) -> datetime | None:
        """When it is to be asked; None = at once."""
        state = self.state
        if state is None:
            return None
        if state.answered_at is None:
            return state.asked_at + timedelta(seconds=self.gate.timeout_s + PATIENCE_S)
        if state.verdict is Verdict.PASS and self.opens_until() is None:
            return None
        return state.asked_at + timedelta(seconds=self.gate.every_s)

    @property
    def text(self) -> str:
        """Gate and wave in words."""
        place = {
            Moment.CAMPAIGN: "before the campaign",
            Moment.WAVE: f"before wave {self.wave}",
            Moment.AFTER_WAVE: f"after wave {self.wave}",
            Moment.BACKGROUND: "in the background",
        }[self.gate.at]
        return f"gate {self.gate.name} {place}"


def needed(campaign: Campaign) -> tuple[NeededGate, ...]:
    """The gates that hold what comes next; () when nothing goes forward any more."""
    going = campaign.state in {CampaignState.RUNNING, CampaignState.PAUSED} and not stopped(campaign)
    if not campaign.policy.gates or not going or not campaign.waves:
        return ()
    return tuple(_needed(campaign))


def ask_gates(campaign: Campaign, now: datetime) -> tuple[tuple[AskGate, ...], tuple[datetime, ...]]:
    """Questions that are due now, and the instants at which the next ones are."""
    if campaign.state is not CampaignState.RUNNING:
        return (), ()
    asks: list[AskGate] = []
    instants: list[datetime] = []
    for item in needed(campaign):
        due = item.due()
        if due is None or due <= now:
            asks.append(AskGate(gate=item.gate.name, wave=item.wave))
        else:
            instants.append(due)
    return tuple(asks), tuple(instants)


def gate_stop(campaign: Campaign, now: datetime) -> Stop | None:
    """The stop of gates that were answered badly more often than tolerated; the gravest decides what it does."""
    if campaign.state is not CampaignState.RUNNING:
        return None
    over = [(item, verdict) for item in needed(campaign) if (verdict := _over(item)) is not None]
    if not over:
        return None
    actions = [StopAction.HALT if verdict is Verdict.FAIL else StopAction.PAUSE for _, verdict in over]
    return Stop(
        rule="; ".join(f"{item.text}: {verdict.value}" for item, verdict in over),
        limit="; ".join(_limit(item.gate, verdict) for item, verdict in over),
        observed="; ".join(item.state.detail if item.state else "" for item, _ in over),
        hosts=(),
        at=now,
        action=max(actions, key=lambda action: SEVERITY[action]),
    )


def answered(campaign: Campaign, event: GateAnswered, now: datetime) -> Campaign:
    """The campaign after this answer; late, repeated and unasked ones change nothing."""
    state = state_of(campaign, event.gate, event.wave)
    if state is None or state.answered_at is not None or state.asked_at != event.asked_at:
        return campaign
    error = event.verdict is Verdict.ERROR
    after = replace(
        state,
        answered_at=now,
        verdict=event.verdict,
        detail=event.detail,
        fails=state.fails + (event.verdict is Verdict.FAIL),
        errors=state.errors + 1 if error else 0,
    )
    return _with(campaign, after)


def asked(campaign: Campaign, action: AskGate, now: datetime) -> Campaign:
    """The campaign that awaits an answer to this question."""
    old = state_of(campaign, action.gate, action.wave)
    if old is None:
        return _with(campaign, GateState(gate=action.gate, wave=action.wave, asked_at=now))
    return _with(campaign, replace(old, asked_at=now, answered_at=None, verdict=None))


def afresh(campaign: Campaign) -> Campaign:
    """The campaign with every gate as if it had never been asked: a person looked, and let it go on."""
    return replace(campaign, gates=()) if campaign.gates else campaign


def state_of(campaign: Campaign, gate: str, wave: int) -> GateState | None:
    """How the gate stands for this wave."""
    return next((item for item in campaign.gates if item.gate == gate and item.wave == wave), None)


def gate_lines(campaign: Campaign, now: datetime) -> tuple[str, ...]:
    """Every gate that was asked, with its last answer and age."""
    lines = []
    for item in campaign.gates:
        place = f" wave {item.wave}" if item.wave else ""
        if item.answered_at is None or item.verdict is None:
            answer = f"being asked; last it said: {item.detail}" if item.detail else "being asked"
        else:
            age = words(max(int((now - item.answered_at).total_seconds()), 0))
            answer = f"{item.verdict.value}, {age} ago: {item.detail}"
        lines.append(f"gate {item.gate}{place}: {answer}")
    return tuple(lines)


def gate_words(campaign: Campaign) -> Iterator[str]:
    """The gates in words, one line each."""
    when = {
        Moment.CAMPAIGN: "before the first wave",
        Moment.WAVE: "before each wave",
        Moment.BACKGROUND: "in the background",
        Moment.AFTER_WAVE: "after each wave",
    }
    for gate in campaign.policy.gates:
        target = gate.url or " ".join(gate.argv)
        yield (
            f"gate {gate.name} {when[gate.at]}: asks {target[:200]} every {words(gate.every_s)}; "
            f"{_limit(gate, Verdict.FAIL)}; {_limit(gate, Verdict.ERROR)}"
        )


def _needed(campaign: Campaign) -> Iterator[NeededGate]:
    wave = campaign.wave
    over = wave > 0 and all(run.state in FINAL_HOST for run in campaign.runs if run.wave == wave)
    ended = [run.ended_at for run in campaign.runs if run.wave == wave and run.ended_at is not None]
    since = max(ended, default=None) if over else None
    last = over and wave == campaign.waves
    for gate in campaign.policy.gates:
        if gate.at is Moment.CAMPAIGN and wave == 0:
            yield _need(campaign, gate, 0)
        elif gate.at is Moment.WAVE and (wave == 0 or over) and wave < campaign.waves:
            yield _need(campaign, gate, wave + 1)
        elif gate.at is Moment.AFTER_WAVE and over:
            yield _need(campaign, gate, wave, since)
        elif gate.at is Moment.BACKGROUND:
            yield _need(campaign, gate, 0, since if last else None)


def _need(campaign: Campaign, gate: Gate, wave: int, since: datetime | None = None) -> NeededGate:
    return NeededGate(gate=gate, wave=wave, state=state_of(campaign, gate.name, wave), since=since)


def _over(item: NeededGate) -> Verdict | None:
    """What its answers come to when they are above its limits."""
    state = item.state
    if state is None or state.answered_at is None:
        return None
    if state.fails > item.gate.failures:
        return Verdict.FAIL
    if state.errors > item.gate.errors:
        return Verdict.ERROR
    return Verdict.INCONCLUSIVE if state.verdict is Verdict.INCONCLUSIVE else None


def _limit(gate: Gate, verdict: Verdict) -> str:
    if verdict is Verdict.FAIL:
        return f"{gate.failures} fails tolerated, one more halts"
    if verdict is Verdict.ERROR:
        return f"{gate.errors} errors in a row tolerated, one more pauses"
    return "an inconclusive answer pauses for a person"


def _with(campaign: Campaign, state: GateState) -> Campaign:
    rest = tuple(item for item in campaign.gates if (item.gate, item.wave) != (state.gate, state.wave))
    return replace(campaign, gates=(*rest, state))
