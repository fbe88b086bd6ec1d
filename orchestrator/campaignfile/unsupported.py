"""Options whose meaning is settled and which the engine does not carry out yet: refused by name, never ignored.

This is the one list: whoever teaches the engine an option removes its line here, and the file takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.documents.document import ListNode, MapNode, Node, Text
from orchestrator.documents.problems import Place, Problems

#: paths in the file, "*" is any item of a list; and what would not happen
UNSUPPORTED: Final[dict[tuple[str, ...], str]] = {
    ("waves", "*", "name"): "waves have numbers only",
    ("waves", "*", "parallel"): "all waves share one parallelism",
    ("rollback", "monitor"): "hosts are not watched after they are brought back",
}


def refuse_unsupported(root: MapNode, problems: Problems) -> None:
    """Add a problem for every option of the list that the file gives."""
    for path, instead in UNSUPPORTED.items():
        for place in _given(root, path):
            name = ".".join(part for part in path if part != "*")
            problems.add(
                place,
                f"the option {name} is not supported in this version: {instead}",
                f"Remove {name}; it is refused rather than ignored.",
            )


def _given(node: Node, path: tuple[str, ...]) -> Iterator[Place]:
    """Give the place of every key at that path."""
    first, *rest = path
    if first == "*":
        if isinstance(node, ListNode):
            for item in node.items:
                yield from _given(item, tuple(rest))
    elif isinstance(node, MapNode) and (key := node.keys.get(first)) is not None:
        if rest:
            yield from _given(node.entries[Text(first)], tuple(rest))
        else:
            yield key.place
