"""What a report stands for, and why some stand for nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.campaign.events import Accepted, Ended, Heartbeat, NotStarted, Rechecked, StopHeard
from orchestrator.loop.ingest import Ignored, campaign_id_of, event_of
from tasks.model import Mode
from tasks.result import Outcome
from tasks.wire import Report, ReportKind
from tests.support.campaigns import NOON, plain_campaign
from tests.support.hosts import ok


@pytest.fixture
def campaign() -> Campaign:
    """A campaign whose first host has been ordered twice."""
    base = plain_campaign("ctest")
    first = Attempt(
        id="ctest/web-1/1",
        number=1,
        epoch=4,
        undo=False,
        undo_of=None,
        ordered_at=NOON,
        expires_at=NOON,
    )
    second = replace(first, id="ctest/web-1/2", number=2, epoch=5)
    return replace(base, runs=(replace(base.runs[0], attempts=(first, second)), *base.runs[1:]))


def _report(**changes: Any) -> Report:
    fields: dict[str, Any] = {
        "attempt_id": "ctest/web-1/2",
        "epoch": 5,
        "host": "web-1",
        "mode": Mode.APPLY,
        "kind": ReportKind.RESULT,
        "worker": "w@node",
    }
    return Report(**fields | changes)


@pytest.mark.parametrize("mode", [Mode.APPLY, Mode.RESUME, Mode.UNDO])
@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (ReportKind.ACCEPTED, Accepted),
        (ReportKind.HEARTBEAT, Heartbeat),
        (ReportKind.BUSY, Heartbeat),
        (ReportKind.RESULT, Ended),
        (ReportKind.REFUSED, NotStarted),
    ],
)
def test_each_kind_of_report_is_its_event(
    campaign: Campaign, mode: Mode, kind: ReportKind, event: type[object]
) -> None:
    said = event_of(_report(mode=mode, kind=kind, result=ok()), campaign.run_of("web-1"))
    assert type(said) is event
    assert not isinstance(said, Ignored)
    assert getattr(said, "attempt_id", "") == "ctest/web-1/2"


def test_a_busy_worker_says_nothing_about_what_the_host_accepted(campaign: Campaign) -> None:
    said = event_of(_report(kind=ReportKind.BUSY, seq=9), campaign.run_of("web-1"))
    assert isinstance(said, Heartbeat)
    assert said.seq == 0


def test_a_check_is_a_recheck_and_one_that_did_not_take_place_is_nothing(campaign: Campaign) -> None:
    assert isinstance(event_of(_report(mode=Mode.CHECK, result=ok()), campaign.run_of("web-1")), Rechecked)
    for kind in (ReportKind.REFUSED, ReportKind.BUSY, ReportKind.ACCEPTED):
        said = event_of(_report(mode=Mode.CHECK, kind=kind), campaign.run_of("web-1"))
        assert isinstance(said, Ignored)
        assert kind.value in said.reason


def test_a_refusal_without_a_reason_is_still_a_refusal(campaign: Campaign) -> None:
    said = event_of(_report(kind=ReportKind.REFUSED), campaign.run_of("web-1"))
    assert isinstance(said, NotStarted)
    assert said.result.outcome is Outcome.SKIPPED
    assert said.result.error is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attempt_id": "ctest/web-9/1", "host": "web-9"}, "not in this campaign"),
        ({"attempt_id": "ctest/web-1/3"}, "never ordered"),
        ({"attempt_id": "ctest/web-2/1", "host": "web-2"}, "never ordered"),
        ({"epoch": 4}, "epoch 4"),
        ({"attempt_id": "ctest/web-1/1", "epoch": 5}, "epoch 5"),
        ({"epoch": 2**70}, "epoch"),
    ],
)
def test_what_was_not_ordered_is_ignored_with_its_reason(
    campaign: Campaign, changes: dict[str, Any], reason: str
) -> None:
    said = event_of(_report(result=ok(), **changes), campaign.run_of(changes.get("host", "web-1")))
    assert isinstance(said, Ignored)
    assert reason in said.reason


def test_a_report_names_its_campaign() -> None:
    assert campaign_id_of(_report()) == "ctest"


def test_an_older_attempt_is_passed_on_for_the_core_to_judge(campaign: Campaign) -> None:
    said = event_of(_report(attempt_id="ctest/web-1/1", epoch=4, result=ok()), campaign.run_of("web-1"))
    assert isinstance(said, Ended)


def test_what_a_worker_writes_into_short_fields_is_bounded(campaign: Campaign) -> None:
    said = event_of(
        _report(kind=ReportKind.HEARTBEAT, worker="w" * 9999, step="s" * 9999), campaign.run_of("web-1")
    )
    assert isinstance(said, Heartbeat)
    assert (len(said.worker), len(said.step)) == (200, 300)


def test_a_host_that_was_told_to_stop_has_heard_of_it_only_when_it_says_so(campaign: Campaign) -> None:
    run = campaign.runs[0]
    heard = _report(mode=Mode.STOP, result=ok(changed=False))
    assert event_of(heard, run) == StopHeard(host="web-1", attempt_id="ctest/web-1/2", epoch=5)
    for outcome in (Outcome.UNREACHABLE, Outcome.UNKNOWN, Outcome.SKIPPED, Outcome.FAILED):
        said = event_of(_report(mode=Mode.STOP, result=replace(ok(), outcome=outcome)), run)
        assert isinstance(said, Ignored), outcome
    assert isinstance(event_of(_report(mode=Mode.STOP, kind=ReportKind.BUSY), run), Ignored)
    assert isinstance(event_of(_report(mode=Mode.STOP, kind=ReportKind.RESULT), run), Ignored)
