"""A YAML file becomes nodes that know their line and column; what YAML can do beyond plain data is refused.

Anchors, aliases, tags, directives and second documents have no use in our files and have all been used for attacks, so
they are refused while reading: an alias bomb costs nothing because no alias is ever followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestrator.documents.genre import Genre
from orchestrator.documents.problems import Place, Problems, shown
from orchestrator.documents.source import at, read_text

MAX_DEPTH = 12

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Text(str):
    """A scalar of the file: its text, its place, and whether it stands there without quotes."""

    __slots__ = ("place", "plain")

    place: Place
    plain: bool

    @classmethod
    def at(cls, text: str, place: Place, *, plain: bool) -> Text:
        """Make a text that knows where it stands."""
        made = cls(text)
        made.place = place
        made.plain = plain
        return made

    @property
    def is_null(self) -> bool:
        """Whether YAML reads this as no value at all."""
        return self.plain and str.__str__(self) in _NULLS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A sequence of the file."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping of the file; keys are unique."""

    entries: dict[Text, Node]
    #: each key as it stands in the file, found by its text
    keys: dict[str, Text]
    #: the first key of each spelling without regard to case, found by its lower-case text
    folded: dict[str, Text]
    place: Place


Node: TypeAlias = "Text | ListNode | MapNode"


class _GiveUpError(Exception):
    """The rest of the file is not worth reading; the reason has been noted."""


def read_document(path: Path, genre: Genre, problems: Problems) -> MapNode | None:
    """Give the file's top mapping, or None when there is none; what is wrong is added to `problems`."""
    whole = Place(file=str(path))
    text = read_text(path, genre, problems)
    if text is None:
        return None
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        problems.add(whole, "the file is empty", genre.begin)
        return None
    node = parse_text(text, whole, genre, problems)
    if node is None or isinstance(node, MapNode):
        return node
    kind = "a list" if isinstance(node, ListNode) else "a single value"
    problems.add(node.place, f"the file holds {kind} instead of a mapping", genre.begin)
    return None


def parse_text(text: str, whole: Place, genre: Genre, problems: Problems) -> Node | None:
    """Give the node a text stands for, or None with the reasons added to `problems`."""
    reader = _Reader(YAML(typ="safe", pure=True).parse(text), whole, genre, problems)
    try:
        return reader.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = at(whole, mark.line, mark.column) if mark else whole
        sentence = " ".join(part for part in (error.problem, error.context) if part)
        problems.add(place, f"this is not YAML: {sentence}", _syntax_fix(text, place, genre))
    except (YAMLError, ValueError, OverflowError) as error:  # an escape such as "\\U00110000" ends in chr()
        problems.add(whole, f"this is not YAML: {shown(str(error), 120)}", "Check quotes and escapes.")
    except _GiveUpError:
        return None  # the reason is in `problems` already
    return None


def _syntax_fix(text: str, place: Place, genre: Genre) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    if genre.range_in_quotes and re.search(r"[\w-]\[\w+:\w+\]", line):
        return genre.range_in_quotes
    return "Check indentation, quotes and brackets on this line and the one before."


class _Reader:
    """Turns parser events into nodes; the parser is lazy, so giving up early costs nothing."""

    def __init__(self, events: Iterator[Any], whole: Place, genre: Genre, problems: Problems) -> None:
        self._events = events
        self._whole = whole
        self._genre = genre
        self._problems = problems

    def document(self) -> Node | None:
        """Give the one document's node."""
        root: Node | None = None
        seen = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                seen += 1
                self._refuse_document(event, seen)
            elif isinstance(event, NodeEvent):
                root = self._node(event, depth=0)
        return root

    def _refuse_document(self, event: DocumentStartEvent, seen: int) -> None:
        if event.version or event.tags:
            self._add(event, "there is a %YAML or %TAG directive", "Remove it.")
        if seen > 1:
            self._add(event, "a second document begins", self._genre.one_document)
            raise _GiveUpError

    def _add(self, event: Any, what: str, fix: str) -> None:
        self._problems.add(self._place(event), what, fix)
        if self._problems.full:
            raise _GiveUpError

    def _place(self, event: Any) -> Place:
        return at(self._whole, event.start_mark.line, event.start_mark.column)

    def _node(self, event: Any, depth: int) -> Node | None:
        """Give the node that begins with this event; None when it is one of the refused kinds."""
        if isinstance(event, AliasEvent):
            self._add(event, f"there is an alias {shown('*' + event.anchor)}", self._genre.alias)
            return None
        if event.anchor:
            self._add(event, f"there is an anchor {shown('&' + event.anchor)}", self._genre.anchor)
        if event.tag:
            self._add(
                event, f"there is a tag {shown(str(event.tag))}", "Remove it; put text in quotes if needed."
            )
        if depth > MAX_DEPTH:
            self._add(event, f"values are nested deeper than {MAX_DEPTH} levels", self._genre.too_deep)
            raise _GiveUpError
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        return self._text(event)

    def _text(self, event: ScalarEvent) -> Text:
        return Text.at(event.value, self._place(event), plain=event.style is None)

    def _sequence(self, event: SequenceStartEvent, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(inner := next(self._events), SequenceEndEvent):
            node = self._node(inner, depth + 1)
            if node is not None:
                items.append(node)
        return ListNode(items=tuple(items), place=self._place(event))

    def _mapping(self, event: MappingStartEvent, depth: int) -> MapNode:
        entries: dict[Text, Node] = {}
        keys: dict[str, Text] = {}
        folded: dict[str, Text] = {}
        while not isinstance(inner := next(self._events), MappingEndEvent):
            key = self._key(inner, depth, keys)
            value = self._node(next(self._events), depth + 1)
            if key is None or value is None:
                continue
            if isinstance(value, Text) and value.plain and not value:
                # the parser sees a missing value at the next token, which is another line
                value = Text.at("", key.place, plain=True)
            entries[key] = value
            keys[key] = key
            folded.setdefault(key.lower(), key)
        return MapNode(entries=entries, keys=keys, folded=folded, place=self._place(event))

    def _key(self, event: Any, depth: int, keys: dict[str, Text]) -> Text | None:
        """Give the key that begins with this event; None when it is no text or was there before."""
        key = self._node(event, depth + 1)
        if key is None:
            return None
        if not isinstance(key, Text) or key.is_null:
            self._add(event, "a key is not a text", "Write keys as plain words followed by ':'.")
            return None
        if key in keys:
            what = f"the key {shown(key)} is there twice, first on line {keys[key].place.line}"
            self._add(event, what, "Keep one of the two.")
            return None
        return key
