"""One option of a campaign file, given as KEY=VALUE on the command line: its value is YAML, its key a path."""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.documents.document import MapNode, Node, Text, parse_text
from orchestrator.documents.genre import Genre
from orchestrator.documents.problems import Place, Problems, shown

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,63}(?:\.[A-Za-z0-9_/-]{1,64}){0,4}", re.ASCII)

MAX_LENGTH = 10_000


def override(root: MapNode, option: str, genre: Genre, problems: Problems) -> MapNode:
    """Give the document with the option in it, over whatever it said before; problems are added."""
    key, equals, text = option.partition("=")
    place = Place(file=f"--option {key[:60]}")
    if not equals or not _KEY.fullmatch(key):
        problems.add(
            Place(file="--option"),
            f"{shown(option)} is not KEY=VALUE",
            "Write --option rollback.parallelism=2, or --option 'waves=[1, rest]'.",
        )
        return root
    if len(text) > MAX_LENGTH:
        problems.add(place, f"the value has {len(text)} characters; the limit is {MAX_LENGTH}", "Use a file.")
        return root
    value: Node | None = Text.at("", place, plain=True)
    if text.strip():
        value = parse_text(text, place, genre, problems)
    return root if value is None else put(root, key.split("."), value, place)


def put(root: MapNode, path: list[str], value: Node, place: Place) -> MapNode:
    """Give the mapping with a value at a path; mappings on the way are made where there are none."""
    first, *rest = path
    key = Text.at(first, place, plain=True)
    if rest:
        inner = root.entries.get(key)
        empty = MapNode(entries={}, keys={}, folded={}, place=place)
        value = put(inner if isinstance(inner, MapNode) else empty, rest, value, place)
    entries = {known: node for known, node in root.entries.items() if known != first}
    return replace(
        root,
        entries={**entries, key: value},
        keys={**root.keys, first: key},
        folded={**root.folded, first.lower(): key},
    )
