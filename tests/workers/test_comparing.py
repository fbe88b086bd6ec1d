"""What ran before an attempt is read from its journal, without what the attempt was to remove."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.engine.host_facts import HostFacts
from tasks.errors import Refused
from tasks.facts.engine import Container, Daemon, EngineState
from tasks.procedure import EngineStep, EngineVerb
from tests.workers.test_runner import Bench
from workers.comparing import ran_before
from workers.host_record import Entry, EntryKind
from workers.journal import Journal
from workers.takeback import fingerprint_of

ATTEMPT = "c1/machine/1"


def _container(number: int, state: str = "running") -> Container:
    return Container(id=f"{number}" * 64, name=f"web-{number}", state=state, image_id="sha256:" + "a" * 64)


def _accepted(bench: Bench) -> Journal:
    with bench.machine.get(bench.order().host) as connection:
        journal = Journal(connection, ATTEMPT, bench.paths)
        order = bench.order(procedure="engine.restart", params={})
        journal.accept(order, Entry(kind=EntryKind.ACCEPTED, at=time.time()))
        return journal


def _facts(daemon: Daemon | None) -> bytes:
    return HostFacts(engine=EngineState(daemon=daemon)).model_dump_json().encode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path)


def test_the_running_set_is_that_of_the_snapshot_without_what_was_to_be_removed(bench: Bench) -> None:
    journal = _accepted(bench)
    seen = (_container(1), _container(2), _container(3, "exited"))
    journal.store("before.json", _facts(Daemon(server_version="26.1", api_version="1.45", containers=seen)))
    step = EngineStep(key="container:2", title="remove", verb=EngineVerb.REMOVE_CONTAINER, object_id="2" * 64)
    journal.append([Entry(kind=EntryKind.INTENT, at=time.time(), key=step.key, intent=step)])
    with bench.machine.get(bench.order().host) as connection:
        found = ran_before(connection, bench.paths, ATTEMPT)
    assert found is not None
    assert [item.name for item in found.containers] == ["web-1"]
    assert found.before == ATTEMPT


@pytest.mark.parametrize("stored", [False, True])
def test_an_attempt_that_changed_nothing_or_saw_no_engine_has_nothing_to_compare_with(
    bench: Bench, stored: bool
) -> None:
    journal = _accepted(bench)
    if stored:
        journal.store("before.json", _facts(None))
    with bench.machine.get(bench.order().host) as connection:
        assert ran_before(connection, bench.paths, ATTEMPT) is None


def test_an_attempt_the_host_does_not_know_is_refused(bench: Bench) -> None:
    with (
        bench.machine.get(bench.order().host) as connection,
        pytest.raises(Refused, match="no record of c1/machine/7"),
    ):
        ran_before(connection, bench.paths, "c1/machine/7")


@pytest.mark.parametrize(("stored", "which"), [(True, "another"), (False, "no")])
def test_what_ran_before_is_not_taken_from_a_snapshot_the_attempt_did_not_take(
    bench: Bench, stored: bool, which: str
) -> None:
    journal = _accepted(bench)
    if stored:
        journal.store("before.json", _facts(Daemon(server_version="26.1", api_version="1.45")))
    with (
        bench.machine.get(bench.order().host) as connection,
        pytest.raises(Refused, match=f"has {which} snapshot, not the one {ATTEMPT} took") as refused,
    ):
        ran_before(connection, bench.paths, ATTEMPT, fingerprint_of(b"as it was"))
    assert refused.value.code == "E_SNAPSHOT_CHANGED"


def test_the_snapshot_the_attempt_took_is_compared_with(bench: Bench) -> None:
    journal = _accepted(bench)
    content = _facts(Daemon(server_version="26.1", api_version="1.45", containers=(_container(1),)))
    journal.store("before.json", content)
    with bench.machine.get(bench.order().host) as connection:
        assert ran_before(connection, bench.paths, ATTEMPT, fingerprint_of(content)) is not None
