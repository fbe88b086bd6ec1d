"""A name with ranges stands for many names: web-[001:300] is web-001 to web-300."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.documents.problems import Flaw, shown

#: hosts one inventory may hold; the design size is 1,000, at 10,000 everything must still work
MAX_HOSTS = 20_000

#: digits a bound may have: int() of more is never a host count
_MAX_DIGITS = 9

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"([0-9]+):([0-9]+)", re.ASCII)
_LETTERS = re.compile(r"([a-z]):([a-z])", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """One pair of brackets: its first and last value, as numbers of a width or as letters."""

    first: int
    last: int
    #: digits to pad numbers to; 0 = letters
    width: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[str]:
        values = range(self.first, self.last + 1)
        return (self.show(value) for value in values)

    def show(self, value: int) -> str:
        """Give one value as it stands in a name."""
        return f"{value:0{self.width}d}" if self.width else chr(value)


def has_range(text: str) -> bool:
    """Whether the text holds brackets, and so stands for more than itself."""
    return "[" in text or "]" in text


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRange:
    """A name with ranges, unexpanded: cheap to hold however many names it stands for."""

    #: as written
    text: str
    #: the fixed texts around the spans, one more than spans
    texts: tuple[str, ...]
    spans: tuple[_Span, ...]

    def __len__(self) -> int:
        """How many names it stands for."""
        return math.prod(len(span) for span in self.spans)

    def __iter__(self) -> Iterator[str]:
        """Every name, in order."""
        choices: list[tuple[str, ...]] = [(self.texts[0],)]
        for span, text in zip(self.spans, self.texts[1:], strict=True):
            choices += [tuple(span), (text,)]
        return ("".join(parts) for parts in itertools.product(*choices))

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last name, without making those between."""
        return self._join([span.show(span.first) for span in self.spans]), self._join(
            [span.show(span.last) for span in self.spans]
        )

    def _join(self, chosen: list[str]) -> str:
        return self.texts[0] + "".join(a + b for a, b in zip(chosen, self.texts[1:], strict=True))


def parse_range(text: str) -> NameRange:
    """Give the range a text is, one name when it has no brackets; Flaw when malformed or too large."""
    pieces = _RANGE.split(text)  # text, range, text, range, ..., text
    if any(has_range(piece) for piece in pieces[::2]):
        raise Flaw(f"{shown(text)} has a bracket without its partner", "Write ranges as [001:300].")
    spans = tuple(_span(text, piece) for piece in pieces[1::2])
    made = NameRange(text=text, texts=tuple(pieces[::2]), spans=spans)
    if math.prod(len(span) for span in spans) > MAX_HOSTS:
        raise Flaw(
            f"{shown(text)} stands for more than {MAX_HOSTS} hosts, which is the limit",
            "Split the fleet into several inventories.",
        )
    return made


def _span(text: str, inside: str) -> _Span:
    if letters := _LETTERS.fullmatch(inside):
        span = _Span(first=ord(letters[1].lower()), last=ord(letters[2].lower()), width=0)
    elif numbers := _NUMBERS.fullmatch(inside):
        span = _numbers(text, numbers[1], numbers[2])
    else:
        raise Flaw(
            f"[{inside[:40]}] in {shown(text)} is not a range",
            "A range is two numbers or two letters, as in [001:300] or [a:f]; there is no step.",
        )
    if span.first > span.last:
        raise Flaw(f"[{inside}] in {shown(text)} runs backwards", "Write the smaller value first.")
    return span


def _numbers(text: str, first: str, last: str) -> _Span:
    if max(len(first), len(last)) > _MAX_DIGITS:
        raise Flaw(f"a bound of {shown(text)} has more than {_MAX_DIGITS} digits", "Use smaller numbers.")
    padded = any(len(bound) > 1 and bound.startswith("0") for bound in (first, last))
    if padded and len(first) != len(last):
        raise Flaw(
            f"[{first}:{last}] in {shown(text)} is padded with zeros on one side only",
            f"Write both bounds with {max(len(first), len(last))} digits.",
        )
    return _Span(first=int(first), last=int(last), width=len(first) if padded else 1)
