"""One campaign from plan to rest: the product's own loop, service and SQL, scripted hosts, and nothing to wait for.

Gates are answered and plans approved by the simulation itself, so that the campaign goes on and every wait is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import ceil, floor

from orchestrator.campaign.actions import WakeAt
from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import decide
from orchestrator.campaign.durations import words as lasting
from orchestrator.campaign.events import ApproveAsked, DenyAsked, GateAnswered
from orchestrator.campaign.gate import GateKind, Verdict
from orchestrator.campaign.gates.needed import needed
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.simulate.rehearsal.scenario import Scenario
from orchestrator.simulate.rehearsal.script import Fate, check_script, fate_of
from orchestrator.simulate.rehearsal.story import Story, waits
from orchestrator.simulate.rehearsal.timeline import Moment
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import Entry, How, SimHost
from orchestrator.simulate.stage.memory import MemoryStore, Saved
from orchestrator.simulate.stage.plane import Plane
from orchestrator.simulate.stage.post import Post, Weather
from tasks import catalog
from tasks.model import Kind

#: nothing is waited for any longer than this, and for a person that never comes
MOST_S, PATIENCE_S = 60 * 86_400.0, 3600.0
#: seconds after the opening of a wave at which the orchestrator is killed
_KILLED_AFTER_S = 3.0
#: seconds a gate takes to answer
_ANSWER_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How it went."""

    campaign: Campaign
    fate: Fate
    timeline: tuple[Moment, ...]
    #: virtual seconds from the plan to the end
    seconds: float
    #: what it still waits for, when it never came to an end
    waits: tuple[str, ...] = ()


