"""Every planted bug is caught by the law that forbids it: a simulator that catches nothing proves nothing.

That the same schedules break no law without the bug is shown by schedules/test_schedules.py, which runs all of
these seeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.simulate.schedules.many import run_seed
from tests.orchestrator.simulate.planted import BUGS, Bug, planted, table
from tests.orchestrator.simulate.schedules.test_schedules import SEEDS, quiet

__all__ = ["quiet"]

_DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"
_BEGIN, _END = "<!-- planted bugs -->\n", "<!-- end of planted bugs -->\n"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.says)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    with planted(bug):
        found = run_seed(bug.seed)
    assert bug.law in {item.law for item in found.violations}, found.text or "nothing was caught"


def test_the_list_has_at_least_forty_bugs_each_different_and_each_caught_by_a_seed_that_is_run_without_it() -> (
    None
):
    assert len(BUGS) >= 40
    assert len({bug.says for bug in BUGS}) == len({bug.changes for bug in BUGS}) == len(BUGS)
    assert all(0 <= bug.seed < SEEDS for bug in BUGS)


def test_a_bug_is_gone_when_its_test_is_over() -> None:
    bug = BUGS[0]
    with planted(bug):
        assert run_seed(bug.seed).violations
    assert not run_seed(bug.seed).violations


def test_the_documents_list_every_bug_with_the_law_that_caught_it() -> None:
    text = _DOCS.read_text(encoding="utf-8")
    assert text.partition(_BEGIN)[2].partition(_END)[0] == table(), (
        "write it anew: python -m tests.orchestrator.simulate.planted"
    )
