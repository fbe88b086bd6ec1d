"""A file is clean UTF-8 text: regular, not huge, without characters that hide or forge others."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from orchestrator.documents.genre import Genre
from orchestrator.documents.problems import Place, Problems

#: larger files are refused unread; 20,000 hosts written out one by one fit in
MAX_BYTES = 1 << 20

_WRONG_START = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\xef\xbb\xbf", "UTF-8 with a byte-order mark"),
)
#: control, invisible and text-direction characters, and a carriage return that ends no line
_ODD = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]"
    "|\r(?!\n)"
)


def read_text(path: Path, genre: Genre, problems: Problems) -> str | None:
    """Give the file's text, or None with the reasons added to `problems`."""
    whole = Place(file=str(path))
    data = _read(path, whole, genre, problems)
    return None if data is None else _decode(data, whole, problems)


def at(whole: Place, line: int, column: int) -> Place:
    """Give the place of a 0-based line and column."""
    return Place(file=whole.file, line=line + 1, column=column + 1)


def _read(path: Path, whole: Place, genre: Genre, problems: Problems) -> bytes | None:
    """Read a regular file up to the limit; never a device, a pipe or a directory."""
    try:
        # O_NONBLOCK: opening a pipe nobody writes to must not hang
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                problems.add(whole, "this is not a regular file", genre.name_a_file)
                return None
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problems.add(whole, f"the file cannot be read: {reason}", "Check the path and its permissions.")
        return None
    if len(data) > MAX_BYTES:
        problems.add(whole, f"the file is larger than {MAX_BYTES} bytes", genre.too_large)
        return None
    return data


def _decode(data: bytes, whole: Place, problems: Problems) -> str | None:
    for start, name in _WRONG_START:
        if data.startswith(start):
            problems.add(
                at(whole, 0, 0), f"the file is {name}", "Save it as UTF-8 without a byte-order mark."
            )
            return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        place = _spot(whole, before, len(before))
        problems.add(place, f"byte 0x{data[error.start]:02x} is not UTF-8", "Save the file as UTF-8.")
        return None
    odd = list(_ODD.finditer(text))
    for found in odd[:100]:
        problems.add(_spot(whole, text, found.start()), *_odd_character(found[0]))
    return None if odd else text


def _odd_character(char: str) -> tuple[str, str]:
    match char:
        case "\t":
            return "there is a tab, which YAML does not take for indentation", "Replace it by spaces."
        case "\0":
            return "there is a NUL byte", "Save the file as UTF-8 text; UTF-16 looks like this."
        case "\r":
            return "a carriage return stands without a line feed", "End lines with LF or CR LF."
        case _:
            return f"there is an invisible or control character U+{ord(char):04X}", "Remove it."


def _spot(whole: Place, text: str, index: int) -> Place:
    line_start = text.rfind("\n", 0, index) + 1
    return at(whole, text.count("\n", 0, index), index - line_start)
