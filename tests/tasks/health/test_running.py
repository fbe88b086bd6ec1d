"""health.running: what runs, what is missing since before an attempt, and an engine that sleeps is not woken."""

from __future__ import annotations

import pytest

from tasks.catalog import find
from tasks.errors import EngineError, Refused
from tasks.fake import FakeHost
from tasks.health.running import PROCEDURE, RunningFacts, RunningParams
from tasks.model import Kind
from tasks.running_set import RunningContainer
from tests.tasks.disk.world import ACTIVE_UNITS, ASLEEP_UNITS, engine_with, image, make_setting, running

WEB = image("web")
PARAMS = RunningParams()


def gathered(*names: str) -> RunningFacts:
    """What a host tells on which these run."""
    engine = engine_with(WEB, *(running(name, WEB) for name in names))
    host = FakeHost(answers={"systemctl show": ACTIVE_UNITS}, fake_engine=engine)
    facts = PROCEDURE.gather(host, PARAMS, make_setting())
    return RunningFacts.model_validate_json(facts.model_dump_json())


def test_the_catalogue_knows_it_as_reading_only() -> None:
    assert find("health.running").spec.kind is Kind.READ_ONLY


def test_it_names_every_running_container_when_there_is_nothing_to_compare_with() -> None:
    facts = gathered("b", "a")
    verdict = PROCEDURE.verify(facts, facts, PARAMS, ())
    assert verdict.ok
    assert [item["name"] for item in verdict.data["running"]] == ["a", "b"]
    assert (verdict.data["compared_with"], verdict.data["count"]) == ("", 2)


def test_it_says_what_is_missing_and_what_is_new_since_before_an_attempt() -> None:
    now = gathered("a", "c")
    gone = RunningContainer(id="f" * 64, name="b", image_id=WEB.id)
    before = RunningFacts(containers=(*gathered("a").containers, gone), before="c1/web-1/1")
    verdict = PROCEDURE.verify(before, now, PARAMS, ())
    assert not verdict.ok
    assert (verdict.data["missing"], verdict.data["extra"]) == (["b"], ["c"])
    assert verdict.data["running"] == [], "it is told once, before"


def test_an_engine_that_sleeps_is_not_woken() -> None:
    engine = engine_with()
    host = FakeHost(answers={"systemctl show": ASLEEP_UNITS}, fake_engine=engine)
    with pytest.raises(Refused, match=r"docker\.service is inactive"):
        PROCEDURE.gather(host, PARAMS, make_setting())


def test_an_engine_that_hangs_is_no_empty_set() -> None:
    hangs = EngineError("no answer", code="E_DAEMON_UNRESPONSIVE")
    host = FakeHost(
        answers={"systemctl show": ACTIVE_UNITS}, fake_engine=engine_with(failures={"containers": hangs})
    )
    with pytest.raises(EngineError):
        PROCEDURE.gather(host, PARAMS, make_setting())