class Rehearsal:
    """Plays one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        """Prepare; `run` runs it."""
        self._scenario = scenario
        self._clock = Clock(begin=scenario.begin)
        script = scenario.script
        self._fate = Fate()
        self._reading = catalog.find(scenario.request.procedure).spec.kind is Kind.READ_ONLY
        self._hosts = {
            host.name: self._host(number, host.name)
            for number, host in enumerate(scenario.request.hosts, start=1)
        }
        weather = Weather(work_s=script.takes_s, told=1.0)
        self._post = Post(self._clock, Dice(f"rehearsal {script.seed}"), self._hosts, weather)
        self._post.began = self._began
        self._store = MemoryStore()
        self._store.committed = self._committed
        self._campaign: Campaign | None = None
        self._story = Story(self._clock)
        self._cut: set[int] = set()
        self._led = True
        self._names = count(1)
        self._plane = self._start()

    def _host(self, number: int, name: str) -> SimHost:
        undo = self._scenario.request.origin is not None

        def fate(_campaign: str) -> How:
            if name in self._fate.fail:
                return How.CLEAN if self._reading else How.DIRTY
            return How.RIGHT if self._reading else How.OK

        def works(_campaign: str) -> bool:
            return not (undo and name in self._fate.fail)

        host = SimHost(name=name, machine_id=f"{number:032x}", fate=fate, undo_works=works)
        host.dry_run = self._scenario.dry_runs.get(name, host.dry_run)
        return host

    def _start(self) -> Plane:
        return Plane(
            f"sim{next(self._names)}",
            self._store,
            self._clock,
            self._post.publish,
            lambda: self._scenario.campaign,
            ask=self._ask,
            channels=tuple(entry.to for entry in self._scenario.request.policy.notify),
        )

    # -- from the plan to the end ----------------------------------------------------------------------------

    @property
    def campaign(self) -> Campaign:
        """The campaign as it was saved last."""
        assert self._campaign is not None, "it was planned"  # noqa: S101 - `run` plans before all else
        return self._campaign

    def run(self) -> Rehearsed:
        """Plan it, apply it, and go on until nothing happens any more."""
        self._plane.reconciler.tick()
        self._plane.service.plan(self._scenario.request)
        while self.campaign.state is CampaignState.PLANNING:
            self._clock.go(floor(self._clock.true_s) + 1.0)
            self._turn()
        if self.campaign.state is CampaignState.PLANNED:
            self._apply()
            self._turn()
            while (due := self._next_s()) is not None:
                self._clock.go(due)
                self._turn()
        waits = () if self.campaign.state in FINAL_CAMPAIGN else tuple(self._waits())
        return Rehearsed(
            campaign=self.campaign,
            fate=self._fate,
            timeline=self._story.lines,
            seconds=self._clock.true_s,
            waits=waits,
        )

    def _apply(self) -> None:
        """What goes wrong, goes wrong once the plan is made: its patterns and waves are those of the plan."""
        campaign, script = self.campaign, self._scenario.script
        check_script(script, waves=campaign.waves, gates=tuple(gate.name for gate in campaign.policy.gates))
        self._fate = fate_of(script, [run.host for run in campaign.runs if run.wave])
        for name in self._fate.unreachable:
            self._hosts[name].dark = True
        document, _ = self._plane.service.document(campaign.id)
        self._plane.service.apply(document, "simulation", allow_data_loss=True)

    def _turn(self) -> None:
        """Let the loop look once, and people do their part."""
        reports, self._post.arrived = self._post.arrived, []
        self._plane.say(reports)
        self._plane.reconciler.tick()
        self._post.arrived += self._plane.returned()
        self._lead()
        self._people()
        self._story.wait(self._waits())

    def _next_s(self) -> float | None:
        """The whole second at which to look again; None when it is over, or nothing will ever happen."""
        now, due, campaign = self._clock.true_s, self._clock.next_s, self.campaign
        soon = floor(now) + 1.0
        if campaign.state in FINAL_CAMPAIGN or now > MOST_S:
            return None
        if not self._led or self._post.arrived or campaign.state is CampaignState.AWAITING_APPROVAL:
            return soon
        if due is None or due > soon:
            wake = self._wake_s()
            due = min((item for item in (due, wake) if item is not None), default=None)
        person = campaign.state is CampaignState.PAUSED or held_by(campaign)
        if due is None or (person and due - self._story.last_s > PATIENCE_S):
            return None
        return max(float(ceil(due)), soon)

    def _wake_s(self) -> float | None:
        """When the engine itself wants to look again."""
        around = self._plane.service.around(self.campaign)
        actions = decide(self.campaign, self._clock(), around)
        if any(not isinstance(action, WakeAt) for action in actions):
            return self._clock.true_s
        waking = (action.at for action in actions if isinstance(action, WakeAt))
        return min(((at - self._clock.begin).total_seconds() for at in waking), default=None)

    # -- people and gates ------------------------------------------------------------------------------------

    def _people(self) -> None:
        """Another person agrees every second to the plan, or to a gate that waits for people, until enough have."""
        campaign = self.campaign
        if not self._led:
            return
        if campaign.state is CampaignState.AWAITING_APPROVAL:
            self._decide(ApproveAsked(by=self._somebody(), plan_hash=campaign.plan_hash))
            return
        human = {gate.name for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
        for item in needed(campaign) if human else ():
            name, open_question = item.gate.name, item.state is not None and item.state.answered_at is None
            if name not in human or not open_question:
                continue
            said = self._scenario.script.gates.get(name, Verdict.PASS)
            if said is Verdict.PASS:
                asked = ApproveAsked(
                    by=self._somebody(), plan_hash=campaign.plan_hash, gate=name, wave=item.wave
                )
                self._decide(asked)
            elif said is Verdict.FAIL:
                self._decide(
                    DenyAsked(by=self._somebody(), gate=name, wave=item.wave, reason="as the script says")
                )
            # anything else: nobody answers

    def _somebody(self) -> str:
        return f"approver-{len(self.campaign.approvals) + 1}@simulation"

    def _decide(self, event: ApproveAsked | DenyAsked) -> None:
        self._plane.service.operate(self.campaign.id, event)

    def _ask(self, questions: Sequence[GateQuestion]) -> None:
        for question in questions:
            verdict = self._scenario.script.gates.get(question.gate.name, Verdict.PASS)
            event = GateAnswered(
                gate=question.gate.name,
                wave=question.wave,
                asked_at=question.asked_at,
                verdict=verdict,
                detail=f"the simulation says {verdict.value}",
                host=question.host.name if question.host is not None else "",
            )
            self._clock.after(_ANSWER_S, partial(self._answer, question.campaign_id, event))

    def _answer(self, campaign_id: str, event: GateAnswered) -> None:
        self._plane.reconciler.gate_answers.put(campaign_id, event)

    # -- what goes wrong -------------------------------------------------------------------------------------

    def _began(self, host: SimHost, _entry: Entry) -> None:
        """The first host of a cut is at work: all of them are cut off."""
        for number, (cut, seconds) in enumerate(self._fate.cuts):
            if host.name in cut and number not in self._cut:
                self._cut.add(number)
                self._partition(sorted(cut), seconds)

    def _partition(self, some: Sequence[str], seconds: float) -> None:
        for name in some:
            self._hosts[name].dark = True
        self._story.say("fault", f"cut off for {lasting(seconds)}", some)

        def heal() -> None:
            for name in some:
                self._hosts[name].dark = name in self._fate.unreachable
            self._story.say("fault", "within reach again", some)

        self._clock.after(seconds, heal)

    def _opened(self, wave: int) -> None:
        script = self._scenario.script
        if wave in script.losses:
            self._clock.after(0.0, self._lose)
        if wave in script.kills:
            self._clock.after(_KILLED_AFTER_S, self._kill)

    def _lose(self) -> None:
        self._post.lose_everything()
        self._story.say("fault", "Redis loses everything: orders and reports on their way never arrive")

    def _kill(self) -> None:
        self._post.arrived += self._plane.unsettled()
        self._plane.up = False
        self._led = False
        self._plane = self._start()
        self._story.say("fault", "the orchestrator is killed: what it did not commit comes again")

    def _lead(self) -> None:
        if self._plane.lead.held and not self._led:
            self._story.say(
                "fault", f"orchestrator {self._plane.name} takes over: it looks at everything again"
            )
        self._led = self._plane.lead.held

    # -- what is told ----------------------------------------------------------------------------------------

    def _committed(self, saves: list[Saved]) -> None:
        for saved in saves:
            self._campaign = saved.after
            self._story.save(saved)
            if saved.before is not None and saved.after.wave != saved.before.wave:
                self._opened(saved.after.wave)

    def _waits(self) -> Iterator[str]:
        return waits(self.campaign, self._clock(), self._plane.service.around)
