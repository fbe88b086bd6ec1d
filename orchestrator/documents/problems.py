"""Everything wrong in files is collected with its place and told in one go."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.errors import BadDocument, Problem

#: more than these are counted, not listed: nobody mends fifty lines from one screen
MAX_LISTED = 50

#: where collecting stops for good, so that a hostile file cannot fill the memory
MAX_KEPT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A spot in a file; line and column count from 1, 0 means the file as a whole."""

    #: file as the person named it
    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Render as file:line:column, as editors understand it."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class Flaw(ValueError):
    """A value cannot be used; the caller knows the place and adds it."""

    def __init__(self, what: str, fix: str) -> None:
        """Keep what is wrong and how to mend it."""
        super().__init__(what)
        self.what = what
        self.fix = fix


class Problems:
    """A growing list of problems that becomes one error."""

    def __init__(self, files: Iterable[str] = (), *, error: type[BadDocument] = BadDocument) -> None:
        """Start with none; problems will be told in the order of `files`, as an `error`."""
        self._error = error
        self._found: dict[tuple[int, Problem], None] = {}
        self._files: dict[str, int] = {}
        for file in files:
            self._files.setdefault(file, len(self._files))

    def __len__(self) -> int:
        """How many there are so far."""
        return len(self._found)

    @property
    def full(self) -> bool:
        """Whether looking for more is pointless."""
        return len(self._found) >= MAX_KEPT

    def add(self, place: Place, what: str, fix: str) -> None:
        """Note one problem; the same one at the same place is noted once."""
        rank = self._files.setdefault(place.file, len(self._files))
        problem = Problem(file=place.file, line=place.line, column=place.column, what=what, fix=fix)
        if not self.full:
            self._found.setdefault((rank, problem))

    def raise_if_any(self) -> None:
        """Raise all of them as one error, or return when there is none."""
        if not self._found:
            return
        ordered = sorted(self._found, key=lambda item: (item[0], item[1].line, item[1].column))
        listed = [problem for _, problem in ordered]
        if len(listed) > MAX_LISTED:
            left_out = len(listed) - MAX_LISTED + 1
            what = f"there are {left_out} more problems" + (" at least" if self.full else "")
            del listed[MAX_LISTED - 1 :]
            listed.append(
                Problem(file="", line=0, column=0, what=what, fix="Mend these first and run it again.")
            )
        raise self._error(tuple(listed))


def shown(text: str, limit: int = 60) -> str:
    """Give a text in quotes, cut to `limit`, with everything a terminal would act upon escaped."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return '"' + "".join(ch if ch.isprintable() and ch != '"' else _escaped(ch) for ch in cut) + '"'


def _escaped(char: str) -> str:
    return '\\"' if char == '"' else char.encode("unicode_escape").decode("ascii")


def near(word: str, choices: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Give the choices that look most like `word`, best first."""
    if len(word) > 80:  # comparing is quadratic in length, and nobody mistypes a name of 80 letters
        return ()
    return tuple(difflib.get_close_matches(word.lower(), list(choices), n=count, cutoff=0.6))


def did_you_mean(word: str, choices: Iterable[str], otherwise: str) -> str:
    """Give a fix that names near choices, or `otherwise` when none is near."""
    found = near(word, choices)
    return f"Did you mean {' or '.join(found)}?" if found else otherwise
