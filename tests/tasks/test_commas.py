"""A list may be typed as one text with commas; whatever else is given is left to be checked."""

from __future__ import annotations

import pytest

from tasks.commas import split


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("a", ["a"]),
        (" a, b ,,c,", ["a", "b", "c"]),
        ("", []),
        (["a,b"], ["a,b"]),
        (None, None),
        (7, 7),
    ],
)
def test_only_a_text_is_taken_apart(given: object, taken: object) -> None:
    assert split(given) == taken
