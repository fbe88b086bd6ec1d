"""The hosts of a schedule are the same for a seed, and share racks by their numbers."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.simulate.schedules.fleet import fleet_of, listed
from orchestrator.simulate.schedules.schedule import plain_schedule


def test_every_host_has_a_name_of_its_own_and_the_same_fate_each_time() -> None:
    schedule = plain_schedule(3)
    once, again = fleet_of(schedule), fleet_of(schedule)
    assert len(once) == schedule.hosts
    assert [host.fate("c1") for host in once.values()] == [host.fate("c1") for host in again.values()]


def test_every_third_host_shares_a_rack() -> None:
    assert [listed(f"h00{number}").labels["rack"] for number in range(4)] == ["r0", "r1", "r2", "r0"]


def test_services_have_replicas_on_hosts_by_turns() -> None:
    hosts = fleet_of(replace(plain_schedule(3), services=2)).values()
    services = [tuple((host.dry_run.plan or {})["services"]) for host in hosts]
    assert services[:3] == [("s0",), ("s1",), ("s0",)]
