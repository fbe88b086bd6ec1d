"""The runner against a real shell and journal: whatever is lost, the end is the same and nothing runs twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tasks import catalog
from tasks.model import Host, Mode, Transport
from tasks.result import HostResult, Outcome, StepState
from tasks.wire import Order, Report, ReportKind
from tests.support.toy import PROCEDURE
from tests.support.unreliable import Machine
from workers import attempt, execution, news
from workers.execution import Execution
from workers.host_record import Entry, EntryKind
from workers.journal import HostPaths, Journal
from workers.runner import Runner

#: the shortest attempt with a step before and a step after a new plan
TWO: dict[str, Any] = {"params": {"lines": 2}, "approved": ("line-1", "line-2")}

HOST = Host(name="machine", transport=Transport.LOCAL)


@dataclass(slots=True)
class Bench:
    """A machine, a runner, and what was reported."""

    folder: Path
    machine: Machine = field(default_factory=Machine)
    reports: list[Report] = field(default_factory=list)
    epoch: int = 0

    @property
    def paths(self) -> HostPaths:
        """Where the machine keeps Dockwave's things."""
        return HostPaths(root=str(self.folder / "dockwave"), lock=str(self.folder / "lock"))

    @property
    def file(self) -> Path:
        """The file the toy procedure fills."""
        return self.folder / "file"

    def order(self, number: int = 1, campaign: str = "c1", **changes: Any) -> Order:
        """An order for the machine, with a fresh epoch unless one is given."""
        self.epoch += 1
        params = {"path": str(self.file), "lines": 3} | dict(changes.pop("params", {}))
        values = {
            "attempt_id": f"{campaign}/machine/{number}",
            "epoch": self.epoch,
            "mode": Mode.APPLY,
            "campaign_id": campaign,
            "wave": 1,
            "host": HOST,
            "procedure": "toy.lines",
            "params": params,
            "expires_at": time.time() + 60,
            "timeout_s": 60.0,
            "approved": ("line-1", "line-2", "line-3"),
        }
        return Order.model_validate(values | changes)

    def run(self, order: Order) -> Report:
        """Run an order with a new worker process's runner."""
        return Runner(
            self.machine, self.reports.append, worker="test", sleep=lambda _: None, paths=self.paths
        ).run(order)

    def result(self, order: Order) -> HostResult:
        """Run an order that ends in a result."""
        report = self.run(order)
        assert report.kind is ReportKind.RESULT, report
        assert report.result is not None
        return report.result


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(
        attempt, "find", lambda name: PROCEDURE if name == "toy.lines" else catalog.find(name)
    )
    monkeypatch.setattr(
        execution, "find", lambda name: PROCEDURE if name == "toy.lines" else catalog.find(name)
    )
    return Bench(folder=tmp_path)


def test_an_order_is_accepted_applied_and_proven(bench: Bench) -> None:
    result = bench.result(bench.order())
    assert (result.outcome, result.changed) == (Outcome.CHANGED, True)
    assert bench.file.read_text() == "line 1\nline 2\nline 3\n"
    assert next(report.kind for report in bench.reports) is ReportKind.ACCEPTED
    assert result.epoch_seen == 1
    assert result.identity["boot_id"]
    assert result.identity["kernel"] == os.uname().release


def test_a_host_that_is_right_already_is_left_alone(bench: Bench) -> None:
    bench.file.write_text("line 1\nline 2\nline 3\n")
    result = bench.result(bench.order())
    assert (result.outcome, result.changed) == (Outcome.OK, False)
    assert bench.machine.started == []
    # planned steps that are no longer needed are named, not silently forgotten
    assert {step.state for step in result.steps} == {StepState.SKIPPED}


def test_a_repeated_order_answers_from_the_journal(bench: Bench) -> None:
    order = bench.order()
    first = bench.result(order)
    again = bench.result(order)
    assert again.outcome is first.outcome
    assert len(bench.machine.started) == 3
    assert bench.file.read_text().count("line 1") == 1


