"""Fencing numbers only grow, identities stay, and a host has one owner over all campaigns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.store.errors import LeaseHeld
from orchestrator.store.records import Lease
from orchestrator.store.store import Store
from tests.support.campaigns import NOON

TTL = timedelta(seconds=15)


def _lead(store: Store) -> int:
    epoch = store.take_lead("test", NOON, TTL)
    assert epoch is not None
    return epoch


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("draw"), st.sampled_from("abc"), st.just(0)),
            st.tuples(st.just("seen"), st.sampled_from("abc"), st.integers(-5, 2**70)),
        ),
        max_size=12,
    )
)
def test_an_epoch_is_never_drawn_twice_whatever_hosts_claim(
    sqlite_store: Store, steps: list[tuple[str, str, int]]
) -> None:
    epoch = _lead(sqlite_store)
    with sqlite_store.write(epoch) as writer:
        last = {name: known.epoch for name, known in writer.hosts("abc").items()}
        for what, host, number in steps:
            if what == "draw":
                drawn = writer.draw_epochs([host])[host]
                assert drawn > last.get(host, 0)
                last[host] = drawn
            else:
                writer.raise_epochs({host: number})
                if number < 2**53:
                    last[host] = max(last.get(host, 0), number)


def test_epochs_of_many_hosts_are_drawn_at_once(store: Store) -> None:
    names = [f"web-{n}" for n in range(1200)]
    with store.write(_lead(store)) as writer:
        assert writer.draw_epochs(names) == dict.fromkeys(names, 1)
        assert writer.draw_epochs(names[:2]) == {"web-0": 2, "web-1": 2}
        assert writer.hosts(["web-1", "web-1199", "unknown"]).keys() == {"web-1", "web-1199"}


def test_an_epoch_drawn_in_a_transaction_that_fails_is_not_gone(store: Store) -> None:
    epoch = _lead(store)

    def draw_and_fail() -> None:
        with store.write(epoch) as writer:
            writer.draw_epochs(["web-1"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        draw_and_fail()
    with store.write(epoch) as writer:
        assert writer.draw_epochs(["web-1"]) == {"web-1": 1}


def test_the_first_identity_of_a_host_stays_until_a_person_accepts_another(store: Store) -> None:
    with store.write(_lead(store)) as writer:
        writer.remember_hosts({"web-1": None}, NOON)
        writer.remember_hosts({"web-1": "first"}, NOON)
        writer.remember_hosts({"web-1": "second"}, NOON + TTL)
        known = writer.hosts(["web-1"])["web-1"]
        assert (known.machine_id, known.seen_at) == ("first", NOON + TTL)
        writer.forget_identity("web-1")
        writer.remember_hosts({"web-1": "second"}, NOON)
        assert writer.hosts(["web-1"])["web-1"].machine_id == "second"


def _lease(host: str, campaign: str, number: int = 1) -> Lease:
    return Lease(
        host=host,
        campaign_id=campaign,
        attempt_id=f"{campaign}/{host}/{number}",
        epoch=number,
        since=NOON + timedelta(seconds=number),
        reason="engine.restart",
    )


def test_a_host_has_one_owner_over_all_campaigns(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        writer.take_leases([_lease("web-1", "ca"), _lease("web-2", "ca")])
    with pytest.raises(LeaseHeld, match="campaign ca") as caught, store.write(epoch) as writer:
        writer.take_leases([_lease("web-3", "cb"), _lease("web-2", "cb")])
    assert (caught.value.host, caught.value.campaign_id) == ("web-2", "ca")
    with store.read() as reader:
        assert [lease.host for lease in reader.leases()] == ["web-1", "web-2"]


def test_a_lease_is_renewed_by_its_owner_and_keeps_its_age(store: Store) -> None:
    with store.write(_lead(store)) as writer:
        writer.take_leases([_lease("web-1", "ca", 1)])
        writer.take_leases([_lease("web-1", "ca", 2)])
        (lease,) = writer.leases()
    assert (lease.attempt_id, lease.since) == ("ca/web-1/2", NOON + timedelta(seconds=1))


def test_a_campaign_gives_back_only_its_own_leases(store: Store) -> None:
    with store.write(_lead(store)) as writer:
        writer.take_leases([_lease("web-1", "ca")])
        writer.release_leases("cb", ["web-1"])
        assert len(writer.leases()) == 1
        writer.release_leases("ca", ["web-1", "web-9"])
        assert writer.leases() == ()


def test_a_lease_that_was_taken_anew_since_it_was_looked_at_is_neither_renewed_nor_taken_away(
    store: Store,
) -> None:
    with store.write(_lead(store)) as writer:
        writer.take_leases([_lease("web-1", "ca", 1), _lease("web-2", "ca", 1)])
        seen = writer.leases()
        writer.take_leases([_lease("web-1", "ca", 2)])
        writer.renew_leases([replace(lease, expires_at=NOON) for lease in seen])
        assert [lease.expires_at for lease in writer.leases()] == [None, NOON]
        writer.expire_leases(seen)
        assert [(lease.host, lease.epoch) for lease in writer.leases()] == [("web-1", 2)]
