"""`audit`: who did what, and the proof; through the API and read-only from a database."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import NOON, ScriptedService


def test_who_did_what_is_listed_and_hostile_text_is_shown_plainly(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    service.say("cnone", "heartbeat", "web-1")
    service.say("cnone", "pause-asked", data={"by": "alice", "reason": "look\x1b[2J here"})
    shown = dockwave("audit", "list")
    assert shown.exit_code == 0, shown.output
    assert "alice" in shown.output
    assert "look here" in shown.output
    assert "heartbeat" not in shown.output
    assert "heartbeat" in dockwave("audit", "list", "--all").output
    body = json.loads(dockwave("audit", "list", "-o", "json").output)
    assert body["lines"][0] | {"seq": 2, "by": "alice", "kind": "pause-asked"} == body["lines"][0]


def test_a_good_log_is_verified_through_the_api_also_against_a_head(
    dockwave: Dockwave, service: ScriptedService
) -> None:
    for number in range(5):
        service.say("ca", f"kind{number}")
    head = dockwave("audit", "head").output.strip()
    assert head.startswith("5:")
    service.say("ca", "later")
    verified = dockwave("audit", "verify", "--head", head)
    assert verified.exit_code == 0, verified.output
    assert "6 lines" in verified.output
    del service.log[3:]
    cut = dockwave("audit", "verify", "--head", head)
    assert cut.exit_code == 1
    assert "E_AUDIT_BROKEN" in cut.output
    assert "cut off" in cut.output


def test_a_head_that_is_none_is_a_usage_error(dockwave: Dockwave) -> None:
    wrong = dockwave("audit", "verify", "--head", "5:abc")
    assert wrong.exit_code == 2
    assert "LENGTH:HASH" in wrong.output


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with a log."""
    path = tmp_path / "some where.db"
    store = Store.open(f"sqlite:///{path}")
    epoch = store.take_lead("test", NOON, timedelta(seconds=9))
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.log([LogEntry(kind=f"k{n}", at=NOON, data={"n": n}) for n in range(4)])
    store.close()
    return path


def test_who_did_what_is_read_from_a_database_nobody_works_on_any_more(
    bare: Dockwave, database: Path
) -> None:
    url = f"sqlite:///{database}"
    store = Store.open(url)
    epoch = store.take_lead("test", NOON + timedelta(minutes=1), timedelta(seconds=9))
    assert epoch is not None
    with store.write(epoch) as writer:
        said = {"by": "alice", "reason": "look\x1b[2J here"}
        writer.log(
            [LogEntry(kind="pause-asked", at=NOON, campaign_id=own, data=said) for own in ("ca", "cb")]
        )
    store.close()
    shown = bare("audit", "list", "--database-url", url)
    assert shown.exit_code == 0, shown.output
    assert "look here" in shown.output
    assert "k3" not in shown.output, "that was no person"
    body = json.loads(bare("audit", "list", "--database-url", url, "--campaign", "ca", "-o", "json").output)
    (line,) = body["lines"]
    assert line | {"seq": 5, "by": "alice", "kind": "pause-asked", "campaign": "ca"} == line
    assert (
        len(json.loads(bare("audit", "list", "--all", "--database-url", url, "-o", "json").output)["lines"])
        == 6
    )


def test_an_edited_database_is_told_offline(bare: Dockwave, database: Path) -> None:
    url = f"sqlite:///{database}"
    good = bare("audit", "verify", "--database-url", url)
    assert good.exit_code == 0, good.output
    assert bare("audit", "head", "--database-url", url).output.startswith("4:")
    store = Store.open(url)
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE events SET data = '{\"n\":7}' WHERE seq = 2")
    store.close()
    broken = bare("audit", "verify", "--database-url", url)
    assert broken.exit_code == 1
    assert "line 2" in broken.output


def test_a_database_that_is_not_there_is_not_created(bare: Dockwave, tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    assert bare("audit", "verify", "--database-url", f"sqlite:///{missing}").exit_code == 1
    assert not missing.exists()


def test_a_database_looked_at_cannot_be_written(database: Path) -> None:
    store = Store.look_at(f"sqlite:///{database}")
    with store.read() as reader, pytest.raises(Exception, match="readonly"):
        reader.connection.exec_driver_sql("DELETE FROM events")
    store.close()
