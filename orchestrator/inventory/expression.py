"""A pattern such as `web*:!web3` or `prod:&region=eu,tier!=front` is a list of terms, each with its column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.documents.problems import Flaw, shown
from tasks.errors import BadDocument, Problem

MAX_LENGTH = 4096
MAX_TERMS = 100

#: how messages call the text they point into
SOURCE = "pattern"

_COMPARISON = re.compile(r"([^=!]+)(!?=)([^=!]+)")


class SelectionError(BadDocument):
    """A pattern cannot be used, or chooses nothing; every problem of it is listed (exit code 2)."""


class Op(StrEnum):
    """What a term does to the choice; the order of terms does not matter."""

    #: these hosts too
    ADD = ""
    #: only those that are also these
    KEEP = "&"
    #: none of these
    DROP = "!"


class Kind(StrEnum):
    """How a term names hosts."""

    #: the word all
    ALL = "all"
    #: a host, a group, a glob or a range of names
    NAME = "name"
    #: ~regex over host names
    REGEX = "regex"
    #: @file with one host name per line
    FILE = "file"
    #: key=value,key!=value
    LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One part of a pattern."""

    op: Op
    kind: Kind
    #: without the sign of the operation and without ~ or @
    text: str
    #: 1-based, in the pattern
    column: int

    def flawed(self, flaw: Flaw) -> Problem:
        """Give the problem that the flaw is at this term."""
        return problem(self.column, flaw.what, flaw.fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One label condition."""

    key: str
    value: str
    #: whether it must be equal; otherwise it must differ or be absent
    equal: bool


def problem(column: int, what: str, fix: str) -> Problem:
    """Give a problem at a column of the pattern."""
    return Problem(file=SOURCE, line=1, column=column, what=what, fix=fix)


def parse_expression(expression: str | None) -> tuple[Term, ...]:
    """Give the terms of a pattern; SelectionError lists everything wrong with its form."""
    if expression is None or not expression.strip():
        fix = "Write a pattern such as web*:!web3, region=eu, or all."
        raise SelectionError((problem(1, "no hosts are chosen: the pattern is empty", fix),))
    if len(expression) > MAX_LENGTH:
        what = f"the pattern has {len(expression)} characters, the limit is {MAX_LENGTH}"
        raise SelectionError((problem(1, what, "Put host names in a file and use @FILE."),))
    odd = next((index for index, char in enumerate(expression) if not char.isprintable()), None)
    if odd is not None:
        what = f"the pattern holds the control character U+{ord(expression[odd]):04X}"
        raise SelectionError((problem(odd + 1, what, "Remove it."),))
    return _terms(expression)


def comparisons(term: Term) -> Iterator[Comparison]:
    """Give the conditions of a label term; Flaw when one is malformed."""
    for part in term.text.split(","):
        found = _COMPARISON.fullmatch(part.strip())
        if not found:
            raise Flaw(
                f"{shown(part)} is not a label condition",
                "Write key=value or key!=value, joined by ',' for and.",
            )
        if "*" in found[3] or "?" in found[3]:
            raise Flaw(
                f"{shown(part)} has a wildcard, but labels are compared exactly", "Write the whole value."
            )
        yield Comparison(key=found[1].strip(), value=found[3].strip(), equal=found[2] == "=")


def _terms(expression: str) -> tuple[Term, ...]:
    terms: list[Term] = []
    problems: list[Problem] = []
    for column, text in _split(expression):
        try:
            terms.append(_term(column, text))
        except Flaw as flaw:
            problems.append(problem(column, flaw.what, flaw.fix))
    if len(terms) > MAX_TERMS:
        what = f"the pattern has {len(terms)} terms, the limit is {MAX_TERMS}"
        problems = [
            problem(terms[MAX_TERMS].column, what, "Use a group, or put host names in a file and use @FILE.")
        ]
    if not problems and all(term.op is not Op.ADD for term in terms):
        what = f"the pattern {shown(expression)} only takes hosts away"
        problems.append(problem(1, what, f"Say from what: all:{expression.strip()[:80]}"))
    if problems:
        raise SelectionError(tuple(problems[:50]))
    return tuple(terms)


def _split(expression: str) -> Iterator[tuple[int, str]]:
    """Give the texts between colons and their columns; a colon in brackets belongs to a range."""
    start, depth = 0, 0
    for index, char in enumerate(expression + ":"):
        if char in "[]":
            depth = 1 if char == "[" else 0
        at_end = index == len(expression)
        if char == ":" and (not depth or at_end):
            text = expression[start:index]
            yield start + 1 + len(text) - len(text.lstrip()), text.strip()
            start = index + 1


def _term(column: int, text: str) -> Term:
    op = Op(text[0]) if text[:1] in ("!", "&") else Op.ADD
    body = text.removeprefix(op.value).strip()
    if not body:
        raise Flaw(
            f"a term is empty after {shown(op.value)}" if op.value else "a term is empty", "Remove the colon."
        )
    if body[0] in "!&":
        raise Flaw(f"{shown(text)} has two signs", "Use one of ! and &.")
    kind, rest = _kind(body)
    if kind in (Kind.NAME, Kind.ALL):
        if any(char.isspace() for char in rest):
            raise Flaw(f"{shown(text)} contains a space", "Join terms by ':', as in web:db.")
        if "," in rest:
            raise Flaw(
                f"{shown(text)} joins names by ','", "Join names by ':', as in web:db; ',' joins labels only."
            )
    if not rest:
        raise Flaw(f"{shown(text)} names nothing", "Write a file after @, an expression after ~.")
    return Term(op=op, kind=kind, text=rest, column=column)


def _kind(body: str) -> tuple[Kind, str]:
    if body[0] == "~":
        return Kind.REGEX, body[1:]
    if body[0] == "@":
        return Kind.FILE, body[1:]
    if "=" in body:
        return Kind.LABELS, body
    return (Kind.ALL if body == "all" else Kind.NAME), body
