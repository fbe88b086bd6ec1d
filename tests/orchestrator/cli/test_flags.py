"""Durations and parameters read as people write them, and only so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.durations import LONGEST_S, words
from orchestrator.cli.flags import duration, settings_of
from tasks import catalog
from tasks.errors import BadInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2d", 172_800),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert duration("--monitor", text) == seconds


@given(st.text(max_size=12))
def test_any_other_text_is_refused_with_the_flag_and_an_example(text: str) -> None:
    refused: BadInput | None = None
    try:
        assert 0 <= duration("--monitor", text) <= LONGEST_S
    except BadInput as error:
        refused = error
    assert refused is None or ("--monitor" in refused.message and refused.hint)


@given(st.integers(1, LONGEST_S))
def test_words_and_seconds_mean_the_same(seconds: int) -> None:
    assert duration("--delay", words(seconds)) == seconds


SCHEMA: dict[str, Any] = {
    "properties": {
        "names": {"type": "array"},
        "maybe_names": {"anyOf": [{"type": "array"}, {"type": "null"}]},
        "version": {"type": "string"},
        "maybe_text": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "count": {"type": "integer"},
        "flag": {"type": "boolean"},
        "text_or_number": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    }
}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("names=a,b", ["a", "b"]),
        ("names=a", ["a"]),
        ('names=["a","b,c"]', ["a", "b,c"]),
        ("names=", []),
        ("maybe_names=null", None),
        ("version=26.1", "26.1"),
        ("version=1e3", "1e3"),
        ("version=null", "null"),
        ('version="26.1"', "26.1"),
        ("version=a=b", "a=b"),
        ("maybe_text=null", None),
        ("maybe_text=5", "5"),
        ("count=5", 5),
        ("count=five", "five"),
        ("flag=true", True),
        ("text_or_number=5", 5),
        ("unknown=[1, 2]", [1, 2]),
        ("unknown=NaN", "NaN"),
    ],
)
def test_a_parameter_is_typed_by_its_schema(pair: str, value: Any) -> None:
    assert settings_of([pair], SCHEMA) == {pair.partition("=")[0]: value}


def test_lists_of_choices_reach_the_procedure() -> None:
    procedure = catalog.find("disk.cleanup")
    values = settings_of(["targets=containers,networks"], procedure.params_type.model_json_schema())
    assert len(catalog.parse_params(procedure, values).model_dump()["targets"]) == 2
