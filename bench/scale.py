"""What 10,000 hosts cost against 1,000: `python -m bench.scale` plays both on the simulator's virtual clock.

Each size runs in a process of its own, so that memory is its own. A turn takes in what came in during one virtual
second, decides and commits it to SQLite in memory; with 500 hosts at work that is some 70 hosts starting and ending.
The few turns in which the plan is made take in thousands of answers each: they have a row of their own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.table import Row, show
from orchestrator.campaign.decide import WORKING, decide
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState
from orchestrator.loop import acting, reconcile
from orchestrator.loop.collecting import collect_seldom
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.rehearsal.rehearsal import Rehearsal
from orchestrator.simulate.rehearsal.scenario import Scenario, invented
from orchestrator.simulate.schedules.many import be_quiet
from tasks.model import Kind

SMALL, LARGE = (1_000, 50), (10_000, 500)


def rows() -> list[Row]:
    """All figures."""
    small, large = _apart(*SMALL), _apart(*LARGE)

    def row(what: str, key: str, unit: str, aim: str) -> Row:
        return Row(
            what=what,
            ours=f"{large[key]:.1f} {unit}",
            peer=f"{small[key]:.1f} {unit} (1,000 hosts, 50 at work)",
            ratio=f"{large[key] / small[key]:.2f}x",
            aim=aim,
        )

    return [
        row("10,000 hosts, 500 at work: CPU a host", "cpu_ms", "ms", "<= 1.3x"),
        row("one decision, p50", "decide_p50_ms", "ms", "-"),
        row("one decision, p99", "decide_p99_ms", "ms", "<= 100 ms"),
        row("one turn of a campaign at work, with its commit, p50", "turn_p50_ms", "ms", "-"),
        row("one turn of a campaign at work, with its commit, p99", "turn_p99_ms", "ms", "<= 100 ms"),
        row("the longest turn of planning", "planning_ms", "ms", "-"),
        row("memory of the process at most", "rss_mb", "MB", "<= 300 MB"),
    ]


def _apart(hosts: int, slots: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.scale", str(hosts), str(slots)]
    read: dict[str, float] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return read


def _play(hosts: int, slots: int) -> dict[str, float]:
    policy = make_policy(Kind.CHANGING, waves="rest", parallelism=slots)
    request = NewPlan(
        procedure="engine.restart", params={}, hosts=invented(hosts), policy=policy, author="bench"
    )
    be_quiet()
    # as the orchestrator does when it starts
    collect_seldom()
    scenario = Scenario(request=request)
    rehearsal = Rehearsal(scenario)
    decisions, turns, planning = _Watch(), _Watch(), _Watch()
    began = time.process_time()
    acting.decide = decisions.timed(decide)  # type: ignore[attr-defined]  # a stopwatch around it
    reconcile.decide = decisions.timed(decide)  # type: ignore[attr-defined]  # the same
    tick = reconcile.Reconciler.tick

    def timed_tick(reconciler: reconcile.Reconciler) -> float:
        known, begun = reconciler.cached(scenario.campaign), time.process_time()
        rest = tick(reconciler)
        taken = time.process_time() - begun
        states = {item.state for item in (known, reconciler.cached(scenario.campaign)) if item is not None}
        (turns if states & WORKING else planning).note(taken)
        return rest

    reconcile.Reconciler.tick = timed_tick  # type: ignore[assignment, method-assign]  # a stopwatch around it
    gone = rehearsal.run()
    assert gone.campaign.state is CampaignState.COMPLETE
    cpu = time.process_time() - began
    return {
        "cpu_ms": cpu / hosts * 1000,
        "decide_p50_ms": decisions.at(0.5),
        "decide_p99_ms": decisions.at(0.99),
        "turn_p50_ms": turns.at(0.5),
        "turn_p99_ms": turns.at(0.99),
        "planning_ms": planning.at(1.0),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


class _Watch:
    """CPU milliseconds of many calls."""

    def __init__(self) -> None:
        self._taken: list[float] = []

    def timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with its time taken."""

        def timing(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            done = work(*given, **named)
            self.note(time.process_time() - began)
            return done

        return timing

    def note(self, seconds: float) -> None:
        """One more call took so long."""
        self._taken.append(seconds * 1000)

    def at(self, part: float) -> float:
        """The time this part of all calls stayed below."""
        return sorted(self._taken)[int(part * (len(self._taken) - 1))]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(_play(int(sys.argv[1]), int(sys.argv[2]))))
    else:
        print(show(rows()))
