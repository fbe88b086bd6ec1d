"""The engine keeps its laws under seeded faults; more seeds by one command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from typer.testing import CliRunner

from orchestrator.campaign.gate import HOST_KINDS, GateKind
from orchestrator.campaign.rollout import Clock
from orchestrator.cli.main import app
from orchestrator.simulate.laws.law import Law, Violation
from orchestrator.simulate.schedules import many
from orchestrator.simulate.schedules.many import Verdict, run_seed, run_seeds
from orchestrator.simulate.schedules.schedule import (
    Schedule,
    fullest_schedule,
    plain_schedule,
    richer_schedule,
    schedule_of,
    timed_schedule,
)
from orchestrator.simulate.schedules.world import World
from orchestrator.simulate.stage.readings import Mood

#: seeds of every change, in pieces for workers side by side
SEEDS = 1000
CHUNK = 25
#: seeds whose plain schedule found a defect: an abort undone by a version that was never saved (1098), a lease kept
#: by a host that was not started after all (1606), rollbacks that destroyed a later change of another campaign, an
#: order delivered twice of which one copy did not reach its host (2220)
ONCE_BROKEN = (1036, 1098, 1606, 2220, 2541, 2966, 3248, 3429, 3515)
#: seeds whose schedule did with everything but what is asked of people, hosts and steps: a host was started in the
#: turn that made another one UNKNOWN, which stopped it (1408); a kill switch was held to be thrown that somebody had
#: released (3528, a mistake of the law); an order expired while the process stood still in mid-turn, and left the
#: simulated publisher all the same (102142, a mistake of that publisher); a turn was judged by the clock of its
#: commit, ten seconds after it had read it (155526, a mistake of the judge); a host whose release nobody took was
#: held to be released (162338, a mistake of the law); a host whose first order never began and whose second one
#: succeeded went back beside another one of its service (173129)
WHOLE_ONCE_BROKEN = (
    1408,
    1534,
    3528,
    4151,
    4164,
    5080,
    5305,
    5777,
    5968,
    5984,
    6237,
    8033,
    12530,
    14456,
    15152,
    20700,
    22357,
    24993,
    68942,
    102142,
    155526,
    162338,
    173129,
)

#: and seeds whose schedule asks these too: two ends of a wave, between which the clock was set back, were held
#: against each other (3421, a mistake of the law); a host was started in the turn in which another one told a gate
#: that it is sick (9878); a database that was put back was held to heartbeats it has forgotten (201965, one of the law)
ASKING_ONCE_BROKEN = (1358, 3421, 9878, 201965)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the engine logs in thousands of turns is of no interest."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeded_schedules_break_no_law(first: int) -> None:
    verdicts = [run_seed(seed) for seed in range(first, first + CHUNK)]
    assert [verdict.text for verdict in verdicts if verdict.violations] == []


@pytest.mark.parametrize("seed", ASKING_ONCE_BROKEN)
def test_a_schedule_that_asks_and_once_broke_a_law_breaks_none_now(seed: int) -> None:
    assert schedule_of(seed).asks
    assert World(schedule_of(seed)).run() == []


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_a_seed_that_once_broke_a_law_breaks_none_now(seed: int) -> None:
    assert World(plain_schedule(seed)).run() == []


@pytest.mark.parametrize("seed", WHOLE_ONCE_BROKEN)
def test_a_whole_schedule_that_once_broke_a_law_breaks_none_now(seed: int) -> None:
    assert World(timed_schedule(seed)).run() == []


def test_most_schedules_have_more_than_the_plain_one_and_all_else_of_it() -> None:
    pairs = [(plain_schedule(seed), richer_schedule(seed)) for seed in range(100)]
    richer = [(plain, full) for plain, full in pairs if plain != full]
    assert 50 < len(richer) < 90
    for plain, full in richer:
        assert full.events[: len(plain.events)] == plain.events
        assert (full.hosts, full.weather, full.fates) == (plain.hosts, plain.weather, plain.fates)


def test_more_than_half_have_the_rarest_things_too_and_all_else_as_before() -> None:
    pairs = [(richer_schedule(seed), fullest_schedule(seed)) for seed in range(100)]
    fullest = [(rich, full) for rich, full in pairs if rich != full]
    assert 40 < len(fullest) < 80
    assert any(full.hasty for _, full in fullest)
    for rich, full in fullest:
        assert full.events[: len(rich.events)] == rich.events
        assert full.fates[: len(rich.fates)] == rich.fates
        assert (full.hosts, full.weather, full.verdicts) == (rich.hosts, rich.weather, rich.verdicts)


def test_some_have_clocks_and_overrides_too_and_all_else_as_before() -> None:
    pairs = [(fullest_schedule(seed), timed_schedule(seed)) for seed in range(100)]
    timed = [(full, last) for full, last in pairs if full != last]
    assert 20 < len(timed) < 50
    for full, last in timed:
        assert last.events[: len(full.events)] == full.events
        assert (last.hosts, last.weather, last.fates) == (full.hosts, full.weather, full.fates)


def test_one_in_eight_asks_people_hosts_and_steps_too_and_all_else_is_as_before() -> None:
    pairs = [(timed_schedule(seed), schedule_of(seed)) for seed in range(1000)]
    asking = [(timed, last) for timed, last in pairs if timed != last]
    assert all(timed != plain_schedule(timed.seed) for timed, _ in asking)
    assert 0.1 < len(asking) / sum(timed != plain_schedule(timed.seed) for timed, _ in pairs) < 0.15
    for timed, last in asking:
        assert last.events[: len(timed.events)] == timed.events
        assert replace(without_what_is_asked(last), events=timed.events) == timed


def without_what_is_asked(schedule: Schedule) -> Schedule:
    """The schedule without gates people and hosts answer and without clocks over steps."""
    asked = HOST_KINDS | {GateKind.HUMAN}
    campaigns = []
    for item in schedule.campaigns:
        gates = tuple(gate for gate in item.policy.gates if gate.kind not in asked)
        clocks = replace(item.policy.clocks, step=Clock())
        campaigns.append(replace(item, policy=replace(item.policy, gates=gates, clocks=clocks)))
    return replace(schedule, campaigns=tuple(campaigns), asks=False, moods=(Mood.TRUE,))


@pytest.mark.full
@pytest.mark.timeout(0)
def test_a_hundred_thousand_schedules_break_no_law() -> None:
    jobs = os.cpu_count() or 1
    assert [verdict.text for verdict in run_seeds(SEEDS, 100_000, jobs=jobs) if verdict.violations] == []


def test_a_seed_always_stands_for_the_same_schedule() -> None:
    assert schedule_of(7) == schedule_of(7)
    assert len({repr(schedule_of(seed)) for seed in range(50)}) == 50


def test_the_command_ends_with_the_number_of_seeds_that_broke_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Violation(law=Law.ONCE, detail="h001 was changed 2 times")

    def run_one(seed: int) -> Verdict:
        return Verdict(seed=seed, violations=(broken,) if seed == 4 else ())

    monkeypatch.setattr(many, "run_seed", run_one)
    good = CliRunner().invoke(app, ["simulate", "--fault-schedules", "3"])
    assert (good.exit_code, good.stdout) == (0, "3 schedules, 0 violations\n")
    bad = CliRunner().invoke(app, ["simulate", "--fault-schedules", "3", "--first-seed", "3"])
    assert (bad.exit_code, bad.stdout.splitlines()[-1]) == (1, "3 schedules, 1 violations")
    assert bad.stdout.startswith(f"seed 4: {Law.ONCE.value}: ")


@pytest.mark.parametrize("flags", [["0"], ["-1"], ["1", "--first-seed", "-1"], ["1", "--jobs", "0"]])
def test_numbers_that_make_no_sense_are_refused(flags: list[str]) -> None:
    assert CliRunner().invoke(app, ["simulate", "--fault-schedules", *flags]).exit_code == 2
