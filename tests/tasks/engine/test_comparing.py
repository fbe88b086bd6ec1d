"""Whatever changes the whole engine proves its way back alike, and no other procedure claims to."""

from __future__ import annotations

import pytest

from tasks.catalog import AnyProcedure, load_all
from tasks.engine import returning
from tasks.engine.comparing import Comparing
from tasks.engine.host_facts import HostFacts
from tests.tasks.engine.upgraded import BEFORE, UPGRADED


def test_it_compares_as_every_way_back_does() -> None:
    proof = Comparing[HostFacts]()
    assert proof.differences(BEFORE, UPGRADED) == returning.differences(BEFORE, UPGRADED) != ()
    assert proof.differences(BEFORE, BEFORE) == ()
    assert proof.beyond_undo(BEFORE, UPGRADED) == ()
    assert proof.compared(BEFORE) == returning.compared(BEFORE) != ()


@pytest.mark.parametrize("procedure", load_all().values(), ids=lambda procedure: procedure.spec.name)
def test_a_procedure_that_stops_the_engine_is_one_and_no_other(procedure: AnyProcedure) -> None:
    assert isinstance(procedure, Comparing) is procedure.spec.stops_engine
