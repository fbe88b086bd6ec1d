"""What Flower shows of an order: success, failure and rollback, by the state the task ends in."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from celery.exceptions import Ignore

from tasks.catalog import load_all
from tasks.connection import Secret
from tasks.model import Mode, Transport
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Report, ReportKind
from tests.support.unreliable import Machine
from workers.app import AttemptFailed, _show, make_app
from workers.runner import Runner
from workers.settings import read_settings


@dataclass
class ShownTask:
    """Remembers the events a task sends about itself."""

    sent: list[str] = field(default_factory=list)

    def send_event(self, kind: str) -> None:
        """Note the event."""
        self.sent.append(kind)


def report(result: HostResult | None, kind: ReportKind = ReportKind.RESULT) -> Report:
    """A report of one attempt."""
    return Report(attempt_id="c1/web-1/1", epoch=1, host="web-1", mode=Mode.APPLY, kind=kind, result=result)


def test_a_change_is_a_success_with_its_summary() -> None:
    shown = _show(
        ShownTask(), report(HostResult(outcome=Outcome.CHANGED, changed=True, summary="20.10 to 26.1"))
    )
    assert shown == {"report": "result", "outcome": "changed", "summary": "20.10 to 26.1"}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNREACHABLE, Outcome.UNKNOWN])
def test_a_host_that_failed_is_a_failure_with_code_and_message(outcome: Outcome) -> None:
    error = HostError(code="E_START_FAILED", message="dockerd ends at once")
    with pytest.raises(AttemptFailed, match="E_START_FAILED: dockerd ends at once"):
        _show(ShownTask(), report(HostResult(outcome=outcome, error=error)))


def test_an_undo_ends_rolled_back_and_no_success_hides_it() -> None:
    task = ShownTask()
    with pytest.raises(Ignore):
        _show(task, report(HostResult(outcome=Outcome.UNDONE, changed=True)))
    assert task.sent == ["task-rolledback"]


def test_a_busy_answer_is_shown_as_such() -> None:
    assert _show(ShownTask(), report(None, ReportKind.BUSY)) == {"report": "busy"}


def test_the_app_knows_every_procedure_by_name_and_speaks_json_only() -> None:
    settings = read_settings(
        Transport.LOCAL, "web-1", {"DOCKWAVE_BROKER_URL": "redis://:secret@127.0.0.1:1/0"}
    )
    app = make_app(settings, Runner(Machine(), lambda _: None, worker="test"))
    assert set(load_all()) <= set(app.tasks)
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late is False
    assert not isinstance(app.conf.worker_enable_remote_control, str)
    assert app.conf.worker_enable_remote_control is False, "an agent takes orders from its queue only"
    assert settings.broker_url == Secret("redis://:secret@127.0.0.1:1/0")
