"""A process leads while its lease is fresh; a killed one is followed at once, any other is waited for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestrator.loop.leading import LEASE, Lead, is_gone, own_name
from orchestrator.store.errors import Deposed
from orchestrator.store.store import Store
from tests.support.control import Clock


def test_a_process_is_told_from_one_that_has_its_number_now() -> None:
    own = own_name()
    assert not is_gone(own)
    machine, pid, started = own.rsplit(":", 2)
    assert pid == str(os.getpid())
    assert is_gone(f"{machine}:{pid}:{int(started) + 1}")


def test_a_process_that_ended_is_gone() -> None:
    code = "from orchestrator.loop.leading import own_name; print(own_name())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert is_gone(done.stdout.strip())


@pytest.mark.parametrize(
    "owner", ["", "one", "a:b:c", "elsewhere:boot:1:1:1", "x" * 1000, ":::::", "a:b:c:-1:0"]
)
def test_of_other_machines_it_is_not_known(owner: str) -> None:
    assert not is_gone(owner)


def test_the_lead_is_renewed_before_it_runs_out(store: Store) -> None:
    clock = Clock()
    first, second = (Lead(store, owner=name, now=clock) for name in ("one", "two"))
    assert first.ensure()
    for _ in range(20):
        clock.turn(LEASE.total_seconds() / 2)
        assert first.ensure()
        assert not second.ensure()
    clock.turn(LEASE.total_seconds() + 1)
    assert second.ensure()
    assert first.held
    assert not first.ensure()
    with pytest.raises(Deposed):
        _ = first.epoch


def test_a_killed_leader_on_this_machine_is_followed_at_once(store: Store) -> None:
    clock = Clock()
    machine, pid, started = own_name().rsplit(":", 2)
    dead = Lead(store, owner=f"{machine}:{pid}:{int(started) + 1}", now=clock)
    assert dead.ensure()
    heir = Lead(store, owner=own_name(), now=clock)
    assert heir.ensure()
    assert heir.epoch == 2


def test_a_leader_that_goes_hands_over_at_once_and_one_that_lost_it_harms_nobody(store: Store) -> None:
    clock = Clock()
    first, second = (Lead(store, owner=name, now=clock) for name in ("one", "two"))
    assert first.ensure()
    first.give_up()
    assert second.ensure()
    first.give_up()
    assert second.ensure()
    assert second.epoch == 2