def test_a_stale_epoch_is_refused(bench: Bench) -> None:
    bench.result(bench.order(1))
    assert refusal(bench, bench.order(1, "c2", epoch=1)) == "E_STALE_EPOCH"


def refusal(bench: Bench, order: Order) -> str:
    """The code with which an order is refused."""
    report = bench.run(order)
    assert report.kind is ReportKind.REFUSED
    assert report.result is not None
    assert report.result.error is not None
    return report.result.error.code


def test_an_attempt_the_database_has_forgotten_is_found_and_not_done_again(bench: Bench) -> None:
    done = bench.result(bench.order(2))
    started = list(bench.machine.started)
    assert refusal(bench, bench.order(1)) == "E_ATTEMPT_REUSED"
    assert refusal(bench, bench.order(3)) == "E_ATTEMPT_REUSED"
    assert bench.result(bench.order(2)).steps == done.steps
    assert bench.machine.started == started


def test_an_undo_under_the_number_of_a_forgotten_change_is_refused_and_works_under_the_next(
    bench: Bench,
) -> None:
    bench.result(bench.order(2))
    undo = {"mode": Mode.UNDO, "undo_of": "c1/machine/2"}
    assert refusal(bench, bench.order(2, **undo)) == "E_ATTEMPT_REUSED"
    assert bench.result(bench.order(3, **undo)).outcome is Outcome.UNDONE
    assert refusal(bench, bench.order(4, **undo)) == "E_ATTEMPT_REUSED"


def test_a_forgotten_undo_is_not_stopped_by_a_hard_abort_of_another_attempt(bench: Bench) -> None:
    order = bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1")
    with bench.machine.get(order.host) as connection:
        journal = Journal(connection, order.attempt_id, bench.paths)
        journal.accept(order, Entry(kind=EntryKind.ACCEPTED, at=time.time(), undo_of="c1/machine/1"))
        assert bench.result(bench.order(2, mode=Mode.STOP)).outcome is Outcome.OK
        assert journal.read().halt is None
        assert bench.result(bench.order(2, mode=Mode.STOP, undo_of="c1/machine/1")).outcome is Outcome.OK
        assert journal.read().halt == "c1 was aborted"


def test_an_expired_order_is_refused_and_says_by_how_much(bench: Bench) -> None:
    report = bench.run(bench.order(expires_at=time.time() - 100))
    assert report.kind is ReportKind.REFUSED
    assert report.result is not None
    assert report.result.error is not None
    assert report.result.error.code == "E_ORDER_EXPIRED"
    assert "100 s ago" in report.result.error.message
    assert time.time() - 60 < report.result.refuses_before <= time.time()
    assert not bench.file.exists()


def test_another_machine_under_the_same_name_is_refused(bench: Bench) -> None:
    report = bench.run(bench.order(machine_id="0" * 32))
    assert report.result is not None
    assert report.result.error is not None
    assert report.result.error.code == "E_HOST_IDENTITY"


def test_the_kill_switch_file_stops_every_new_order(bench: Bench) -> None:
    Path(bench.paths.root).mkdir()
    (Path(bench.paths.root) / "stop").write_text("incident 12\n")
    report = bench.run(bench.order())
    assert report.result is not None
    assert report.result.error is not None
    assert report.result.error.code == "E_KILL_SWITCH"
    assert "incident 12" in report.result.error.message


def test_resume_never_starts_an_attempt_the_host_does_not_know(bench: Bench) -> None:
    report = bench.run(bench.order(mode=Mode.RESUME))
    assert report.kind is ReportKind.REFUSED
    assert report.result is not None
    assert report.result.error is not None
    assert report.result.error.code == "E_NOT_STARTED"
    assert not bench.file.exists()


