"""A YAML file becomes nodes that know their line and column; what YAML can do beyond plain data is refused.

Anchors, aliases, tags, directives and second documents have no use in an inventory and have all been used for attacks,
so they are refused while reading: an alias bomb costs nothing because no alias is ever followed.
"""

from __future__ import annotations

import os
import re
import stat
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

from orchestrator.inventory.problems import Place, Problems, shown

#: larger files are refused unread; 20,000 hosts written out one by one fit in
MAX_BYTES = 1 << 20
MAX_DEPTH = 12

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
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


def read_document(path: Path, problems: Problems) -> MapNode | None:
    """Give the file's top mapping, or None when there is none; what is wrong is added to `problems`."""
    whole = Place(file=str(path))
    data = _read(path, whole, problems)
    text = None if data is None else _decode(data, whole, problems)
    if text is None:
        return None
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        problems.add(whole, "the file is empty", "Begin with 'version: 1', then groups and hosts.")
        return None
    node = _parse(text, whole, problems)
    if node is None or isinstance(node, MapNode):
        return node
    kind = "a list" if isinstance(node, ListNode) else "a single value"
    problems.add(node.place, f"the file holds {kind} instead of a mapping", "Begin with 'version: 1'.")
    return None


def _read(path: Path, whole: Place, problems: Problems) -> bytes | None:
    """Read a regular file up to the limit; never a device, a pipe or a directory."""
    try:
        # O_NONBLOCK: opening a pipe nobody writes to must not hang
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                problems.add(whole, "this is not a regular file", "Name an inventory file in YAML.")
                return None
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problems.add(whole, f"the file cannot be read: {reason}", "Check the path and its permissions.")
        return None
    if len(data) > MAX_BYTES:
        problems.add(
            whole,
            f"the file is larger than {MAX_BYTES} bytes",
            "Use ranges such as web-[001:300], or split it.",
        )
        return None
    return data


def _decode(data: bytes, whole: Place, problems: Problems) -> str | None:
    for start, name in _WRONG_START:
        if data.startswith(start):
            problems.add(
                _at(whole, 0, 0), f"the file is {name}", "Save it as UTF-8 without a byte-order mark."
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
    return _at(whole, text.count("\n", 0, index), index - line_start)


def _at(whole: Place, line: int, column: int) -> Place:
    return Place(file=whole.file, line=line + 1, column=column + 1)


def _parse(text: str, whole: Place, problems: Problems) -> Node | None:
    reader = _Reader(YAML(typ="safe", pure=True).parse(text), whole, problems)
    try:
        return reader.document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _at(whole, mark.line, mark.column) if mark else whole
        sentence = " ".join(part for part in (error.problem, error.context) if part)
        problems.add(place, f"this is not YAML: {sentence}", _syntax_fix(text, place))
    except (YAMLError, ValueError, OverflowError) as error:  # an escape such as "\\U00110000" ends in chr()
        problems.add(whole, f"this is not YAML: {shown(str(error), 120)}", "Check quotes and escapes.")
    except _GiveUpError:
        return None  # the reason is in `problems` already
    return None


def _syntax_fix(text: str, place: Place) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    if re.search(r"[\w-]\[\w+:\w+\]", line):
        return 'Put names with ranges in quotes: "web-[001:300]".'
    return "Check indentation, quotes and brackets on this line and the one before."


class _Reader:
    """Turns parser events into nodes; the parser is lazy, so giving up early costs nothing."""

    def __init__(self, events: Iterator[Any], whole: Place, problems: Problems) -> None:
        self._events = events
        self._whole = whole
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
            self._add(
                event, "a second document begins", "Keep one document per file; pass several -i instead."
            )
            raise _GiveUpError

    def _add(self, event: Any, what: str, fix: str) -> None:
        self._problems.add(self._place(event), what, fix)
        if self._problems.full:
            raise _GiveUpError

    def _place(self, event: Any) -> Place:
        return _at(self._whole, event.start_mark.line, event.start_mark.column)

    def _node(self, event: Any, depth: int) -> Node | None:
        """Give the node that begins with this event; None when it is one of the refused kinds."""
        if isinstance(event, AliasEvent):
            self._add(
                event,
                f"there is an alias {shown('*' + event.anchor)}",
                "Write the value out, or use a group.",
            )
            return None
        if event.anchor:
            self._add(
                event,
                f"there is an anchor {shown('&' + event.anchor)}",
                "Remove it; use a group for settings.",
            )
        if event.tag:
            self._add(
                event, f"there is a tag {shown(str(event.tag))}", "Remove it; put text in quotes if needed."
            )
        if depth > MAX_DEPTH:
            self._add(event, f"values are nested deeper than {MAX_DEPTH} levels", "An inventory needs five.")
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
