"""Counts, sizes and names as people read them."""

from __future__ import annotations

import pytest

from orchestrator.campaign.wording import names, ordinal, plural, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (112, "112th"),
    ],
)
def test_ordinals(number: int, text: str) -> None:
    assert ordinal(number) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (1_900_000_000, "1.9 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts")])
def test_one_is_no_plural(count: int, text: str) -> None:
    assert plural(count, "host") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "web-1"),
        (5, "web-1, web-2, web-3, web-4, web-5"),
        (7, "web-1, web-2, web-3, web-4, web-5 and 2 more"),
    ],
)
def test_of_many_names_a_few_are_told_and_how_many_more(count: int, text: str) -> None:
    assert names(f"web-{number}" for number in range(1, count + 1)) == text


def test_a_line_may_be_made_for_more_names() -> None:
    assert names("abcdefg", most=6) == "a, b, c, d, e, f and 1 more"