def test_a_step_that_was_not_approved_is_never_done(bench: Bench) -> None:
    report = bench.run(bench.order(approved=("line-1", "line-2")))
    assert report.result is not None
    assert report.result.outcome is Outcome.FAILED
    assert report.result.error is not None
    assert report.result.error.code == "E_PLAN_STALE"
    assert not report.result.changed
    assert not bench.file.exists()


def test_another_digest_refuses_before_anything_is_touched(bench: Bench) -> None:
    report = bench.run(bench.order(digest="0" * 64))
    assert report.result is not None
    assert report.result.error is not None
    assert report.result.error.code == "E_PLAN_STALE"
    assert not bench.file.exists()


def test_a_failing_step_ends_the_attempt_and_tells_changed_by_comparing(bench: Bench) -> None:
    result = bench.result(bench.order(params={"fails_at": 2}))
    assert (result.outcome, result.changed) == (Outcome.FAILED, True)
    assert bench.file.read_text() == "line 1\nline 2\n"
    assert result.error is not None
    assert "line-2" in result.error.message


def test_a_refusal_of_the_procedure_is_clean(bench: Bench) -> None:
    bench.file.write_text("locked\n")
    result = bench.result(bench.order())
    assert (result.outcome, result.changed) == (Outcome.FAILED, False)
    assert result.error is not None
    assert result.error.code == "E_PROTECTED"


def test_a_change_that_cannot_be_proven_is_a_failure_with_evidence(bench: Bench) -> None:
    result = bench.result(bench.order(params={"never_right": True}))
    assert (result.outcome, result.changed) == (Outcome.FAILED, True)
    assert result.error is not None
    assert result.error.code == "E_VERIFY_FAILED"


