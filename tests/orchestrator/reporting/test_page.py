"""The page: self-contained, harmless whatever hosts say, readable without colours."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from orchestrator.campaign.states import HostState
from orchestrator.reporting.hosts import STEPS_OF
from orchestrator.reporting.marks import fill_of, ink_on, luminance
from orchestrator.reporting.page import page
from orchestrator.reporting.timeline import BARS, ROWS, Scale, bars_of, timeline
from orchestrator.screens.glyphs import CAMPAIGN_MARKS, HOST_MARKS
from orchestrator.screens.viewing import campaign_view
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.reporting.samples import HEAD, ended, of_many, record, running
from tests.orchestrator.screens.test_report import campaign
from tests.orchestrator.screens.test_sanitize import is_visible
from tests.orchestrator.scripted import NOON


class Seen(HTMLParser):
    """What a browser would find: elements with their attributes, and the text outside the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.style += data
        else:
            self.text += data


def test_the_page_tells_who_what_when_why_and_where_the_log_stood() -> None:
    text = Seen(page(record(ended()))).text
    for words in (
        "disk.cleanup",
        "c7h2k4m9p",
        "✖ halted",
        "6 of 6 hosts finished, 6:00 in all",
        "↩ 1 rolled back",
        "2026-11-24 12:06:00 UTC",
        "wave 2: ↩ 1 rolled back, ✔ 1 succeeded",
        "stopped 12:05:00",
        "dockwave logs c7h2k4m9p web-3",
        "attempt 1 (apply, epoch 1) by gw-default-1@here: failed",
        "E_VERIFY_FAILED: 1.1 GB freed",
        "next: 1.1 GB freed",
        f"dockwave audit verify --head {HEAD}",
    ):
        assert words in text, words


def test_every_host_has_a_row_with_glyph_and_word() -> None:
    found = ended()
    text = Seen(page(record(found))).text
    for run in found.runs:
        mark = HOST_MARKS[run.state]
        assert f"{run.host.name}{mark.glyph} {mark.word}" in text


def test_the_page_fetches_nothing_and_allows_only_its_own_style_sheet() -> None:
    seen = Seen(page(record(ended())))
    policies = [
        attributes["content"]
        for tag, attributes in seen.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(seen.style.encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]
    assert "url(" not in seen.style
    assert "@import" not in seen.style
    outside = {"script", "link", "img", "iframe", "object", "a", "form", "base", "image", "use"}
    assert {tag for tag, _ in seen.elements}.isdisjoint(outside)
    reaching = {"href", "src", "style", "xlink:href"}
    for tag, attributes in seen.elements:
        assert reaching.isdisjoint(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag


@pytest.fixture(scope="module")
def harmless() -> list[str]:
    """The elements of a page nobody tampered with."""
    return [tag for tag, _ in Seen(page(record(ended("harmless")))).elements]


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_hostile_text_adds_no_element_and_no_hidden_character(
    harmless: list[str], name: str, text: str
) -> None:
    hostile = page(record(ended(text)))
    seen = Seen(hostile)
    assert [tag for tag, _ in seen.elements] == harmless, name
    assert all(is_visible(character) or character == "\n" for character in seen.text), name
    assert len(hostile) < 1_000_000


def test_a_campaign_that_goes_on_says_so_and_one_that_never_started_has_no_timeline() -> None:
    assert "it goes on, this is how it was at 2026-11-24 12:09:00 UTC" in Seen(page(record(running()))).text
    assert "No host was started." in Seen(page(record(campaign()))).text


def test_of_many_hosts_only_those_that_did_not_end_well_show_their_steps() -> None:
    hosts = STEPS_OF + 10
    seen = Seen(page(record(of_many(hosts))))
    assert [tag for tag, _ in seen.elements].count("details") == hosts // 10
    assert f"more than {STEPS_OF} hosts took part" in seen.text


def test_a_mark_is_read_on_its_fill() -> None:
    for mark in (*HOST_MARKS.values(), *CAMPAIGN_MARKS.values()):
        fill = fill_of(mark)
        light, dark = sorted((luminance(fill), luminance(ink_on(fill))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, mark
        assert f".f-{fill.removeprefix('#')} {{" in Seen(page(record(ended()))).style


def test_a_wave_of_many_hosts_has_a_bar_per_state_and_the_picture_a_bounded_number_of_rows() -> None:
    view = campaign_view(of_many(10 * BARS), NOON)
    until = NOON + timedelta(minutes=5)
    last = max(view.waves, key=lambda wave: len(wave.hosts))
    assert len(bars_of(last, until)) == 2
    assert sum(len(bars_of(wave, until)) for wave in view.waves) >= len(view.waves)
    many = of_many(ROWS + 5)
    single = replace(many, runs=tuple(replace(run, wave=n) for n, run in enumerate(many.runs, 1)))
    picture = timeline(campaign_view(single, NOON), until)
    assert picture is not None
    texts = [found.text or "" for found in picture.iter("text")]
    assert "5 more waves: see the table of hosts" in texts
    assert len([text for text in texts if re.match(r"wave \d+:", text)]) == ROWS


def test_no_clock_of_a_host_draws_outside_the_picture() -> None:
    scale = Scale(since=NOON, seconds=60.0)
    at = [scale.x(NOON + timedelta(seconds=seconds)) for seconds in (-1e6, 0, 30, 60, 1e6)]
    assert at == sorted(at)
    assert (at[0], at[-1]) == (at[1], at[3])


def test_a_host_left_in_no_wave_is_counted_without_a_bar() -> None:
    planned = ended()
    left = replace(planned.runs[5], wave=0, state=HostState.SKIPPED, started_at=None)
    text = Seen(page(record(replace(planned, runs=(*planned.runs[:5], left))))).text
    assert "in no wave: - 1 skipped" in text
