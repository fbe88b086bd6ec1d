"""Steps are in the journal before and after they are done, and none is done twice or after one that failed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks.errors import DockwaveError, Unreachable
from tasks.model import Host, Mode, Transport
from tasks.procedure import RunStep
from tasks.result import HostResult, Outcome, StepState
from tasks.wire import Order
from tests.support.unreliable import Machine
from workers.effects import Effects
from workers.host_record import Entry, EntryKind, HostRecord
from workers.journal import HostPaths, Journal
from workers.steps import Steps


@dataclass(slots=True)
class Desk:
    """A machine that has accepted an order."""

    folder: Path
    machine: Machine = field(default_factory=Machine)
    #: what was said to be next: step, number, of how many
    said: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def journal(self) -> Journal:
        """The attempt's journal, over a new connection."""
        paths = HostPaths(root=str(self.folder / "dockwave"), lock=str(self.folder / "lock"))
        return Journal(self.machine.connect(), self.order.attempt_id, paths)

    @property
    def order(self) -> Order:
        """What was accepted."""
        return Order(
            attempt_id="c1/machine/1",
            epoch=1,
            mode=Mode.APPLY,
            campaign_id="c1",
            wave=1,
            host=Host(name="machine", transport=Transport.LOCAL),
            procedure="toy.lines",
            params={},
            expires_at=time.time() + 60,
            timeout_s=60.0,
        )

    def worker(self) -> Steps:
        """A worker that has taken the attempt over as it stands."""
        journal = self.journal
        effects = Effects(self.machine.connect(), self.order.attempt_id, journal.dir, beat=lambda: None)
        steps = Steps(
            self.order, journal, effects, say=lambda *what: self.said.append(what), check=lambda: None
        )
        steps.take_over(journal.read())
        return steps

    def kinds(self) -> list[tuple[EntryKind, str]]:
        """What the journal says, but for the order itself."""
        return [(entry.kind, entry.key) for entry in self.journal.read().entries[1:]]

    def line(self, number: int, *, code: int = 0, replan: bool = False) -> RunStep:
        """A step that leaves one line in a file, and ends with this code."""
        argv = ("sh", "-c", 'echo "$1" >> "$2"; exit "$3"', "line", str(number), str(self.file), str(code))
        return RunStep(key=f"line-{number}", title=f"add line {number}", argv=argv, replan=replan)

    @property
    def file(self) -> Path:
        """The file the steps fill."""
        return self.folder / "file"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.journal.accept(desk.order, Entry(kind=EntryKind.ACCEPTED, at=time.time()))
    return desk


def record(desk: Desk) -> HostRecord:
    return desk.journal.read()


def test_a_step_is_written_before_it_is_done_and_when_it_ended(desk: Desk) -> None:
    steps = desk.worker()
    assert not steps.do([desk.line(1), desk.line(2)])
    assert desk.kinds() == [
        (EntryKind.INTENT, "line-1"),
        (EntryKind.DONE, "line-1"),
        (EntryKind.INTENT, "line-2"),
        (EntryKind.DONE, "line-2"),
    ]
    assert desk.said == [("line-1", 0, 2), ("line-2", 1, 2)]
    assert [(step.key, step.state) for step in steps.ended] == [
        ("line-1", StepState.DONE),
        ("line-2", StepState.DONE),
    ]


def test_a_step_that_asks_for_a_new_plan_is_the_last_of_its_round(desk: Desk) -> None:
    assert desk.worker().do([desk.line(1, replan=True), desk.line(2)])
    assert desk.file.read_text() == "1\n"


def test_no_step_is_done_after_one_that_failed_whoever_did_it(desk: Desk) -> None:
    with pytest.raises(DockwaveError, match=r"Step line-1 \(add line 1\) failed"):
        desk.worker().do([desk.line(1, code=1), desk.line(2)])
    assert desk.file.read_text() == "1\n"
    with pytest.raises(DockwaveError, match="line-1"):
        desk.worker().stop_on_failed()


def test_nothing_is_begun_before_a_step_is_even_where_the_order_was_accepted(desk: Desk) -> None:
    assert not desk.worker().begun


def test_what_an_earlier_worker_did_is_not_done_again(desk: Desk) -> None:
    desk.worker().do([desk.line(1)])
    steps = desk.worker()
    assert steps.begun
    steps.do([desk.line(1), desk.line(2)])
    assert desk.file.read_text() == "1\n2\n"
    assert (EntryKind.RESUMED, "") in desk.kinds()


@pytest.mark.parametrize("reboots", [False, True])
def test_a_step_in_flight_is_collected_and_one_nobody_knows_any_more_is_lost(
    desk: Desk, reboots: bool
) -> None:
    steps = desk.worker()
    # the link breaks after the unit was started: nobody wrote how it ended
    desk.machine.count, desk.machine.cut_at, desk.machine.cut_after = 0, 2, True
    desk.machine.reboots = reboots
    with pytest.raises(Unreachable):
        steps.do([desk.line(1)])
    assert len(desk.machine.started) == 1
    assert [intent.key for intent in record(desk).open_intents] == ["line-1"]
    ended = desk.worker().ended
    assert [step.key for step in ended] == ([] if reboots else ["line-1"])
    assert desk.kinds()[-1] == ((EntryKind.LOST if reboots else EntryKind.DONE), "line-1")


def test_an_attempt_that_is_to_stop_stops_before_the_next_step(desk: Desk) -> None:
    steps = desk.worker()
    steps.do([desk.line(1)])
    desk.journal.halt("c1 was aborted")
    with pytest.raises(DockwaveError, match="before add line 2, 1 steps done") as stopped:
        steps.do([desk.line(2)])
    assert stopped.value.code == "E_STOPPED"
    assert desk.file.read_text() == "1\n"


def test_the_end_of_the_attempt_is_its_last_entry(desk: Desk) -> None:
    steps = desk.worker()
    steps.do([desk.line(1)])
    steps.settle(HostResult(outcome=Outcome.CHANGED, changed=True))
    result = record(desk).result
    assert result is not None
    assert result.outcome is Outcome.CHANGED
