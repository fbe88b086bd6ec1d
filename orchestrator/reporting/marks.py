"""A state on a page: its glyph and its word on a fill, never the fill alone."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from orchestrator.reporting.markup import node
from orchestrator.screens.glyphs import CAMPAIGN_MARKS, HOST_MARKS, Mark

#: of marks that are only dimmed on a terminal
_DIM = "#d0d7de"


def fill_of(mark: Mark) -> str:
    """The colour behind a mark, as the terminal has it."""
    found = re.findall(r"#[0-9a-f]{6}", mark.style)
    return found[-1] if found else _DIM


def class_of(mark: Mark) -> str:
    """Its class in the style sheet: inline styles are forbidden by the page itself."""
    return f"f-{fill_of(mark).removeprefix('#')}"


def badge(mark: Mark, word: str = "") -> Element:
    """Glyph and word on the fill; screen readers read the word only."""
    glyph = node("span", {"aria-hidden": "true"}, mark.glyph)
    return node("span", {"class": f"badge {class_of(mark)}"}, glyph, f" {word or mark.word}")


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(fill: str) -> str:
    """Black or white, whichever is read better on that fill."""
    light = luminance(fill)
    return "#000000" if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) else "#ffffff"


def rules() -> str:
    """The part of the style sheet that colours marks, and bars of the timeline."""
    fills = sorted({fill_of(mark) for mark in (*HOST_MARKS.values(), *CAMPAIGN_MARKS.values())} | {_DIM})
    return "\n".join(
        f".f-{fill.removeprefix('#')} {{ background: {fill}; color: {ink_on(fill)}; fill: {fill}; }}"
        for fill in fills
    )
