"""A host uses budgets until its campaign is done with it, a reading proves it well, or a person says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from orchestrator.store import budget_uses, leases
from orchestrator.store.migrate import migrate
from orchestrator.store.records import BudgetUse, Lease
from orchestrator.store.store import Store
from orchestrator.store.tables import Base

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _lease(host: str, campaign: str) -> Lease:
    return Lease(host=host, campaign_id=campaign, attempt_id=f"{campaign}/{host}/1", epoch=1, since=NOON)


def test_beginning_twice_keeps_the_first_instant_and_ending_twice_is_ending(store: Store) -> None:
    epoch = store.take_lead("test", NOON, timedelta(minutes=1))
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.begin_uses("ca", ["web-1", "web-2"], NOON)
        writer.begin_uses("ca", ["web-1"], NOON + timedelta(hours=1))
        assert writer.budget_uses()[0] == BudgetUse(host="web-1", campaign_id="ca", since=NOON)
        for _ in range(2):
            writer.end_uses("ca", ["web-1"])
        assert [use.host for use in writer.budget_uses()] == ["web-2"]


def test_leases_of_before_use_budgets_after_the_upgrade(sqlite_store: Store) -> None:
    engine = sqlite_store._engine
    with engine.begin() as connection:
        leases.take(connection, [_lease("web-1", "ca")])
        connection.exec_driver_sql("DROP TABLE budget_uses")
        connection.exec_driver_sql("ALTER TABLE leases DROP COLUMN expires_at")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    migrate(engine)
    with sqlite_store.read() as reader:
        assert reader.budget_uses() == (BudgetUse(host="web-1", campaign_id="ca", since=NOON),)


_STEP = st.tuples(
    st.sampled_from(["begin", "end", "prove", "take", "give up"]),
    st.sampled_from("xy"),
    st.sampled_from("ab"),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(_STEP, max_size=25))
def test_giving_up_a_lease_frees_no_budget_and_a_proof_frees_those_of_all_but_who_is_at_work(
    steps: list[tuple[str, str, str]],
) -> None:
    """Against a model of two hosts and two campaigns, in any order of what may happen to them."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    used: set[tuple[str, str]] = set()
    owner: dict[str, str] = {}
    with engine.begin() as connection:
        for what, host, own in steps:
            if what == "begin":
                budget_uses.begin(connection, own, [host], NOON)
                used.add((host, own))
            elif what == "end":
                budget_uses.end(connection, own, [host])
                used.discard((host, own))
            elif what == "prove":
                budget_uses.prove(connection, [host])
                used = {item for item in used if item[0] != host or owner.get(host) == item[1]}
            elif what == "take" and owner.get(host, own) == own:
                leases.take(connection, [_lease(host, own)])
                owner[host] = own
            elif what == "give up" and owner.get(host) == own:
                leases.release(connection, own, [host])
                del owner[host]
            found = {(use.host, use.campaign_id) for use in budget_uses.listed(connection)}
            assert found == used
    engine.dispose()


@pytest.mark.parametrize("hosts", [[], ["web-9"]])
def test_nothing_and_unknown_hosts_change_nothing(sqlite_store: Store, hosts: list[str]) -> None:
    with sqlite_store._engine.begin() as connection:
        budget_uses.end(connection, "ca", hosts)
        budget_uses.prove(connection, hosts)
        assert budget_uses.listed(connection) == ()
