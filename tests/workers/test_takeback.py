"""A finished attempt is taken back by a later campaign, unless the host has moved on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks import catalog
from tasks.model import Mode
from tasks.procedure import Facts
from tasks.result import HostResult, Outcome
from tests.support.toy import PROCEDURE, ToyFacts
from tests.workers.test_runner import TWO, Bench
from workers import attempt, execution
from workers.takeback import Later, overtaken_by, parse_later


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for module in (attempt, execution):
        monkeypatch.setattr(
            module, "find", lambda name: PROCEDURE if name == "toy.lines" else catalog.find(name)
        )
    bench = Bench(folder=tmp_path)
    bench.file.write_text("before\n")
    return bench


def _undo(bench: Bench, *, campaign: str = "c9", of: str = "c1/machine/1", **changes: Any) -> HostResult:
    values = {"mode": Mode.UNDO, "attempt_id": f"{campaign}/machine/1", "campaign_id": campaign}
    return bench.result(bench.order(**(values | {"undo_of": of, "approved": None} | changes)))


def _code(result: HostResult) -> str:
    assert result.error is not None
    return result.error.code


def test_another_campaign_brings_the_host_back_and_proves_it(bench: Bench) -> None:
    bench.result(bench.order(1))
    result = _undo(bench)
    assert (result.outcome, result.changed) == (Outcome.UNDONE, True)
    assert result.data["differences"] == []
    assert result.data["snapshot"].startswith("c1/machine/1, in ")
    assert bench.file.read_text() == "before\n"


def test_the_preview_changes_nothing_and_tells_what_comes_back(bench: Bench) -> None:
    bench.result(bench.order(1))
    changed = bench.file.read_text()
    answer = _undo(bench, mode=Mode.PLAN)
    assert answer.plan is not None
    assert [step["key"] for step in answer.plan["steps"]] == ["restore"]
    assert [item["detail"] for item in answer.plan["findings"]] == ["comes back: content differs"]
    assert bench.file.read_text() == changed


def test_the_preview_tells_which_snapshot_it_compared_with_and_a_change_that_there_is_none(
    bench: Bench,
) -> None:
    change = bench.result(bench.order(1))
    assert _undo(bench, mode=Mode.PLAN).data == {"snapshot_sha256": change.data["snapshot_sha256"]}
    assert bench.result(bench.order(2, mode=Mode.PLAN)).data == {}


@pytest.mark.parametrize("mode", [Mode.PLAN, Mode.UNDO])
@pytest.mark.parametrize(("altered", "said"), [(True, "another"), (False, "no")])
def test_a_host_returns_to_no_snapshot_but_the_one_its_change_took(
    bench: Bench, mode: Mode, altered: bool, said: str
) -> None:
    told = bench.result(bench.order(1)).data["snapshot_sha256"]
    changed = bench.file.read_text()
    (snapshot,) = bench.folder.rglob("before.json")
    if altered:
        snapshot.write_text(snapshot.read_text().replace("before", "forged"))
    else:
        snapshot.unlink()
    result = _undo(bench, mode=mode, snapshot_sha256=told)
    assert (_code(result), result.changed) == ("E_SNAPSHOT_CHANGED", False)
    assert result.error is not None
    assert f"has {said} snapshot, not the one c1/machine/1 took" in result.error.message
    assert bench.file.read_text() == changed


def test_the_very_snapshot_is_returned_to(bench: Bench) -> None:
    told = bench.result(bench.order(1)).data["snapshot_sha256"]
    assert _undo(bench, snapshot_sha256=told).outcome is Outcome.UNDONE


def test_a_host_equal_to_its_snapshot_is_a_no_op_that_says_so(bench: Bench) -> None:
    bench.result(bench.order(1))
    bench.file.write_text("before\n")
    answer = _undo(bench, mode=Mode.PLAN)
    assert answer.plan is not None
    assert (answer.plan["steps"], answer.plan["summary"]) == ([], "already equal to its snapshot")
    result = _undo(bench)
    assert (result.outcome, result.changed, result.summary) == (
        Outcome.UNDONE,
        False,
        "already equal to its snapshot",
    )


def test_a_second_look_after_the_soak_compares_with_the_snapshot(bench: Bench) -> None:
    bench.result(bench.order(1))
    _undo(bench)
    assert _undo(bench, mode=Mode.CHECK).outcome is Outcome.UNDONE
    bench.file.write_text("somebody else\n")
    assert _undo(bench, mode=Mode.CHECK).outcome is Outcome.FAILED


@pytest.mark.parametrize("mode", [Mode.PLAN, Mode.UNDO])
def test_a_host_that_a_later_campaign_changed_is_refused_by_name(bench: Bench, mode: Mode) -> None:
    bench.result(bench.order(1, **TWO))
    later: dict[str, Any] = {"attempt_id": "c2/machine/1", "campaign_id": "c2"}
    bench.result(bench.order(**later))
    result = _undo(bench, mode=mode)
    assert _code(result) == "E_HOST_MOVED_ON"
    assert result.error is not None
    assert "c2/machine/1" in result.error.message
    assert "dockwave undo c2" in result.error.hint
    assert result.changed is False
    _undo(bench, campaign="c8", of="c2/machine/1")
    assert _undo(bench, mode=mode, campaign="c7").error is None, "the later change was taken back first"


def test_a_rollback_does_not_destroy_what_a_later_campaign_changed(bench: Bench) -> None:
    """A campaign that is turned back late would have returned the host to before both changes."""
    bench.result(bench.order(1, **TWO))
    bench.result(bench.order(attempt_id="c2/machine/1", campaign_id="c2"))
    changed = bench.file.read_text()
    result = _undo(bench, campaign="c1", attempt_id="c1/machine/2")
    assert (_code(result), result.changed) == ("E_HOST_MOVED_ON", False)
    assert bench.file.read_text() == changed


def test_another_machine_under_the_same_name_is_refused(bench: Bench) -> None:
    bench.result(bench.order(1))
    assert _code(_undo(bench, mode=Mode.PLAN, machine_id="0" * 32)) == "E_HOST_IDENTITY"


@pytest.mark.parametrize("mode", [Mode.PLAN, Mode.UNDO])
def test_a_snapshot_that_is_gone_is_refused(bench: Bench, mode: Mode) -> None:
    result = _undo(bench, mode=mode)
    assert (_code(result), result.changed) == ("E_SNAPSHOT_MISSING", False)


def test_an_attempt_without_an_end_is_not_taken_back(bench: Bench) -> None:
    bench.result(bench.order(1))
    journal = next(bench.folder.glob("dockwave/attempts/c1-1-*/journal"))
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    assert _code(_undo(bench)) == "E_HOST_BUSY"


def test_what_others_changed_since_is_left_and_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def differences(_: object, before: ToyFacts, now: ToyFacts) -> tuple[str, ...]:
        ours = () if before.lines == [line for line in now.lines if line != "other"] else ("content differs",)
        return (*ours, *(["other package"] if "other" in now.lines else []))

    def beyond(_: object, before: ToyFacts, now: ToyFacts) -> tuple[str, ...]:
        return ("other package",) if "other" in now.lines else ()

    def back(_: object, before: Facts, now: ToyFacts, *rest: Any) -> Any:
        kept = before.model_copy(update={"content": "before\n" + ("other\n" if "other" in now.lines else "")})
        return original(kept, now, *rest)

    original: Any = PROCEDURE.undo
    monkeypatch.setattr(type(PROCEDURE), "differences", differences)
    monkeypatch.setattr(type(PROCEDURE), "beyond_undo", beyond, raising=False)
    bench.result(bench.order(1))
    bench.file.write_text(bench.file.read_text() + "other\n")
    monkeypatch.setattr(type(PROCEDURE), "undo", back)
    answer = _undo(bench, mode=Mode.PLAN)
    assert answer.plan is not None
    assert [item["title"] for item in answer.plan["kept"]] == ["other package"]
    result = _undo(bench)
    assert result.outcome is Outcome.UNDONE
    assert result.data["changed_by_others"] == ["other package"]
    assert "1 changes others made since are left" in result.summary
    assert bench.file.read_text() == "before\nother\n"


def test_an_order_nobody_can_read_counts_as_a_change_that_stands() -> None:
    found = parse_later(b"order {broken\nlast {}\n")
    assert overtaken_by(found, own="c9", undo_of="c1/machine/1") == found[0]


def test_an_undo_of_an_older_attempt_moved_the_host_too() -> None:
    older = Later(attempt_id="c8/machine/1", campaign="c8", mode=Mode.UNDO, undo_of="c0/machine/1")
    same = Later(attempt_id="c8/machine/1", campaign="c8", mode=Mode.UNDO, undo_of="c1/machine/1")
    assert overtaken_by([older], own="c9", undo_of="c1/machine/1") == older
    assert overtaken_by([same], own="c9", undo_of="c1/machine/1") is None
