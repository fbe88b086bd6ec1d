"""Killed or overtaken at any commit or publish, the orchestrator comes to the same end; no host is changed twice."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import product
from pathlib import Path

import pytest

from orchestrator.store.engine import open_engine
from orchestrator.store.errors import Deposed
from orchestrator.store.store import Store
from tasks.model import Mode
from tests.support.control import Control
from tests.support.deaths import DEADLY, FATAL, IDLE, NAMES, TOLERATED, At, Fate, Moments, MortalStore, World
from tests.support.postgres import PostgresCluster

# many short lives: slow machines need their time
pytestmark = pytest.mark.timeout(300)

Open = Callable[[Moments], MortalStore]

#: gone for less than orders are sent again after, for longer than that, or for longer than orders live;
#: with the broker's data or without it, while hosts work or wait
FATES = tuple(
    Fate(dead_s=dead_s, lose=lose, answer=answer)
    for answer, lose, dead_s in product((False, True), (False, True), (0.5, 12.0, 90.0))
)
CALM = FATES[0]
ALL_BACK = {"": "ROLLED_BACK"} | dict.fromkeys(NAMES, "ROLLED_BACK")
ONCE_THERE_ONCE_BACK = Counter({(name, mode): 1 for name in NAMES for mode in (Mode.APPLY, Mode.UNDO)})
SHARDS = 6


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "dockwave.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def fresh(migrated: Path, tmp_path: Path) -> Iterator[Open]:
    """Give a new life a new database; the engine stays, it knows every statement by then."""
    path = tmp_path / "dockwave.db"
    engine = open_engine(f"sqlite:///{path}")

    def open_one(moments: Moments) -> MortalStore:
        engine.dispose()
        for file in tmp_path.glob("dockwave.db*"):
            file.unlink()
        shutil.copyfile(migrated, path)
        return MortalStore(engine, moments)

    yield open_one
    engine.dispose()


def _moments(fresh: Open, kinds: frozenset[At]) -> list[At]:
    """Live once undisturbed: these moments there are to strike at."""
    moments = Moments(kinds=kinds)
    _same_end(World(store=fresh(moments), fate=CALM), "undisturbed")
    assert set(moments.seen) == kinds
    return moments.seen


def _same_end(world: World, where: str) -> None:
    world.live()
    assert world.states() == ALL_BACK, where
    assert world.effects() == ONCE_THERE_ONCE_BACK, where
    assert world.control.service.leases() == (), where


def _die_at(fresh: Open, number: int, fate: Fate) -> None:
    moments = Moments(kinds=DEADLY, chosen=number)
    world = World(store=fresh(moments), fate=fate)
    _same_end(world, f"killed at moment {number} of {moments.kinds}, {fate}")
    assert not moments.due, "it never died"


def test_the_undisturbed_campaign_brings_one_host_back_in_mid_way_and_all_of_them_at_the_end(
    fresh: Open,
) -> None:
    world = World(store=fresh(Moments(kinds=DEADLY)), fate=CALM)
    _same_end(world, "undisturbed")
    campaign = world.campaign()
    assert campaign.waves == 3
    assert [sorted(stop.hosts) for stop in campaign.stops] == [[TOLERATED, FATAL]]
    changing = [(item.host.name, item.mode) for item in world.hosts.orders if item.mode is not Mode.PLAN]
    tolerated, fatal = changing.index((TOLERATED, Mode.UNDO)), changing.index((FATAL, Mode.APPLY))
    assert tolerated < fatal, "the first failure is brought back while the campaign goes on"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_around_any_commit_or_publish_it_comes_to_the_same_end(fresh: Open, shard: int) -> None:
    """Nothing happens between a publish and the moment before the next one: that death is died only in the matrix."""
    seen = _moments(fresh, DEADLY)
    assert len(seen) > 100
    distinct = [number for number, at in enumerate(seen, 1) if at is not At.PUBLISH]
    for number in distinct[shard::SHARDS]:
        _die_at(fresh, number, FATES[number % len(FATES)])


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fate", FATES, ids=str)
def test_killed_anywhere_in_any_circumstances_it_comes_to_the_same_end(fresh: Open, fate: Fate) -> None:
    for number in range(1, len(_moments(fresh, DEADLY)) + 1):
        _die_at(fresh, number, fate)


@pytest.mark.services
def test_on_postgresql_it_comes_to_the_same_end_too(postgres: PostgresCluster) -> None:
    with ExitStack() as stores:

        def open_one(moments: Moments) -> MortalStore:
            url = postgres.new_database()
            Store.open(url).close()
            return stores.enter_context(closing(MortalStore(open_engine(url), moments)))

        seen = _moments(open_one, DEADLY)
        for number in range(5, len(seen), len(seen) // 4):
            _die_at(open_one, number, FATES[number % len(FATES)])


def test_an_orchestrator_that_was_overtaken_is_refused_and_nothing_happens_twice(
    fresh: Open, tmp_path: Path
) -> None:
    seen = _moments(fresh, IDLE)
    # the first transaction takes the lead: nobody can be overtaken before it
    for number in range(2, len(seen) + 1, 13):
        _overtake_at(fresh, tmp_path, number, rounds=(6, 60)[number % 2])


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [1, 6, 60])
def test_overtaken_anywhere_it_is_refused_and_nothing_happens_twice(
    fresh: Open, tmp_path: Path, rounds: int
) -> None:
    for number in range(2, len(_moments(fresh, IDLE)) + 1):
        _overtake_at(fresh, tmp_path, number, rounds=rounds)


def _overtake_at(fresh: Open, folder: Path, number: int, *, rounds: int) -> None:
    """Stop it at this moment, let another one lead for some rounds or to the end, and let it go on."""
    rivals: list[MortalStore] = []
    moments = Moments(kinds=IDLE, chosen=number)
    world = World(store=fresh(moments), fate=Fate(dead_s=12.0))

    def blow() -> None:
        rivals.append(MortalStore(open_engine(f"sqlite:///{folder}/dockwave.db"), Moments()))
        world.overtaken(rivals[0], rounds)

    moments.blow = blow
    try:
        _same_end(world, f"overtaken at moment {number}")
        assert world.stale is not None, "it was never overtaken"
        _refused(world.stale, world.stale_epoch, world.control)
    finally:
        for rival in rivals:
            rival.close()


def _refused(stale: Control, epoch: int, leader: Control) -> None:
    """What it would write under its old number is refused, and it knows that it does not lead."""
    with pytest.raises(Deposed), stale.store.write(epoch):
        pass
    stale.tick()
    assert not stale.lead.held
    assert leader.lead.epoch > epoch
