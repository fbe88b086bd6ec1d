"""Text that came from a host, shown to a person: nothing in it can move a cursor, hide or forge other text.

Hosts, containers, labels and logs are hostile. Raw text is stored as it came; every sink that shows it (terminal,
table, SVG) passes it through here first. Colour codes are dropped with the rest: state is shown by us, not by them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from rich.text import Text

#: whole terminal sequences, payload included: OSC/DCS/SOS/PM/APC up to their end (or the end of the text), CSI, others
_SEQUENCES = re.compile(
    "(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|\x1b[ -/]*[0-~]?"
)

#: characters kept although their category is "format" or "control": none changes how others are read
_KEPT = frozenset("\n")


def _safe(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs" or character == "�":
        return "�"
    if category in {"Zl", "Zp"} or character in "\t\v\f\r":
        return " "
    if category in {"Cc", "Cf", "Co", "Cn"} and character not in _KEPT:
        return ""
    return character


def clean_lines(text: str, *, limit: int = 1_000_000) -> str:
    """The text with its line ends kept and everything that is not plainly visible gone; \\r\\n counts as \\n."""
    cut = text[:limit].replace("\r\n", "\n")
    kept = _SEQUENCES.sub("", cut)
    if not kept.isascii() or not kept.isprintable():
        kept = "".join(map(_safe, kept))
    return kept if len(text) <= limit else f"{kept}… ({len(text) - limit} more characters)"


def clean(text: object, *, limit: int = 500) -> str:
    """One line of plainly visible text, cut at `limit`; what every table cell and message shows."""
    raw = str(text)
    line = " ".join(clean_lines(raw[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def plain(text: object, style: str = "", *, limit: int = 500) -> Text:
    """A rich Text of hostile text: square brackets in it are brackets, never markup."""
    return Text(clean(text, limit=limit), style=style)


def clean_json(value: Any) -> Any:
    """The value unchanged but for lone surrogates, which no UTF-8 output can carry; JSON escapes the rest itself."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {clean_json(key): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value
