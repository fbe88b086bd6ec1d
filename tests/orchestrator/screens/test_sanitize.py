"""Nothing a host says can move a cursor, hide or forge text, or be taken for markup."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.screens.sanitize import clean, clean_json, clean_lines, plain
from tests.orchestrator.hostile import HOSTILE

#: text that is rich in what terminals obey
_text = st.text(
    st.characters() | st.sampled_from("\x1b\x9b\x9d\x07\x9c[];0mKHJ\\\r\n\b\u202e\u200b"), max_size=200
)


def is_visible(character: str) -> bool:
    """Whether a character only ever shows itself."""
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(_text)
def test_a_cleaned_line_holds_only_plainly_visible_characters(text: str) -> None:
    assert all(map(is_visible, clean(text)))


@given(_text)
def test_cleaned_lines_hold_nothing_else_but_line_ends(text: str) -> None:
    assert all(is_visible(character) or character == "\n" for character in clean_lines(text))


@given(_text)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100))
def test_plain_text_comes_through_unchanged(text: str) -> None:
    assert clean(text) == text


@given(_text)
def test_a_screen_shows_no_escape_whatever_the_text_says(text: str) -> None:
    console = Console(width=80, force_terminal=True, color_system="truecolor", record=False, file=None)
    with console.capture() as captured:
        console.print(plain(text), end="", soft_wrap=True)
    assert "\x1b" not in captured.get()


@pytest.mark.parametrize("text", [text for _, text in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_the_corpus_is_shown_and_never_obeyed(text: str) -> None:
    started = time.monotonic()
    shown = clean(text)
    assert all(map(is_visible, shown))
    assert len(shown) <= 500
    assert time.monotonic() - started < 1.0
    assert "pwned" not in shown, "the payload of a title is not text"


def test_markup_is_shown_as_it_was_typed() -> None:
    assert plain("[bold red]x[/bold red]").plain == "[bold red]x[/bold red]"


def test_a_carriage_return_cannot_overwrite_what_was_said() -> None:
    assert clean("failed\rOK    ") == "failed OK"


def test_a_long_text_says_how_much_is_left_out() -> None:
    assert clean_lines("x" * 20, limit=10) == "xxxxxxxxxx… (10 more characters)"


def test_lone_surrogates_cannot_break_json_output() -> None:
    cleaned = clean_json({"a\ud800": ["b\udfff", 1, None]})
    assert cleaned == {"a?": ["b?", 1, None]}
