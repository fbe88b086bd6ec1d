"""A procedure that only reads plans nothing, undoes nothing and leaves no difference, whatever it read."""

from __future__ import annotations

import pytest

from tasks.catalog import AnyProcedure, load_all
from tasks.errors import Refused
from tasks.model import Kind, Protect, UndoClass
from tasks.procedure import Facts, Params, Setting
from tasks.read_only import ReadOnly

FACTS, PARAMS = Facts(), Params()
SETTING = Setting(attempt_id="c1/web-1/1", snapshot_dir="/var/lib/dockwave/x", protect=Protect())


def reader() -> ReadOnly[Params, Facts]:
    """What every reading procedure builds on."""
    return ReadOnly()


def test_it_plans_no_step() -> None:
    draft = reader().plan(FACTS, PARAMS, SETTING)
    assert (draft.steps, draft.undo, draft.summary) == ((), UndoClass.NONE, "reads only")


def test_its_undo_is_refused_for_there_is_nothing_to_take_back() -> None:
    with pytest.raises(Refused, match="nothing to undo") as refused:
        reader().undo(FACTS, FACTS, PARAMS, SETTING)
    assert refused.value.code == "E_PARAM"


def test_it_leaves_no_difference() -> None:
    assert reader().differences(FACTS, FACTS) == ()


@pytest.mark.parametrize("procedure", load_all().values(), ids=lambda procedure: procedure.spec.name)
def test_every_procedure_that_only_reads_is_one_and_no_other(procedure: AnyProcedure) -> None:
    reads = procedure.spec.kind is Kind.READ_ONLY
    assert isinstance(procedure, ReadOnly) is reads
    assert procedure.spec.undo is UndoClass.NONE or not reads
