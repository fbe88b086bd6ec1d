"""Regular expressions over host names that match in linear time, whatever the expression.

Python's own engine tries possibilities one after the other, so `(a+)+b` can take for ever, and a pattern may come
from a plan file or an API body. Therefore a small dialect is compiled to an automaton that follows all possibilities
at once: letters, `.`, `[a-f0-9]`, `[^...]`, `\\d`, `\\w`, `\\D`, `\\W`, escaped punctuation, `( | )`, `*`, `+`, `?`,
`{m,n}`, and `$` at the end. Matching ignores case and, as in Ansible, begins at the start of a name but need not reach
its end.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from orchestrator.documents.problems import Flaw, shown

MAX_PATTERN = 200
MAX_DEPTH = 20

#: states after `{m,n}` is unrolled; a bound on memory and time
MAX_STATES = 500

#: remembered moves before starting over
MAX_MOVES = 10_000

_ALPHABET = string.ascii_lowercase + string.digits + "-._"
_CLASSES = {
    "d": frozenset(string.digits),
    "D": frozenset(_ALPHABET) - frozenset(string.digits),
    "w": frozenset(string.ascii_lowercase + string.digits + "_"),
    "W": frozenset("-."),
}
_SPECIAL = frozenset(r".[](){}*+?|^$\\")
_FIX = "Known: letters . [a-f] \\d \\w ( | ) * + ? {m,n} and $ at the end."

#: builds states that lead to the given next state, and gives their entry
_Part: TypeAlias = Callable[[int], int]


@dataclass(slots=True)
class _Automaton:
    """States that consume a character, and states that split for free."""

    #: state -> characters it consumes, or None for a split
    consumes: list[frozenset[str] | None] = field(default_factory=list)
    next_states: list[tuple[int, ...]] = field(default_factory=list)

    def add(self, consumes: frozenset[str] | None, *next_states: int) -> int:
        if len(self.consumes) >= MAX_STATES:
            raise Flaw("the regular expression is too large", "Use smaller numbers in {m,n}.")
        self.consumes.append(consumes)
        self.next_states.append(next_states)
        return len(self.consumes) - 1


class NameRegex:
    """A compiled expression; what a set of states does with a character is computed once and kept."""

    def __init__(self, pattern: str) -> None:
        """Compile; Flaw names what the dialect does not know."""
        if len(pattern) > MAX_PATTERN:
            raise Flaw(
                f"the regular expression is longer than {MAX_PATTERN} characters", "Use a label or a group."
            )
        self._automaton = _Automaton()
        self._final = self._automaton.add(frozenset())
        self._to_end = pattern.endswith("$") and not pattern.endswith("\\$")
        parser = _Parser(pattern[:-1] if self._to_end else pattern, self._automaton)
        self._start = self._closure({parser.whole()(self._final)})
        self._moves: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    @property
    def matches_empty(self) -> bool:
        """Whether it matches the empty text, and so every name."""
        return self._final in self._start

    def match(self, name: str) -> bool:
        """Whether a name begins with the expression, or is it where the expression ends in `$`."""
        states = self._start
        for char in name:
            if self._final in states and not self._to_end:
                return True
            if not states:
                return False
            states = self._move(states, char)
        return self._final in states

    def _move(self, states: frozenset[int], char: str) -> frozenset[int]:
        move = (states, char)
        if move not in self._moves:
            if len(self._moves) >= MAX_MOVES:
                self._moves.clear()
            consumes, follow = self._automaton.consumes, self._automaton.next_states
            reached = {follow[state][0] for state in states if char in (consumes[state] or ())}
            self._moves[move] = self._closure(reached)
        return self._moves[move]

    def _closure(self, states: set[int]) -> frozenset[int]:
        todo = list(states)
        while todo:
            state = todo.pop()
            if self._automaton.consumes[state] is None:
                fresh = set(self._automaton.next_states[state]) - states
                states |= fresh
                todo += fresh
        return frozenset(states)


class _Parser:
    """Recursive descent over the dialect; gives parts that build their states backwards from the next state."""

    def __init__(self, pattern: str, automaton: _Automaton) -> None:
        self._pattern = pattern
        self._automaton = automaton
        self._at = 0
        self._depth = 0

    def whole(self) -> _Part:
        part = self._choice()
        if self._at < len(self._pattern):
            raise self._flaw("has a ) without its (")
        return part

    def _flaw(self, what: str) -> Flaw:
        return Flaw(f"the regular expression {shown('~' + self._pattern)} {what}", _FIX)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise self._flaw("ends too early")
        self._at += 1
        return char

    def _choice(self) -> _Part:
        options = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence())
        if len(options) == 1:
            return options[0]
        return lambda following: self._automaton.add(None, *(option(following) for option in options))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        if not parts:  # nothing repeated a thousand times would cost time without costing states
            raise self._flaw("has an empty part")

        def build(following: int) -> int:
            for part in reversed(parts):
                following = part(following)
            return following

        return build

    def _repeated(self, atom: _Part) -> _Part:
        if self._peek() not in ("*", "+", "?", "{"):
            return atom
        least, most = self._count(self._take())
        if self._peek() in ("*", "+", "?", "{"):
            raise self._flaw("repeats a repetition")

        def build(following: int) -> int:
            if most is None:
                split = self._automaton.add(None, following)
                self._automaton.next_states[split] = (following, atom(split))
                following = split
            for _ in range((most or least) - least):
                following = self._automaton.add(None, following, atom(following))
            for _ in range(least):
                following = atom(following)
            return following

        return build

    def _count(self, sign: str) -> tuple[int, int | None]:
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        inside, closed, _ = self._pattern[self._at :].partition("}")
        least, comma, most = inside.partition(",")
        numbers_only = all(
            part.isascii() and part.isdigit() and len(part) <= 3 for part in (least, most or "0")
        )
        if not closed or not numbers_only:
            raise self._flaw("has a malformed {m,n}")
        self._at += len(inside) + 1
        low = int(least)
        high = low if not comma else (int(most) if most else None)
        if high is not None and (high < low or high == 0):
            raise self._flaw("has a {m,n} that runs backwards or is zero")
        return low, high

    def _atom(self) -> _Part:
        char = self._take()
        if char == "(":
            return self._group()
        allowed = self._characters(char)
        return lambda following: self._automaton.add(allowed, following)

    def _group(self) -> _Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._flaw(f"nests deeper than {MAX_DEPTH}")
        if self._peek() == "?":
            raise self._flaw("uses (?...), which this dialect does not know")
        part = self._choice()
        if self._take() != ")":
            raise self._flaw("has a ( without its )")
        self._depth -= 1
        return part

    def _characters(self, char: str) -> frozenset[str]:
        if char == ".":
            return frozenset(_ALPHABET)
        if char == "[":
            return self._bracket()
        if char == "\\":
            return self._escape()
        if char in _SPECIAL:
            raise self._flaw(f"has a {char} out of place")
        return frozenset(char.lower())

    def _escape(self) -> frozenset[str]:
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum():
            raise self._flaw(f"uses \\{char}, which this dialect does not know")
        return frozenset(char)

    def _bracket(self) -> frozenset[str]:
        negated = self._peek() == "^"
        self._at += negated
        found: set[str] = set()
        while (char := self._take()) != "]" or not found:
            low = self._escape() if char == "\\" else frozenset(char.lower())
            if (
                self._peek() == "-"
                and self._pattern[self._at + 1 : self._at + 2] not in ("]", "")
                and len(low) == 1
            ):
                self._at += 1
                low = self._between(next(iter(low)), self._take().lower())
            found |= low
        return frozenset(_ALPHABET) - found if negated else frozenset(found)

    def _between(self, low: str, high: str) -> frozenset[str]:
        if not (low.isascii() and high.isascii()) or ord(low) > ord(high):
            raise self._flaw(f"has a range {low}-{high} that runs backwards")
        return frozenset(chr(code).lower() for code in range(ord(low), ord(high) + 1))
