"""Campaigns come back as they were saved, and a save never goes over somebody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.store.errors import Conflict
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.support.campaigns import NOON, campaigns, plain_campaign

TTL = timedelta(seconds=15)
SAME_STORE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _lead(store: Store) -> int:
    epoch = store.take_lead("test", NOON, TTL)
    assert epoch is not None
    return epoch


def _load(store: Store, campaign_id: str) -> Campaign:
    with store.read() as reader:
        found = reader.load(campaign_id)
    assert found is not None
    return found


@SAME_STORE
@given(campaign=campaigns())
def test_a_campaign_comes_back_as_it_was_saved(store: Store, campaign: Campaign) -> None:
    epoch = _lead(store)
    campaign = replace(campaign, id=f"c{uuid4().hex[:12]}")
    runs = tuple(
        replace(
            run,
            attempts=tuple(replace(a, id=f"{campaign.id}/{a.number}/{run.host.name}") for a in run.attempts),
        )
        for run in campaign.runs
    )
    with store.write(epoch) as writer:
        saved = writer.save(None, replace(campaign, runs=runs))
    assert saved == replace(campaign, runs=runs, version=1)
    assert _load(store, campaign.id) == saved


@SAME_STORE
@given(data=st.data())
def test_a_changed_campaign_comes_back_as_it_was_last_saved(store: Store, data: st.DataObject) -> None:
    epoch = _lead(store)
    own = f"c{uuid4().hex[:12]}"
    first = data.draw(campaigns(own))
    with store.write(epoch) as writer:
        saved = writer.save(None, first)
    other = data.draw(campaigns(own))
    mixed = tuple(
        replace(new, host=old.host, attempts=_renamed(new.attempts, own, old.host.name))
        for old, new in zip(saved.runs, other.runs, strict=False)
    )
    after = replace(other, runs=mixed + saved.runs[len(mixed) :])
    with store.write(epoch) as writer:
        again = writer.save(saved, after)
    assert again.version == 2
    assert _load(store, own) == again


def _renamed(attempts: tuple[Attempt, ...], campaign_id: str, host: str) -> tuple[Attempt, ...]:
    return tuple(replace(attempt, id=f"{campaign_id}/{host}/{attempt.number}") for attempt in attempts)


def test_only_the_host_that_changed_is_written(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        saved = writer.save(None, plain_campaign(names=tuple(f"web-{n}" for n in range(50))))
    statements: list[tuple[str, Any]] = []
    event.listen(store._engine, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    run = replace(saved.runs[7], state=HostState.SKIPPED)
    with store.write(epoch) as writer:
        writer.save(saved, replace(saved, runs=(*saved.runs[:7], run, *saved.runs[8:])))
    written = [parameters for text, parameters in statements if text.startswith("UPDATE host_runs")]
    assert len(written) == 1
    assert "web-7" in str(written[0])
    assert "web-8" not in str(written[0])


def test_a_host_whose_state_changes_is_written_without_its_dry_run(store: Store) -> None:
    epoch = _lead(store)
    plan = {"steps": [], "summary": "a long dry run"}
    first = plain_campaign()
    with store.write(epoch) as writer:
        saved = writer.save(None, replace(first, runs=tuple(replace(run, plan=plan) for run in first.runs)))
    statements: list[tuple[str, Any]] = []
    event.listen(store._engine, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    run = replace(saved.runs[0], state=HostState.SKIPPED, ended_at=NOON)
    with store.write(epoch) as writer:
        again = writer.save(saved, replace(saved, runs=(run, *saved.runs[1:])))
    (written,) = [str(given) for text, given in statements if text.startswith("UPDATE host_runs")]
    assert "SKIPPED" in written
    assert "dry run" not in written
    assert _load(store, saved.id) == again


def test_of_two_writers_exactly_one_wins(open_stores: Callable[[], Store]) -> None:
    epoch = _lead(open_stores())
    with open_stores().write(epoch) as writer:
        base = writer.save(None, plain_campaign())
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def write(store: Store, number: int) -> None:
        start.wait()
        try:
            with store.write(epoch) as writer:
                writer.save(base, replace(base, reason=str(number)))
            outcomes.append(str(number))
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=write, args=(open_stores(), number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome != "conflict"]
    assert len(outcomes) == 8
    assert len(winners) == 1
    final = _load(open_stores(), base.id)
    assert (final.reason, final.version) == (winners[0], 2)


def test_a_conflict_leaves_nothing_behind_not_even_its_log_lines(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        base = writer.save(None, plain_campaign())
    with store.write(epoch) as writer:
        writer.save(base, replace(base, reason="first"))
    line = LogEntry(kind="dispatch", at=NOON, campaign_id=base.id)
    other = replace(base, id="cother", version=0)
    with pytest.raises(Conflict, match="version 1"):
        _save_two(store, epoch, (None, other), (base, replace(base, reason="second")), line)
    with store.read() as reader:
        assert reader.events_after(0) == ()
        assert reader.load("cother") is None
    assert _load(store, base.id).reason == "first"


def _save_two(
    store: Store,
    epoch: int,
    one: tuple[Campaign | None, Campaign],
    two: tuple[Campaign | None, Campaign],
    line: LogEntry,
) -> None:
    with store.write(epoch) as writer:
        writer.save(*one, [line])
        writer.save(*two, [line])


def test_a_row_of_an_older_version_gets_the_defaults_of_today(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        saved = writer.save(None, plain_campaign())
        for table in ("campaigns", "host_runs"):
            # what a Dockwave without these fields would have written
            old = writer.connection.exec_driver_sql(f"SELECT body FROM {table} LIMIT 1").scalar_one()  # noqa: S608 - a constant
            assert "protect" in old or "approved" in old
        writer.connection.exec_driver_sql(
            'UPDATE campaigns SET body = \'{"params": {}, "policy": {"waves": [{"value": 1}]}, "waves": 1}\''
        )
    loaded = _load(store, saved.id)
    assert loaded.timeout_s == 1800.0
    assert loaded.policy.order_ttl_s == 60.0


def test_the_host_list_of_a_campaign_is_frozen(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        saved = writer.save(None, plain_campaign())
    with pytest.raises(ValueError, match="frozen"), store.write(epoch) as writer:
        writer.save(saved, replace(saved, runs=saved.runs[:1]))
    with pytest.raises(ValueError, match="frozen"), store.write(epoch) as writer:
        writer.save(saved, replace(saved, runs=saved.runs[::-1]))


def test_final_campaigns_are_no_longer_looked_at_but_stay_in_the_history(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        writer.save(None, plain_campaign("cdone"))
        done = writer.load("cdone")
        assert done is not None
        writer.save(done, replace(done, state=CampaignState.HALTED))
        writer.save(None, replace(plain_campaign("cactive"), created_at=NOON + timedelta(1)))
    with store.read() as reader:
        assert [head.id for head in reader.heads()] == ["cactive"]
        assert [head.id for head in reader.heads(final=True)] == ["cdone", "cactive"]
        assert reader.newest(10) == ("cactive", "cdone")


def test_a_prefix_finds_its_campaigns_and_never_reads_as_a_pattern(store: Store) -> None:
    epoch = _lead(store)
    with store.write(epoch) as writer:
        for own in ("cab", "cabc", "cx"):
            writer.save(None, plain_campaign(own))
    with store.read() as reader:
        assert reader.starting_with("ca") == ("cab", "cabc")
        assert reader.starting_with("cab") == ("cab",)
        assert reader.starting_with("%") == ()
        assert reader.starting_with("c_b") == ()
