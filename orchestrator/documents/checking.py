"""A document is checked against a model; every error gets its place, and what is sound is kept for further checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.documents.document import MAX_DEPTH, ListNode, MapNode, Node, Text
from orchestrator.documents.problems import MAX_KEPT, Flaw, Place, Problems, shown

M = TypeVar("M", bound=BaseModel)

Loc: TypeAlias = tuple[int | str, ...]

#: pydantic's mark for "this key of the mapping", as opposed to its value
_KEY = "[key]"

_GONE: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(Generic[M]):
    """The sound part of one document, and the nodes that know where everything stands."""

    model: M
    root: MapNode
    #: top-level keys under which something was wrong
    flawed: frozenset[str]

    def place(self, *loc: int | str) -> Place:
        """Give the place of the value at a path."""
        return place_of(self.root, loc)


def check(
    root: MapNode,
    model: type[M],
    problems: Problems,
    *,
    unknown_key_fix: Callable[[Loc], str],
    instead: Mapping[str, Any],
) -> Checked[M] | None:
    """Give a document's sound part, or None when nothing can be kept; problems are added.

    `instead` holds values that stand in for unsound or missing required keys, so that the rest can be checked.
    """
    data = plain(root)
    try:
        return Checked(model=model.model_validate(data), root=root, flawed=frozenset())
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details[:MAX_KEPT]:
        place = place_of(root, detail["loc"], of_key=detail["type"] == "extra_forbidden")
        problems.add(place, *sentence(detail, unknown_key_fix))
    flawed = frozenset(str(detail["loc"][0]) for detail in details if detail["loc"])
    sound = _sound_part(model, data, details, instead)
    return None if sound is None else Checked(model=sound, root=root, flawed=flawed)


def _sound_part(
    model: type[M], data: dict[Any, Any], details: list[ErrorDetails], instead: Mapping[str, Any]
) -> M | None:
    """Give what is left when everything unsound is taken out; what is left of a part may be unsound itself."""
    for _ in range(MAX_DEPTH):
        for detail in details:
            _prune(data, detail)
        data = {**instead, **_without_gone(data)}
        try:
            return model.model_validate(data)
        except ValidationError as error:
            details = error.errors(include_url=False)
    return None


def plain(node: Node) -> Any:
    """Give the nodes as dicts and lists of Text, as pydantic reads them."""
    if isinstance(node, MapNode):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node


def place_of(root: MapNode, loc: Sequence[int | str], *, of_key: bool = False) -> Place:
    """Give the deepest place on the path that exists; parts made from one text share its place."""
    node: Node = root
    place = root.place
    for index, step in enumerate(loc):
        if isinstance(node, MapNode) and isinstance(step, str) and step in node.entries:
            key = (
                next(known for known in node.entries if known == step)
                if _key_asked(loc, index, of_key)
                else None
            )
            node = node.entries[Text(step)]
            place = node.place if key is None else key.place
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
    return place


def _key_asked(loc: Sequence[int | str], index: int, of_key: bool) -> bool:
    last = index == len(loc) - 1
    return (last and of_key) or (index == len(loc) - 2 and loc[-1] == _KEY)


def sentence(detail: ErrorDetails, unknown_key_fix: Callable[[Loc], str]) -> tuple[str, str]:
    """Give what is wrong and the fix, in our words."""
    flaw = detail.get("ctx", {}).get("error")
    if isinstance(flaw, Flaw):
        return flaw.what, flaw.fix
    name = str(detail["loc"][-1]) if detail["loc"] else "the file"
    match detail["type"]:
        case "extra_forbidden":
            return f"the key {shown(name)} is unknown here", unknown_key_fix(detail["loc"])
        case "missing":
            return f"the key {shown(name)} is missing", _missing_fix(name)
        case "dict_type" | "model_type" | "dataclass_type":
            return _wrong_shape(
                name, detail["input"], "a mapping"
            ), "Write 'key: value' lines below it, or {}."
        case "tuple_type" | "list_type":
            return _wrong_shape(name, detail["input"], "a list"), "Write '- item' lines below it, or []."
        case _:
            return f"{shown(name)}: {detail['msg']}", "See the exported JSON Schema: dockwave schema export."


def _wrong_shape(name: str, found: object, wanted: str) -> str:
    if isinstance(found, Text):
        kind = "nothing" if found.is_null else f"the text {shown(found)}"
    else:
        kind = "a mapping" if isinstance(found, dict) else "a list"
    return f"{shown(name)} holds {kind} where {wanted} is expected"


def _missing_fix(name: str) -> str:
    return "Add 'version: 1' as the first line." if name == "version" else f"Add '{name}: ...'."


def _prune(data: dict[Any, Any], detail: ErrorDetails) -> None:
    """Take the unsound part out of the data, so that the rest can be checked further."""
    loc = [step for step in detail["loc"] if step != _KEY]
    if detail["type"] == "missing":
        loc = loc[:-1]
    container: Any = data
    for step, following in zip(loc, [*loc[1:], None][: len(loc)], strict=True):
        inner = container[step] if _holds(container, step) else _GONE
        if inner is _GONE:
            return
        if following is None or not _holds(inner, following):
            container[step] = _GONE
            return
        container = inner


def _holds(container: Any, step: int | str) -> bool:
    if isinstance(container, dict):
        return step in container
    return isinstance(container, list) and isinstance(step, int) and step < len(container)


def _without_gone(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_gone(value) for key, value in data.items() if value is not _GONE}
    if isinstance(data, list):
        return [_without_gone(item) for item in data if item is not _GONE]
    return data
