"""The campaign core against hosts with journals and a post office that loses, repeats, delays and reorders."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.campaign.actions import (
    Action,
    AskJournal,
    Dispatch,
    Finish,
    OpenWave,
    Recheck,
    Resend,
    StopAttempt,
    WakeAt,
)
from orchestrator.campaign.bringing_back import held_by
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.census import SETTLED, in_flight
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import (
    AbortAsked,
    ControlAnswered,
    Event,
    GateAnswered,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
    Started,
)
from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.campaign.gates.needed import state_of
from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.campaign.limits.shared_cause import standing_stop
from orchestrator.campaign.limits.stop_rules import OPERATOR_ROLLBACK, stopped
from orchestrator.campaign.observe import observe
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.record import record
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import (
    FINAL_CAMPAIGN,
    FINAL_HOST,
    LEGAL,
    LEGAL_CAMPAIGN,
    CampaignState,
    HostState,
)
from orchestrator.campaign.surroundings import Surroundings
from tasks.model import Mode
from tasks.result import HostResult
from tests.orchestrator.campaign.fleet import Fleet, How, Letter
from tests.orchestrator.campaign.worlds import OK, START, UNREACHABLE, planned, refused

#: gates that are closed for good now and then, and open again at other times
_GATES = tuple(
    Gate(name=f"http-{number}", kind=GateKind.HTTP, at=at, failures=2, errors=1)
    for number, at in enumerate((Moment.AFTER_WAVE, Moment.BACKGROUND, Moment.WAVE), start=1)
)
_AT_HOSTS = Gate(name="http-4", kind=GateKind.HTTP, at=Moment.HOST, failures=2, errors=1)

_PICK = st.integers(min_value=0, max_value=1_000)


def _reachable(start: HostState) -> frozenset[HostState]:
    seen = {start}
    todo = [start]
    while todo:
        for state in LEGAL[todo.pop()] - seen:
            seen.add(state)
            todo.append(state)
    return frozenset(seen)


REACHABLE = {state: _reachable(state) for state in HostState}


class CampaignMachine(RuleBasedStateMachine):
    """Everything that can go wrong on the way, in any order."""

    campaign: Campaign
    fleet: Fleet
    now: datetime
    aborted_at: datetime | None
    killed_at: datetime | None

    @initialize(
        count=st.integers(min_value=0, max_value=7),
        waves=st.sampled_from(["1,rest", "all", "1,2", "1,50%,rest", "2"]),
        parallelism=st.integers(min_value=1, max_value=4),
        monitor_s=st.sampled_from([0.0, 0.0, 5.0]),
        delay_s=st.sampled_from([0.0, 3.0]),
        max_failures=st.sampled_from([None, "0", "1", "50%", "100%"]),
        on_breach=st.sampled_from(list(StopAction)),
        rollback_failed=st.booleans(),
        rollback_parallelism=st.integers(min_value=1, max_value=3),
        rollback_delay_s=st.sampled_from([0.0, 0.0, 20.0]),
        rollback_monitor_s=st.sampled_from([0.0, 0.0, 15.0]),
        first_wave=st.sampled_from([None, None, 1, 3]),
        rollback_on_failure=st.sampled_from([StopAction.CONTINUE, StopAction.PAUSE, StopAction.HALT]),
        control_hosts=st.sampled_from([0, 0, 1, 3]),
        gates=st.sampled_from([(), (), _GATES[:1], _GATES, (_AT_HOSTS,), (*_GATES, _AT_HOSTS)]),
        script=st.lists(st.sampled_from([How.OK, How.OK, How.OK, *How]), min_size=1, max_size=12),
    )
    def begin(
        self, count: int, script: list[How], gates: tuple[Gate, ...], first_wave: int | None, **policy: Any
    ) -> None:
        """Start a campaign under any policy, on hosts whose work ends as the script says."""
        self.script = itertools.cycle(script)
        if first_wave is not None:
            others = (None,) * policy["waves"].count(",")
            policy["wave_parallelism"] = (first_wave, *others)
        self.campaign = planned(count, tune={"unknown_wait_s": 300.0, "gates": gates}, **policy)
        self.fleet = Fleet([run.host.name for run in self.campaign.runs])
        self.hosts = frozenset(self.fleet.hosts)
        self.epochs: dict[str, int] = {}
        self.now = START
        self.latest = START
        self.aborted_at = None
        self.killed_at = None
        self.switches: tuple[Switch, ...] = ()
        self.quarantines: tuple[Quarantine, ...] = ()
        self.ticks = 0
        self._observe(Started(by="ops"))

    # -- the shell -------------------------------------------------------------------------------------------

    def _move(self, after: Campaign) -> None:
        """Every change of the campaign goes through here, so that it can be judged."""
        before, self.campaign = self.campaign, after
        assert after.state is before.state or after.state in LEGAL_CAMPAIGN[before.state]
        for was, run in zip(before.runs, after.runs, strict=True):
            assert run.state in REACHABLE[was.state], f"{was.state} -> {run.state}: states never go back"
            if was.state in FINAL_HOST - {HostState.SUCCEEDED}:
                assert run.state is was.state, "a final state is never left"
            assert run.attempts[: len(was.attempts) - 1] == was.attempts[:-1], "history is never rewritten"

    def _observe(self, event: Event) -> None:
        after = observe(self.campaign, event, self.now)
        if self.campaign.state in FINAL_CAMPAIGN:
            assert after is self.campaign, "nothing changes a finished campaign"
        self._move(after)
        assert observe(after, event, self.now) is after, "the same report twice is the same report once"

    def _tick(self, *, publish: bool = True, blocked: frozenset[str] = frozenset()) -> tuple[Action, ...]:
        campaign = self.campaign
        around = Surroundings(blocked=blocked, switches=self.switches, quarantines=self.quarantines)
        actions = decide(campaign, self.now, around)
        assert decide(campaign, self.now, around) == actions, "decide is deterministic"
        assert self.campaign is campaign
        self._judge(actions, blocked, around.quarantined)
        for action in actions:
            if isinstance(action, StopAttempt):
                self._judge_stop(self._run(action.host))
        for action in actions:
            if isinstance(action, Dispatch):
                self.epochs[action.host] = self.epochs.get(action.host, 0) + 1
        self._move(record(campaign, actions, self.now, self.epochs))
        done = tuple(action for action in actions if not isinstance(action, WakeAt))
        again = decide(self.campaign, self.now, around)
        assert not set(done) & set(again), "after record it does not ask for the same thing again"
        if publish:
            for action in done:
                self._perform(action)
        return done

    def _perform(self, action: Action) -> None:
        if not isinstance(action, Dispatch | Resend | AskJournal | Recheck | StopAttempt):
            return
        run = self._run(action.host)
        attempt = run.attempt
        assert attempt is not None
        if isinstance(action, AskJournal):
            mode = Mode.RESUME
        elif isinstance(action, Recheck):
            mode = Mode.CHECK
        elif isinstance(action, StopAttempt):
            mode = Mode.STOP
        else:
            mode = Mode.UNDO if attempt.undo else Mode.APPLY
        self.fleet.orders.append(
            Letter(
                host=action.host,
                attempt_id=attempt.id,
                epoch=attempt.epoch,
                mode=mode,
                expires_at=attempt.expires_at,
            )
        )

    def _run(self, name: str) -> HostRun:
        run = self.campaign.run_of(name)
        assert run is not None
        return run

    def _judge(
        self, actions: tuple[Action, ...], blocked: frozenset[str], quarantined: frozenset[str]
    ) -> None:
        """Laws about what may be asked for."""
        campaign = self.campaign
        if campaign.state in FINAL_CAMPAIGN:
            assert actions == (), "a finished campaign asks for nothing"
        wave = next((item.number for item in actions if isinstance(item, OpenWave)), campaign.wave)
        if wave != campaign.wave:
            assert wave == campaign.wave + 1
            self._judge_wave(wave)
        forward = 0
        for action in actions:
            if isinstance(action, Dispatch | Resend | OpenWave):
                assert self.killed_at is None, (
                    "I6: while a kill switch holds nothing starts, nor is sent again"
                )
            if isinstance(action, Dispatch | Resend):
                assert action.host not in quarantined, "a quarantined host gets no order before its release"
            if isinstance(action, Dispatch):
                run = self._run(action.host)
                assert action.host not in blocked, "a host somebody else changes is left alone"
                if action.undo:
                    self._judge_undo(run)
                    self._judge_looks(run)
                else:
                    forward += 1
                    assert run.state is HostState.PENDING
                    assert run.wave <= wave, "I7: no host of wave n+1 before wave n is over"
                    self._judge_gates_at(run)
            if isinstance(action, Resend):
                forward += not self._run(action.host).attempts[-1].undo
        if forward:
            assert not stopped(campaign), "I8: past a stop nothing starts but rollback"
            assert campaign.state is CampaignState.RUNNING

    def _judge_gates_at(self, run: HostRun) -> None:
        for gate in self.campaign.policy.gates:
            if gate.at is Moment.HOST:
                state = state_of(self.campaign, gate.name, run.wave, run.host.name)
                assert state is not None, "I7: no host starts past a gate that was not asked"
                assert state.verdict is Verdict.PASS
                assert self.now < state.asked_at + timedelta(seconds=gate.every_s), (
                    "I7: nor past a stale pass"
                )

    def _judge_stop(self, run: HostRun) -> None:
        assert self.campaign.abort_hard, "only a hard abort stops hosts at work"
        assert run.attempt is not None
        assert not run.attempt.undo, "no undo is stopped"

    def _judge_wave(self, wave: int) -> None:
        """I7: what must hold before a wave opens."""
        campaign = self.campaign
        for run in campaign.runs:
            if 0 < run.wave < wave:
                assert run.state in FINAL_HOST, "I7: the wave before is settled and soaked"
        for gate in campaign.policy.gates:
            if gate.at is Moment.HOST:
                continue
            asked_for = {Moment.AFTER_WAVE: wave - 1, Moment.WAVE: wave}.get(gate.at, 0)
            state = state_of(campaign, gate.name, asked_for)
            first = gate.at is Moment.AFTER_WAVE and wave == 1
            assert first or (state is not None and state.verdict is Verdict.PASS), "I7: gated"
        if wave > 1:
            settled = campaign.wave_settled_at
            assert settled is not None
            assert settled + timedelta(seconds=campaign.policy.delay_s) <= self.now, "I7: the delay is kept"

    @staticmethod
    def _judge_undo(run: HostRun) -> None:
        assert run.changed, "only touched hosts are rolled back"
        undos = [attempt for attempt in run.attempts if attempt.undo]
        assert all(
            attempt.ended_at is not None and attempt.result is not None and attempt.result.error is not None
            and attempt.result.error.retryable
            for attempt in undos
        ), "a rollback is never rolled back, and never tried twice"  # fmt: skip

    def _judge_looks(self, run: HostRun) -> None:
        """Nobody is rolled back while, or because, it is not known whose the cause is; unless a person wants it."""
        campaign = self.campaign
        asked_for = any(stop.rule == OPERATOR_ROLLBACK for stop in campaign.stops)
        if asked_for or not campaign.policy.control_hosts:
            return
        assert all(look.ended_at is not None for look in campaign.looks), "untouched hosts are waited for"
        assert standing_stop(campaign) is None, "a shared cause waits for a person"
        silenced = any(stop.silenced for stop in campaign.stops)
        untouched = any(
            not other.attempts and other.state in {HostState.PENDING, HostState.CANCELLED}
            for other in campaign.runs
        )
        if run.failed_as is not None and untouched and not silenced and not self.quarantines:
            assert campaign.looks, "untouched hosts are asked first"

    # -- rules: the engine -----------------------------------------------------------------------------------

    @rule()
    def tick(self) -> None:
        """Once round the loop."""
        self._tick()

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Time passes, orders and reports arrive; what hosts make of them is in the script."""
        self._fair_round()

    @rule()
    def hosts_get_their_orders_and_accept(self) -> None:
        """Half of such a round: now everything can go wrong on the hosts."""
        self._tick()
        self._deliver_all()
        self._report_all()

    @rule(pick=_PICK)
    def tick_while_a_host_is_leased_to_another_campaign(self, pick: int) -> None:
        """Somebody else holds one of the hosts."""
        names = sorted(self.hosts)
        if names:
            self._tick(blocked=frozenset({names[pick % len(names)]}))

    @rule()
    def crash_between_save_and_send(self) -> None:
        """The campaign was saved, the orders never left."""
        self._tick(publish=False)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0, 10.0, 31.0, 61.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.now += timedelta(seconds=seconds)
        self.latest = max(self.latest, self.now)

    @rule(seconds=st.sampled_from([1.0, 20.0]))
    def clock_jumps_back(self, seconds: float) -> None:
        """Somebody set the clock."""
        self.now = max(self.now - timedelta(seconds=seconds), START)

    @rule(hard=st.booleans())
    def abort(self, hard: bool) -> None:
        """An operator has seen enough; or cannot even wait for the hosts at work."""
        if self.aborted_at is None and self.campaign.state not in FINAL_CAMPAIGN:
            self.aborted_at = self.latest
        before = self.campaign
        self._observe(AbortAsked(by="ops", hard=hard))
        if before.abort_hard:
            assert self.campaign is before, (
                "after a hard abort neither a soft nor a hard one changes anything"
            )

    @rule(kind=st.sampled_from(list(Target)))
    def a_kill_switch_is_thrown(self, kind: Target) -> None:
        """For everything, this procedure or this campaign."""
        if self.killed_at is None:
            self.killed_at = self.latest
            name = {Target.PROCEDURE: self.campaign.procedure, Target.CAMPAIGN: self.campaign.id}
            switch = Switch(target=kind, name=name.get(kind, ""), by="ops", reason="smoke", at=self.killed_at)
            self.switches += (switch,)

    @precondition(lambda self: self.killed_at)
    @rule()
    def the_kill_switch_is_released(self) -> None:
        """The smoke is gone."""
        self._release()

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK)
    def a_person_quarantines_a_host(self, pick: int) -> None:
        """Whatever the campaign does on it."""
        host = sorted(self.hosts)[pick % len(self.hosts)]
        if not any(item.holds and item.host == host for item in self.quarantines):
            self.quarantines += (Quarantine(host=host, by="ops", reason="it clicks", at=self.latest),)

    @precondition(lambda self: self.quarantines)
    @rule()
    def all_quarantined_hosts_are_released(self) -> None:
        """Somebody looked at them."""
        self._release_hosts()

    def _release_hosts(self) -> None:
        self.quarantines = tuple(
            item if item.released_at else replace(item, released_at=self.latest) for item in self.quarantines
        )

    def _release(self) -> None:
        self.switches = tuple(
            item if item.released_at else replace(item, released_at=self.latest) for item in self.switches
        )
        self.killed_at = None

    @rule()
    def pause(self) -> None:
        """An operator wants to look first."""
        self._observe(PauseAsked(by="ops", reason="a look"))

    @rule(silence=st.booleans())
    def resume(self, silence: bool) -> None:
        """An operator has looked."""
        self._observe(ResumeAsked(by="ops", silence=silence))

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK)
    def skip_a_host(self, pick: int) -> None:
        """An operator wants one of them left alone."""
        name = self._host(pick).name
        was = self._run(name)
        self._observe(SkipAsked(host=name, by="ops", reason="not this one"))
        assert self._run(name) is was or was.state is HostState.PENDING, (
            "only what was not started is skipped"
        )

    @rule(sure=st.integers(min_value=0, max_value=3))
    def roll_back(self, sure: int) -> None:
        """An operator wants it all undone."""
        if sure == 0:
            self._observe(RollbackAsked(by="ops"))

    # -- rules: orders on their way --------------------------------------------------------------------------

    @precondition(lambda self: self.fleet.orders)
    @rule(pick=_PICK)
    def an_order_arrives(self, pick: int) -> None:
        """Any of those on their way, so also out of order."""
        orders = self.fleet.orders
        self.fleet.deliver(orders.pop(pick % len(orders)), self.now)

    @precondition(lambda self: self.fleet.orders)
    @rule(pick=_PICK)
    def an_order_is_lost(self, pick: int) -> None:
        """Redis was flushed."""
        orders = self.fleet.orders
        orders.pop(pick % len(orders))

    @precondition(lambda self: self.fleet.orders)
    @rule(pick=_PICK)
    def an_order_finds_no_way_to_its_host(self, pick: int) -> None:
        """The gateway cannot connect."""
        orders = self.fleet.orders
        self.fleet.bounce(orders.pop(pick % len(orders)))

    @precondition(lambda self: self.fleet.delivered)
    @rule(pick=_PICK)
    def an_order_arrives_twice(self, pick: int) -> None:
        """At-least-once delivery."""
        delivered = self.fleet.delivered
        self.fleet.deliver(delivered[pick % len(delivered)], self.now)

    # -- rules: hosts ----------------------------------------------------------------------------------------

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK, how=st.sampled_from([How.OK, How.OK, *How]))
    def an_attempt_ends(self, pick: int, how: How) -> None:
        """The worker is done."""
        self.fleet.finish(self._host(pick), how)

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK, step=st.sampled_from(["install", "verify"]))
    def a_heartbeat_is_sent(self, pick: int, step: str) -> None:
        """The worker is alive."""
        self.fleet.beat(self._host(pick), step)

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK)
    def a_worker_is_killed(self, pick: int) -> None:
        """kill -9."""
        self.fleet.lose_worker(self._host(pick))

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK)
    def a_worker_loses_its_link(self, pick: int) -> None:
        """It can only say that it does not know."""
        self.fleet.lose_sight(self._host(pick))

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK, busy=st.booleans())
    def a_host_is_held_by_somebody_else(self, pick: int, busy: bool) -> None:
        """Or no longer."""
        self._host(pick).busy = busy

    @precondition(lambda self: self.hosts)
    @rule(pick=_PICK)
    def a_host_breaks_in_its_soak(self, pick: int) -> None:
        """Twenty seconds after the change."""
        self._host(pick).sound = False

    @rule(pick=_PICK, verdict=st.sampled_from([Verdict.PASS, Verdict.PASS, *Verdict]))
    @precondition(lambda self: bool(self.campaign.gates))
    def a_gate_answers(self, pick: int, verdict: Verdict) -> None:
        """Also twice, and late."""
        state = self.campaign.gates[pick % len(self.campaign.gates)]
        self._observe(
            GateAnswered(
                gate=state.gate, wave=state.wave, asked_at=state.asked_at, verdict=verdict, host=state.host
            )
        )

    @rule(pick=_PICK, result=st.sampled_from([OK, OK, refused("E_DAEMON_DOWN"), UNREACHABLE]))
    @precondition(lambda self: bool(self.campaign.looks))
    def an_untouched_host_answers(self, pick: int, result: HostResult) -> None:
        """Also twice, and late."""
        looks = self.campaign.looks
        look = looks[pick % len(looks)]
        host = look.controls[pick % len(look.controls)].host
        self._observe(ControlAnswered(host=host, look=look.number, result=result))

    def _host(self, pick: int) -> Any:
        names = sorted(self.hosts)
        return self.fleet.hosts[names[pick % len(names)]]

    # -- rules: reports on their way -------------------------------------------------------------------------

    @precondition(lambda self: self.fleet.reports)
    @rule(pick=_PICK)
    def a_report_arrives(self, pick: int) -> None:
        """Any of those on their way, so also out of order."""
        event = self.fleet.reports.pop(pick % len(self.fleet.reports))
        self.fleet.old_reports.append(event)
        self._observe(event)

    @precondition(lambda self: self.fleet.reports)
    @rule(pick=_PICK)
    def a_report_is_lost(self, pick: int) -> None:
        """Redis was flushed."""
        self.fleet.reports.pop(pick % len(self.fleet.reports))

    @precondition(lambda self: self.fleet.old_reports)
    @rule(pick=_PICK)
    def an_old_report_arrives_again(self, pick: int) -> None:
        """Late and twice."""
        self._observe(self.fleet.old_reports[pick % len(self.fleet.old_reports)])

    @precondition(lambda self: self.fleet.reports or self.fleet.old_reports)
    @rule(pick=_PICK, change=st.sampled_from(["host", "attempt", "epoch", "campaign"]))
    def a_foreign_report_changes_nothing(self, pick: int, change: str) -> None:
        """Another campaign, host, attempt or epoch."""
        events = self.fleet.reports or self.fleet.old_reports
        event: Any = events[pick % len(events)]
        forged = {
            "host": lambda: replace(event, host="stranger"),
            "attempt": lambda: replace(event, attempt_id=f"c1/{event.host}/999"),
            "epoch": lambda: replace(event, epoch=event.epoch + 1_000),
            "campaign": lambda: replace(event, attempt_id=f"c2/{event.host}/1"),
        }[change]()
        assert observe(self.campaign, forged, self.now) is self.campaign

    # -- invariants ------------------------------------------------------------------------------------------

    @invariant()
    def i1_at_most_parallelism_attempts_are_in_flight(self) -> None:
        assert len(in_flight(self.campaign)) <= self.campaign.slots

    @invariant()
    def i3_a_host_has_at_most_one_attempt_in_flight_here_and_in_its_own_journal(self) -> None:
        for run in self.campaign.runs:
            assert all(attempt.ended_at is not None for attempt in run.attempts[:-1])
        for host in self.fleet.hosts.values():
            assert sum(entry.result is None for entry in host.journal.values()) <= 1

    @invariant()
    def i4_at_most_one_effect_per_host_and_step(self) -> None:
        for host in self.fleet.hosts.values():
            assert host.effects <= 1
            assert host.returns <= 1

    @invariant()
    def i5_nothing_starts_after_an_abort_but_what_was_ordered_and_is_unexpired(self) -> None:
        if self.aborted_at is None:
            return
        limit = self.aborted_at + timedelta(seconds=self.campaign.policy.order_ttl_s)
        for host in self.fleet.hosts.values():
            for entry in host.journal.values():
                assert entry.undo or entry.accepted_at <= limit

    @invariant()
    def i6_nothing_starts_under_a_kill_switch_but_what_was_ordered_and_is_unexpired(self) -> None:
        if self.killed_at is None:
            return
        limit = self.killed_at + timedelta(seconds=self.campaign.policy.order_ttl_s)
        for host in self.fleet.hosts.values():
            for entry in host.journal.values():
                assert entry.accepted_at <= limit

    @invariant()
    def i9_changed_hosts_are_a_subset_of_the_plan(self) -> None:
        assert {run.host.name for run in self.campaign.runs} == self.hosts
        assert all(run.wave > 0 for run in self.campaign.runs if run.changed or run.attempts)

    @invariant()
    def i10_a_finished_campaign_has_one_final_state_per_host_or_shows_it_unknown(self) -> None:
        if self.campaign.state in FINAL_CAMPAIGN:
            assert all(run.state in FINAL_HOST | {HostState.UNKNOWN} for run in self.campaign.runs)

    @invariant()
    def i11_final_states_tell_the_truth_about_the_host(self) -> None:
        for run in self.campaign.runs:
            host = self.fleet.hosts[run.host.name]
            if run.state in {HostState.ROLLED_BACK, HostState.FAILED_CLEAN, HostState.CANCELLED}:
                assert not host.changed
            if run.state in {HostState.ALREADY_RIGHT, HostState.UNREACHABLE, HostState.SKIPPED}:
                assert host.effects == 0
            if run.state is HostState.SUCCEEDED:
                assert host.changed

    @invariant()
    def i12_epochs_only_grow(self) -> None:
        for run in self.campaign.runs:
            epochs = [attempt.epoch for attempt in run.attempts]
            assert epochs == sorted(set(epochs))
            assert [attempt.number for attempt in run.attempts] == list(range(1, len(epochs) + 1))

    @invariant()
    def the_settled_instant_is_there_exactly_when_the_wave_is_settled(self) -> None:
        campaign = self.campaign
        if campaign.wave:
            settled = all(run.state in SETTLED for run in campaign.runs if run.wave == campaign.wave)
            assert settled == (campaign.wave_settled_at is not None)

    # -- the end ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """From now on every order is answered: the campaign ends, or waits for a person, in bounded time."""
        if not hasattr(self, "campaign"):
            return
        self.now = self.latest
        self._release()
        self._release_hosts()
        for host in self.fleet.hosts.values():
            host.busy = False
        limit = 40 + 40 * len(self.hosts)
        for _ in range(limit):
            if self._at_rest():
                break
            self._fair_round()
            for check in (
                self.i3_a_host_has_at_most_one_attempt_in_flight_here_and_in_its_own_journal,
                self.i1_at_most_parallelism_attempts_are_in_flight,
                self.i4_at_most_one_effect_per_host_and_step,
                self.i11_final_states_tell_the_truth_about_the_host,
            ):
                check()
        assert self._at_rest(), f"not at rest after {limit} rounds: {self.campaign.state}"
        if self.campaign.state in FINAL_CAMPAIGN:
            self.i10_a_finished_campaign_has_one_final_state_per_host_or_shows_it_unknown()
        super().teardown()

    def _at_rest(self) -> bool:
        campaign = self.campaign
        if campaign.state in FINAL_CAMPAIGN:
            return True
        return campaign.state is CampaignState.PAUSED and all(
            run.state in FINAL_HOST | {HostState.PENDING} for run in campaign.runs
        )

    def _fair_round(self) -> None:
        if held_by(self.campaign) or standing_stop(self.campaign) is not None:
            # rollbacks that wait for a person get one
            self._observe(ResumeAsked(by="ann", reason="looked at it"))
        self.now = max(self.now + timedelta(seconds=11), self.latest)
        self.latest = self.now
        done = self._tick()
        while done and not any(isinstance(action, Finish) for action in done):
            done = self._tick()
        for state in self.campaign.gates:
            self._observe(
                GateAnswered(
                    gate=state.gate,
                    wave=state.wave,
                    asked_at=state.asked_at,
                    verdict=Verdict.PASS,
                    host=state.host,
                )
            )
        for look in self.campaign.looks[-1:]:
            for control in look.controls:
                self._observe(ControlAnswered(host=control.host, look=look.number, result=OK))
        self._deliver_all()
        for host in self.fleet.hosts.values():
            if host.running() is not None:
                self.fleet.finish(host, next(self.script))
        self._report_all()

    def _deliver_all(self) -> None:
        while self.fleet.orders:
            self.fleet.deliver(self.fleet.orders.pop(0), self.now)

    def _report_all(self) -> None:
        while self.fleet.reports:
            event = self.fleet.reports.pop(0)
            self.fleet.old_reports.append(event)
            self._observe(event)


TestCampaignMachine = CampaignMachine.TestCase
TestCampaignMachine.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
