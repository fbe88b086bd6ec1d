"""Many seeds, on as many processes as wanted; what is found does not depend on how they were shared out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import structlog

from orchestrator.simulate.laws.law import Violation
from orchestrator.simulate.schedules.schedule import schedule_of
from orchestrator.simulate.schedules.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one seed."""

    seed: int
    violations: tuple[Violation, ...]

    @property
    def text(self) -> str:
        """The seed, and the sentence of each law that did not hold."""
        return "\n".join(f"seed {self.seed}: {item.law.value}: {item.detail}" for item in self.violations)


def run_seed(seed: int) -> Verdict:
    """Run one schedule from beginning to rest."""
    return Verdict(seed=seed, violations=tuple(World(schedule_of(seed)).run()))


def run_seeds(first: int, number: int, jobs: int = 1) -> Iterator[Verdict]:
    """Run so many schedules; their verdicts come in the order of the seeds."""
    seeds = range(first, first + number)
    if jobs == 1:
        be_quiet()
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=be_quiet) as pool:
        yield from pool.map(run_seed, seeds, chunksize=10)


def be_quiet() -> None:
    """Log nothing: what the engine does a million times is of no interest to anybody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
