"""Reports about an order are numbered; heartbeats are told only while its host is at work and heard of."""

from __future__ import annotations

import threading

import pytest

from tasks.model import Host, Mode, Transport
from tasks.result import HostResult, Outcome
from tasks.wire import Order, Report, ReportKind
from workers import news
from workers.news import News, Progress

ORDER = Order(
    attempt_id="c1/machine/2",
    epoch=7,
    mode=Mode.APPLY,
    campaign_id="c1",
    wave=1,
    host=Host(name="machine", transport=Transport.LOCAL),
    procedure="toy.lines",
    params={},
    expires_at=0.0,
    timeout_s=60.0,
)


def steps(sent: list[Report]) -> list[str]:
    """The steps that heartbeats told of."""
    return [report.step for report in sent if report.kind is ReportKind.HEARTBEAT]


def test_reports_carry_the_order_and_a_number_that_grows() -> None:
    sent: list[Report] = []
    told = News(ORDER, sent.append, worker="gw-1")
    told.begin_work()
    last = told.report(ReportKind.RESULT, HostResult(outcome=Outcome.OK))
    assert [(item.kind, item.seq) for item in (*sent, last)] == [
        (ReportKind.ACCEPTED, 1),
        (ReportKind.RESULT, 2),
    ]
    assert (last.attempt_id, last.epoch, last.host, last.worker) == ("c1/machine/2", 7, "machine", "gw-1")


def test_a_step_is_told_once_and_only_of_a_host_at_work() -> None:
    sent: list[Report] = []
    told = News(ORDER, sent.append, worker="gw-1")
    told.note(Progress(step="gather"))
    told.begin_work()
    for done in (0, 0, 1):
        told.note(Progress(step=f"line-{done + 1}", done=done, total=2))
    assert steps(sent) == ["line-1", "line-2"]
    assert (sent[-1].done, sent[-1].total) == (1, 2)


def test_only_a_heartbeat_says_what_is_being_done() -> None:
    told = News(ORDER, lambda _: None, worker="gw-1")
    told.note(Progress(step="verify"))
    assert told.report(ReportKind.RESULT, HostResult(outcome=Outcome.OK)).step == ""


def test_a_host_is_silent_once_nothing_was_heard_of_it_for_long_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = News(ORDER, lambda _: None, worker="gw-1")
    assert told.silent_s() is None
    monkeypatch.setattr(news, "CONTACT_MAX_AGE_S", 0.0)
    told.touch()
    silent_s = told.silent_s()
    assert silent_s is not None
    assert 0.0 <= silent_s < 60.0


@pytest.mark.parametrize("silent", [False, True])
def test_it_beats_by_itself_while_the_host_is_heard_of(monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    monkeypatch.setattr(news, "BEAT_EVERY_S", 0.001)
    monkeypatch.setattr(news, "CONTACT_MAX_AGE_S", 0.0 if silent else 60.0)
    beat = threading.Event()
    sent: list[Report] = []

    def send(report: Report) -> None:
        sent.append(report)
        if report.kind is ReportKind.HEARTBEAT:
            beat.set()

    told = News(ORDER, send, worker="gw-1")
    with told.beating():
        told.begin_work()
        assert beat.wait(0.2 if silent else 30) is not silent
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
