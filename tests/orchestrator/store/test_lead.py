"""One orchestrator writes; a second one stands by, and a deposed one can no longer write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.store.errors import Deposed
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.support.campaigns import NOON, plain_campaign

TTL = timedelta(seconds=15)


def test_a_second_orchestrator_stands_by_until_the_lease_has_run_out(
    open_stores: Callable[[], Store],
) -> None:
    first, second = open_stores(), open_stores()
    assert first.take_lead("one", NOON, TTL) == 1
    assert second.take_lead("two", NOON + TTL - timedelta(seconds=1), TTL) is None
    first.renew_lead(1, NOON + timedelta(seconds=10), TTL)
    assert second.take_lead("two", NOON + timedelta(seconds=20), TTL) is None
    assert second.take_lead("two", NOON + timedelta(seconds=25), TTL) == 2


def test_a_deposed_orchestrator_can_neither_write_nor_renew(open_stores: Callable[[], Store]) -> None:
    first, second = open_stores(), open_stores()
    old = first.take_lead("one", NOON, TTL)
    assert old is not None
    with first.write(old) as writer:
        base = writer.save(None, plain_campaign())
    assert second.take_lead("two", NOON + TTL, TTL) == 2
    with pytest.raises(Deposed, match="two has the lead"), first.write(old) as writer:
        writer.save(base, replace(base, reason="late"))
    with pytest.raises(Deposed):
        first.renew_lead(old, NOON, TTL)
    with second.read() as reader:
        assert reader.load(base.id) == base


def test_a_restarted_orchestrator_fences_off_its_own_past(store: Store) -> None:
    assert store.take_lead("one", NOON, TTL) == 1
    assert store.take_lead("one", NOON, TTL) == 2
    with pytest.raises(Deposed), store.write(1) as writer:
        writer.log([LogEntry(kind="x", at=NOON)])


def test_an_orchestrator_that_goes_hands_over_at_once(open_stores: Callable[[], Store]) -> None:
    first, second = open_stores(), open_stores()
    assert first.take_lead("one", NOON, TTL) == 1
    first.give_up_lead(1, NOON + timedelta(seconds=1))
    assert second.take_lead("two", NOON + timedelta(seconds=1), TTL) == 2


def test_nobody_writes_before_anybody_leads(store: Store) -> None:
    with pytest.raises(Deposed, match="nobody has the lead"), store.write(1):
        pytest.fail("the transaction was opened")


def test_of_orchestrators_started_together_one_leads(open_stores: Callable[[], Store]) -> None:
    start = threading.Barrier(4)
    epochs: list[int | None] = []

    def come(store: Store, name: str) -> None:
        start.wait()
        epochs.append(store.take_lead(name, NOON, TTL))

    threads = [threading.Thread(target=come, args=(open_stores(), str(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epoch for epoch in epochs if epoch is not None) == [1]
    assert len(epochs) == 4
