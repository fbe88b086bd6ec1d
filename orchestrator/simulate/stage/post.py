"""Orders and reports on their way: lost, late, twice and out of order, as often as the weather says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator.loop.orders import Sending, look_epoch, reads_for_gate
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import Entry, SimHost
from orchestrator.simulate.stage.readings import Readings
from tasks.model import Mode
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, Report, ReportKind

_BEAT_S = 5.0
#: what workers say they do, one after the other
_STEPS = ("stop", "restart", "verify")
_UNREACHABLE = HostResult(
    outcome=Outcome.UNREACHABLE, error=HostError(code="E_UNREACHABLE", message="no route", retryable=True)
)


@dataclass(slots=True, kw_only=True)
class Weather:
    """How often messages and workers come to harm."""

    lost: float = 0.0
    twice: float = 0.0
    #: part of messages that are late, and by how much at most
    late: float = 0.0
    late_s: float = 0.0
    #: part of attempts whose worker is killed
    killed: float = 0.0
    #: seconds a change takes
    work_s: tuple[float, float] = (2.0, 12.0)
    #: part of the orders to hosts without a connection whose gateway says so; the others are never heard of
    told: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One execution of an attempt by one worker."""

    host: SimHost
    entry: Entry
    run: int
    #: in true seconds
    began_s: float
    takes_s: float

    def step(self, now_s: float) -> str:
        """What it does then: its steps take as long as each other."""
        part = (now_s - self.began_s) / self.takes_s if self.takes_s else 1.0
        return _STEPS[min(int(part * len(_STEPS)), len(_STEPS) - 1)]

    @property
    def goes_on(self) -> bool:
        """Whether this very execution is still the one at work."""
        return self.entry.alive and self.entry.run == self.run and self.entry.result is None


class Post:
    """Carries orders to hosts, lets their workers work, and carries reports back."""

    def __init__(self, clock: Clock, dice: Dice, hosts: dict[str, SimHost], weather: Weather) -> None:
        """Carry nothing yet."""
        self._clock = clock
        self._dice = dice
        self._hosts = hosts
        self.weather = weather
        #: reports that arrived and are not committed
        self.arrived: list[Report] = []
        #: called when a host has begun an attempt
        self.began: Callable[[SimHost, Entry], None] = lambda _host, _entry: None
        #: messages sent before Redis was last lost never arrive
        self._redis = 0
        #: nothing that is sent now arrives
        self.silent = False
        #: the broker got everything twice, and one of two gateways reaches no host; the other one is slow
        self.two_gateways = False
        #: heartbeats say which step is done
        self.steps = False
        #: how hosts answer gates; None = as they are, at once
        self.readings: Readings | None = None

    def lose_everything(self) -> None:
        """Redis was lost: nothing that is on its way arrives."""
        self._redis += 1

    def publish(self, sendings: Sequence[Sending]) -> None:
        """Take orders."""
        for sending in sendings:
            order = sending.order
            if self.two_gateways and order.mode in {Mode.APPLY, Mode.UNDO}:
                self._through_two(order)
            self._carry(partial(self._deliver, order), safe=_plans(order))

    def _through_two(self, order: Order) -> None:
        """Another copy of it is taken by a gateway that cannot reach the host, and says so."""
        host = self._hosts[order.host.name]
        told = host.say(order, ReportKind.RESULT, _UNREACHABLE)
        self._clock.after(self._dice.between(0.1, 5.0), lambda: self.send(told))

    def _carry(self, what: Callable[[], None], *, safe: bool = False) -> None:
        dice, weather, redis = self._dice, self.weather, self._redis

        def arrive() -> None:
            if redis == self._redis:
                what()

        for _ in range(2 if not safe and dice.chance(weather.twice) else 1):
            if not safe and (self.silent or dice.chance(weather.lost)):
                continue
            slow = not safe and dice.chance(weather.late)
            most_s = weather.late_s if slow else 20.0 if self.two_gateways and not safe else 0.4
            self._clock.after(dice.between(0.0, most_s), arrive)

    def _deliver(self, order: Order) -> None:
        host = self._hosts[order.host.name]
        if host.dark and not _plans(order):
            if self._dice.chance(self.weather.told):
                self.send(host.say(order, ReportKind.RESULT, _UNREACHABLE))
            return
        if self.readings is not None and reads_for_gate(order.attempt_id):
            self.readings.ask(host, order)
            return
        answer, entry = host.take(order, self._clock.true)
        if answer is not None:
            self.send(answer)
        if entry is not None:
            self.began(host, entry)
            self._work(host, entry)

    def _work(self, host: SimHost, entry: Entry) -> None:
        takes = self._dice.between(*self.weather.work_s)
        work = _Work(host=host, entry=entry, run=entry.run, began_s=self._clock.true_s, takes_s=takes)
        self._clock.after(_BEAT_S, lambda: self._beat(work))
        if self._dice.chance(self.weather.killed):
            self._clock.after(self._dice.between(0.0, takes), lambda: self._kill(work))
        self._clock.after(takes / 2, lambda: self._effect(work))
        self._clock.after(takes, lambda: self._finish(work))

    def _beat(self, work: _Work) -> None:
        if work.goes_on:
            work.entry.seq += 1
            beat = work.host.say(work.entry.order, ReportKind.HEARTBEAT, seq=work.entry.seq + 1)
            step = work.step(self._clock.true_s) if self.steps else ""
            self.send(beat.model_copy(update={"step": step}))
            self._clock.after(_BEAT_S, lambda: self._beat(work))

    def _kill(self, work: _Work) -> None:
        if work.goes_on:
            work.entry.alive = False
            if self._dice.chance(0.5):
                # the broker hands the order of a dead worker to another one
                self._clock.after(self._dice.between(1.0, 60.0), lambda: self._deliver(work.entry.order))

    @staticmethod
    def _effect(work: _Work) -> None:
        if work.goes_on:
            work.host.effect(work.entry)

    def _finish(self, work: _Work) -> None:
        if work.goes_on:
            work.host.effect(work.entry)
            self.send(work.host.finish(work.entry))

    def send(self, report: Report) -> None:
        """Carry a report back."""
        if self._hosts[report.host].dark and not _plans(report) and not _by_gateway(report):
            return
        self._carry(lambda: self.arrived.append(report), safe=_plans(report))


def _plans(message: Order | Report) -> bool:
    """Whether it belongs to the making of a plan, which always works out; a look at untouched hosts may not."""
    return message.mode is Mode.PLAN and message.epoch < look_epoch(1)


def _by_gateway(report: Report) -> bool:
    return report.result is not None and report.result.outcome is Outcome.UNREACHABLE