def test_undo_returns_to_the_snapshot_and_proves_it(bench: Bench) -> None:
    bench.file.write_text("before\n")
    bench.result(bench.order(1, params={"never_right": True}))
    result = bench.result(bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1", approved=None))
    assert result.outcome is Outcome.UNDONE
    assert result.data["differences"] == []
    assert bench.file.read_text() == "before\n"


@pytest.mark.parametrize("cut", [False, True], ids=["by one worker", "by two"])
def test_a_change_and_its_undo_tell_the_same_snapshot_and_not_what_is_in_it(bench: Bench, cut: bool) -> None:
    bench.file.write_text("a secret\n")
    order = bench.order(1, params={"never_right": True})
    if cut:
        _cut_worker_off(bench, order, at=9)
    change = bench.result(order)
    undo = bench.result(bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1", approved=None))
    (file,) = (bench.folder / "dockwave" / "attempts").glob("c1-1-*/before.json")
    taken = sha256(file.read_bytes()).hexdigest()
    assert (change.data["snapshot_sha256"], undo.data["snapshot_sha256"]) == (taken, taken)
    assert "a secret" in file.read_text()
    assert "a secret" not in str(change.data)


def test_undo_of_an_attempt_that_changed_nothing_is_a_no_op(bench: Bench) -> None:
    bench.result(bench.order(1, params={"lines": 0}, approved=()))
    result = bench.result(bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1", approved=None))
    assert (result.outcome, result.changed) == (Outcome.UNDONE, False)
    assert result.data["differences"] == []
    assert bench.machine.started == []


def test_undo_of_an_attempt_the_host_has_no_record_of_proves_nothing(bench: Bench) -> None:
    result = bench.result(bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1", approved=None))
    assert (result.outcome, result.changed) == (Outcome.FAILED, False)
    assert result.error is not None
    assert result.error.code == "E_SNAPSHOT_MISSING"


def test_a_check_after_the_soak_sees_what_broke_since(bench: Bench) -> None:
    order = bench.order()
    bench.result(order)
    check = order.model_copy(update={"mode": Mode.CHECK})
    assert bench.result(check).outcome is Outcome.CHANGED
    bench.file.write_text("line 1\n")
    assert bench.result(check).outcome is Outcome.FAILED


def test_an_overtaken_attempt_does_not_go_on(bench: Bench) -> None:
    first = bench.order(1)
    _cut_worker_off(bench, first, at=9)
    bench.result(bench.order(2, mode=Mode.UNDO, undo_of="c1/machine/1", approved=None))
    started = len(bench.machine.started)
    late = bench.result(first)
    assert late.outcome is Outcome.UNKNOWN
    assert late.error is not None
    assert late.error.code == "E_STALE_EPOCH"
    assert len(bench.machine.started) == started


def test_the_same_attempt_runs_once_at_a_time_in_one_process(bench: Bench) -> None:
    runner = Runner(
        bench.machine, bench.reports.append, worker="test", sleep=lambda _: None, paths=bench.paths
    )
    order = bench.order()
    threads = [threading.Thread(target=runner.run, args=(order,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.file.read_text() == "line 1\nline 2\nline 3\n"
    ends = Counter(report.kind for report in bench.reports)
    assert ends[ReportKind.RESULT] + ends[ReportKind.BUSY] == 4


def test_a_repeated_question_for_a_dry_run_is_not_put_to_the_host_while_it_answers_the_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()
    run = Execution.run

    def slow(execution: Execution) -> Report:
        asked.set()
        assert answer.wait(30)
        return run(execution)

    monkeypatch.setattr(Execution, "run", slow)
    runner = _runner(bench, bench.reports.append)
    order = bench.order(0, mode=Mode.PLAN, approved=None)
    first = threading.Thread(target=runner.run, args=(order,))
    first.start()
    assert asked.wait(30)
    try:
        assert runner.run(order).kind is ReportKind.BUSY
    finally:
        answer.set()
        first.join()
    assert [report.kind for report in bench.reports if report.kind is not ReportKind.HEARTBEAT] == [
        ReportKind.BUSY,
        ReportKind.RESULT,
    ]


def test_a_host_that_is_as_an_attempt_proved_it_needs_nothing_and_one_that_is_not_is_planned_anew(
    bench: Bench,
) -> None:
    bench.result(bench.order(1))
    again = bench.order(0, mode=Mode.PLAN, approved=None, params={"replan": True}, proven_by="c1/machine/1")
    plan = bench.result(again).plan
    assert plan is not None
    assert (plan["steps"], plan["summary"]) == ([], "still as c1/machine/1 left it")
    bench.file.write_text("line 1\n")
    plan = bench.result(again).plan
    assert plan is not None
    assert [step["key"] for step in plan["steps"]] == ["line-2", "line-3"]


def test_an_attempt_the_host_knows_nothing_of_proves_nothing(bench: Bench) -> None:
    plan = bench.result(bench.order(0, mode=Mode.PLAN, approved=None, proven_by="c1/machine/9")).plan
    assert plan is not None
    assert len(plan["steps"]) == 3


def _stop(order: Order) -> Order:
    return order.model_copy(update={"mode": Mode.STOP})


def _runner(bench: Bench, send: Callable[[Report], None]) -> Runner:
    return Runner(bench.machine, send, worker="test", sleep=lambda _: None, paths=bench.paths)


def test_an_attempt_stops_between_two_steps_while_its_worker_is_at_it(bench: Bench) -> None:
    order = bench.order()
    heard: list[Report] = []

    def send(report: Report) -> None:
        bench.reports.append(report)
        if report.step == "line-2" and not heard:
            # by another worker, or another thread of this one
            heard.append(_runner(bench, bench.reports.append).run(_stop(order)))

    result = _runner(bench, send).run(order).result
    assert heard[0].result is not None
    assert heard[0].result.outcome is Outcome.OK
    assert result is not None
    assert result.error is not None
    assert (result.outcome, result.changed, result.error.code) == (Outcome.FAILED, True, "E_STOPPED")
    assert "before add line 2, 1 steps done" in result.error.message
    assert bench.file.read_text() == "line 1\n"
    assert len(bench.machine.started) == 1
    again = bench.result(order).error
    assert again is not None
    assert again.code == "E_STOPPED", "the journal keeps the answer"


def test_a_stopped_attempt_can_be_taken_back_and_proven(bench: Bench) -> None:
    bench.file.write_text("before\n")
    order = bench.order(1)
    _cut_worker_off(bench, order, at=9)
    bench.result(_stop(order))
    assert bench.result(order).outcome is Outcome.FAILED
    undo = bench.result(bench.order(2, mode=Mode.UNDO, undo_of=order.attempt_id, approved=None))
    assert undo.outcome is Outcome.UNDONE
    assert bench.file.read_text() == "before\n"


def test_an_attempt_that_is_stopped_before_its_order_comes_never_starts(bench: Bench) -> None:
    order = bench.order()
    assert bench.result(_stop(order)).outcome is Outcome.OK
    report = bench.run(order)
    assert report.kind is ReportKind.REFUSED
    assert report.result is not None
    assert report.result.error is not None
    assert (report.result.error.code, report.result.error.retryable) == ("E_STOPPED", False)
    assert not bench.machine.started
    assert bench.result(bench.order(2)).outcome is Outcome.CHANGED, "another attempt is not stopped by it"


def test_an_attempt_stopped_after_its_last_step_is_proven_all_the_same(bench: Bench) -> None:
    order = bench.order()

    def send(report: Report) -> None:
        if report.step == "verify":
            _runner(bench, bench.reports.append).run(_stop(order))

    result = _runner(bench, send).run(order).result
    assert result is not None
    assert result.outcome is Outcome.CHANGED
    assert bench.result(_stop(order)).outcome is Outcome.OK, "told again after its end, it says the same"


def test_another_machine_under_the_same_name_is_not_told_to_stop_anything(bench: Bench) -> None:
    order = bench.order()
    result = bench.result(_stop(order).model_copy(update={"machine_id": "0" * 32}))
    assert result.outcome is Outcome.SKIPPED
    assert bench.result(order).outcome is Outcome.CHANGED


def test_a_stop_that_does_not_reach_the_host_says_so(bench: Bench) -> None:
    order = bench.order()
    bench.machine.count, bench.machine.cut_at = 0, 1
    assert bench.result(_stop(order)).outcome is Outcome.UNREACHABLE


class WorkerDied(BaseException):
    """kill -9 of the worker."""


def _cut_worker_off(bench: Bench, order: Order, *, at: int, after: bool = False) -> bool:
    """Run the order in a worker that dies when the link breaks; whether it died."""

    def die(_: float) -> None:
        raise WorkerDied

    bench.machine.count, bench.machine.cut_at, bench.machine.cut_after = 0, at, after
    runner = Runner(bench.machine, bench.reports.append, worker="doomed", sleep=die, paths=bench.paths)
    try:
        report = runner.run(order)
    except WorkerDied:
        return True
    finally:
        bench.machine.cut_at = None
    # a link that breaks before the host accepted the order is simply an unreachable host
    return report.result is not None and report.result.outcome is Outcome.UNREACHABLE


def _commands_of_a_run(bench: Bench, **changes: Any) -> int:
    bench.machine.count = 0
    bench.run(bench.order(1, "c900", **TWO, **changes))
    count = bench.machine.count
    bench.file.unlink(missing_ok=True)
    bench.machine.started.clear()
    return count


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("reboot", [False, True], ids=["worker killed", "host rebooted too"])
def test_killed_at_any_command_the_next_worker_reaches_the_same_end(
    bench: Bench, after: bool, reboot: bool
) -> None:
    """The link breaks at every single command in turn, and another worker takes the order over."""
    for at in range(1, _commands_of_a_run(bench) + 1):
        bench.file.unlink(missing_ok=True)
        bench.machine.started.clear()
        order = bench.order(1, f"c{at}", **TWO)
        bench.machine.reboots = reboot
        _cut_worker_off(bench, order, at=at, after=after)
        bench.machine.reboots = False
        result = bench.result(order)
        assert result.outcome is Outcome.CHANGED, (at, result)
        assert bench.file.read_text() == "line 1\nline 2\n", at
        assert Counter(bench.machine.started).most_common(1)[0][1] == 1, at


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_link_lost_at_any_command_is_mended_by_the_same_worker(bench: Bench, after: bool) -> None:
    for at in range(1, _commands_of_a_run(bench) + 1):
        bench.file.unlink(missing_ok=True)
        bench.machine.started.clear()
        order = bench.order(1, f"c{at}", **TWO)
        bench.machine.count, bench.machine.cut_at, bench.machine.cut_after = 0, at, after
        report = bench.run(order)
        if report.result is not None and report.result.outcome is Outcome.UNREACHABLE:
            report = bench.run(order)
        assert report.result is not None
        assert report.result.outcome is Outcome.CHANGED, (at, report)
        assert bench.file.read_text() == "line 1\nline 2\n", at


def test_an_undo_killed_at_any_command_ends_in_the_same_snapshot(bench: Bench) -> None:
    for at in range(1, 40):
        bench.file.write_text("before\n")
        own = f"c{at}"
        bench.result(bench.order(1, own, params={"never_right": True}))
        undo = bench.order(2, own, mode=Mode.UNDO, undo_of=f"{own}/machine/1", approved=None)
        died = _cut_worker_off(bench, undo, at=at, after=bool(at % 2))
        result = bench.result(undo)
        assert result.outcome is Outcome.UNDONE, (at, result)
        assert bench.file.read_text() == "before\n", at
        if not died:
            return
    pytest.fail("the undo never ran to its end undisturbed")


def test_a_torn_last_line_of_the_journal_is_left_out(bench: Bench) -> None:
    order = bench.order()
    bench.result(order)
    journal = Journal(bench.machine.connect(), order.attempt_id, bench.paths)
    path = Path(journal.dir) / "journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    record = journal.read()
    assert record.known
    assert record.result is None
    assert bench.result(order).outcome is Outcome.CHANGED
    assert len(bench.machine.started) == 3


def test_a_question_to_the_journal_that_breaks_proves_nothing(bench: Bench) -> None:
    """RESUME finds the journal unreadable: the attempt may well have run, so the answer is UNKNOWN."""
    order = bench.order()
    bench.result(order)
    machine = bench.machine
    machine.broken = {"sh"}
    result = bench.result(order.model_copy(update={"mode": Mode.RESUME}))
    assert result.outcome is Outcome.UNKNOWN
    result = bench.result(bench.order(2))
    assert result.outcome is Outcome.FAILED, (
        "a new order that cannot be taken is a plain failure, nothing changed"
    )
    assert not result.changed


def test_a_worker_that_lost_its_host_says_unknown_and_not_busy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Being alive is no news of the host: only contact with it is."""
    monkeypatch.setattr(news, "CONTACT_MAX_AGE_S", 0.0)
    lost, mended = threading.Event(), threading.Event()

    def wait_for_the_link(_: float) -> None:
        lost.set()
        assert mended.wait(30)

    runner = Runner(
        bench.machine, bench.reports.append, worker="test", sleep=wait_for_the_link, paths=bench.paths
    )
    order = bench.order()
    bench.machine.cut_at = 9
    first = threading.Thread(target=runner.run, args=(order,))
    first.start()
    assert lost.wait(30)
    answer = runner.run(order.model_copy(update={"mode": Mode.RESUME}))
    mended.set()
    first.join()
    assert answer.result is not None
    assert answer.result.outcome is Outcome.UNKNOWN
    assert answer.result.error is not None
    assert "machine" in answer.result.error.message
    assert bench.reports[-1].result is not None
    assert bench.reports[-1].result.outcome is Outcome.CHANGED
