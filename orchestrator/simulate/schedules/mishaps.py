"""What goes wrong between processes and hosts: links, clocks, brokers and gateways, and people in the worst moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from orchestrator.simulate.laws.law import SKEW_S
from orchestrator.simulate.schedules.people import People
from orchestrator.simulate.schedules.processes import Processes
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import SimHost
from orchestrator.simulate.stage.post import Post


class Mishaps:
    """Everything of that kind; each mends itself after a while, but for hosts that are gone."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        more: Dice,
        worst: Dice,
        *,
        hosts: Mapping[str, SimHost],
        post: Post,
        processes: Processes,
        people: People,
    ) -> None:
        """Let nothing go wrong yet; each kind of schedule draws from dice of its own."""
        self._clock = clock
        self._dice = dice
        self._more = more
        self._worst = worst
        self._hosts = hosts
        self._post = post
        self._processes = processes
        self._people = people
        #: hosts nobody will ever reach again
        self.gone: set[str] = set()

    def happen(self, what: str) -> bool:
        """Let it happen; False when it is none of these."""
        known: Callable[[], None] | None = {
            "partition": self._partition,
            "clock": self._jump,
            "busy": self._busy,
            "sick": self._sick,
            "gone": self._leave,
            "gateways": self._two_gateways,
            "outage": lambda: self._processes.replace(self._worst.between(15.0, 80.0)),
            "lapse": self._lapse,
            "race": lambda: self._processes.race(self._people.meddle),
            "race-quarantine": lambda: self._processes.race(lambda: self._people.set_apart("next")),
        }.get(what)
        if known is not None:
            known()
        return known is not None

    def end(self) -> None:
        """From now on messages arrive, workers live and hosts are reached, but for those that are gone."""
        weather = self._post.weather
        weather.lost = weather.killed = weather.late = 0.0
        self._post.silent = self._post.two_gateways = False
        if self._post.readings is not None:
            self._post.readings.calm = True
        self._clock.wrong_s = max(self._clock.wrong_s, 0.0)
        self._reach(self._hosts.values())
        for host in self._hosts.values():
            host.sick = ""

    def _reach(self, hosts: Iterable[SimHost]) -> None:
        for host in hosts:
            host.dark = host.name in self.gone

    def _partition(self) -> None:
        some = [host for host in self._hosts.values() if self._dice.chance(0.4)]
        for host in some:
            host.dark = True
        self._clock.after(self._dice.between(5.0, 90.0), lambda: self._reach(some))

    def _leave(self) -> None:
        """One host is cut off and never comes back."""
        host = self._hosts[self._worst.among(tuple(self._hosts))]
        self.gone.add(host.name)
        host.dark = True

    def _jump(self) -> None:
        self._clock.wrong_s = self._dice.between(-SKEW_S, SKEW_S)

    def _busy(self) -> None:
        """Somebody else works on some hosts for a while."""
        some = [host for host in self._hosts.values() if self._more.chance(0.4)]
        for host in some:
            host.busy = True

        def done() -> None:
            for host in some:
                host.busy = False

        self._clock.after(self._more.between(3.0, 25.0), done)

    def _sick(self) -> None:
        """What hosts share is broken for a while: no dry run works on any of them, or on some."""
        every = self._worst.chance(0.5)
        some = [host for host in self._hosts.values() if every or self._worst.chance(0.5)]
        for host in some:
            host.sick = "E_ARCHIVE_DOWN"

        def well() -> None:
            for host in some:
                host.sick = ""

        self._clock.after(self._worst.between(20.0, 100.0), well)

    def _two_gateways(self) -> None:
        """Every order arrives twice for a while: at once where its host cannot be reached, and later where it can."""
        self._post.two_gateways = True

        def one() -> None:
            self._post.two_gateways = False

        self._clock.after(self._worst.between(10.0, 40.0), one)

    def _lapse(self) -> None:
        """Nothing arrives for a while, a person stops something meanwhile, and another process takes over."""
        lasts = self._worst.between(6.0, 25.0)
        self._post.silent = True

        def over() -> None:
            self._post.silent = False
            self._processes.replace(self._worst.among((0.0, 0.0, 10.0, 60.0)))

        self._clock.after(self._worst.between(lasts / 2, lasts), self._people.interrupt)
        self._clock.after(lasts, over)
