"""The small regular expressions agree with Python's on host names, and never take long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.documents.problems import Flaw
from orchestrator.inventory.name_regex import NameRegex

NAMES = st.text(alphabet="ab1.-", min_size=0, max_size=8)
LEAVES = st.sampled_from(["a", "b", "1", ".", "\\.", "\\d", "\\w", "\\D", "[ab]", "[^a]", "[a-b1]", "-", "B"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{1,3}", "{0,2}"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, repeats).map(lambda pair: f"({pair[0]}){pair[1]}"),
    )


@given(st.recursive(LEAVES, _grow, max_leaves=6), st.booleans(), NAMES)
@settings(max_examples=500, deadline=None)
def test_it_agrees_with_pythons_engine(pattern: str, to_end: bool, name: str) -> None:
    whole = f"({pattern})$" if to_end else pattern

    assert NameRegex(whole).match(name) == bool(re.match(whole.replace("$", "\\Z"), name, re.IGNORECASE))


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b$", "(a*a*a*a*)*b", "(.*.*.*.*)*x", "((a{1,9}){1,9})b"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.process_time()

    assert not NameRegex(pattern).match("a" * 253)

    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    "pattern",
    ["", "(", ")", "a)", "[", "[a", "a**", "*a", "a{2", "a{3,1}", "a{0}", "a{,3}", "\\", "\\b", "(?i)a", "(?=a)", "()",
     "a|", "|a", "(a|)", "^a", "a$b", "[b-a]", "((((a{99}){99}){99}){99})", "(" * 30 + "a" + ")" * 30, "x" * 201],
)  # fmt: skip
def test_what_the_dialect_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(Flaw) as caught:
        NameRegex(pattern)

    assert caught.value.fix
    assert len(caught.value.what) < 300
