"""One file is checked against the schema; every error gets its place, and what is sound is kept for further checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.inventory import schema
from orchestrator.inventory.document import ListNode, MapNode, Node, Text, read_document
from orchestrator.inventory.problems import MAX_KEPT, Flaw, Place, Problems, did_you_mean, shown

_Loc: TypeAlias = tuple[int | str, ...]

#: pydantic's mark for "this key of the mapping", as opposed to its value
_KEY = "[key]"

_GONE: Any = object()

#: keys of other tools or of another level, and what to write instead
_INSTEAD = {
    "user": "Write ssh: {user: NAME}.",
    "port": "Write ssh: {port: N}.",
    "identity": "Write ssh: {identity: FILE}.",
    "known_hosts": "Write ssh: {known_hosts: FILE}.",
    "sudo": "Write ssh: {sudo: true}.",
    "jump": "Write ssh: {jump: HOST}.",
    "address": "An address belongs to one host: write it below the top-level key hosts.",
    "password": "Passwords are not kept in inventories; use a key file: ssh: {identity: FILE}.",
    "ssh_pass": "Passwords are not kept in inventories; use a key file: ssh: {identity: FILE}.",
    "queue": "A gateway's queue is always gw.NAME; remove the key.",
    "alias": "SSH aliases are not read; write ssh: {user: ..., port: ..., jump: ...}.",
    "proxycommand": "Commands are not run; write ssh: {jump: HOST}.",
    "proxyjump": "Write ssh: {jump: HOST}.",
    "vars": "Write settings directly under the group: labels, connect, ssh, gateway, family.",
    "containers": "Protect containers by label: protect: {labels: [KEY=VALUE]}.",
    "<<": "Merge keys are not supported; use a group or defaults.",
    "ansible_host": "Write address: ADDRESS.",
    "ansible_user": "Write ssh: {user: NAME}.",
    "ansible_port": "Write ssh: {port: N}.",
    "ansible_connection": "Write connect: ssh or connect: local.",
    "ansible_become": "Write ssh: {sudo: true}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """The sound part of one file, and the nodes that know where everything stands."""

    model: schema.InventoryFile
    root: MapNode

    def place(self, *loc: int | str) -> Place:
        """Give the place of the value at a path."""
        return _place_of(self.root, loc)

    def written_names(self, section: str) -> frozenset[str]:
        """Give the lower-case keys of a section as written, unsound entries included."""
        node = self.root.entries.get(self.root.keys.get(section, Text()))
        return frozenset(node.folded) if isinstance(node, MapNode) else frozenset()


def check_file(path: Path, problems: Problems) -> CheckedFile | None:
    """Give a file's sound part, or None when nothing can be kept; problems are added."""
    root = read_document(path, problems)
    if root is None:
        return None
    data = _plain(root)
    try:
        return CheckedFile(model=schema.InventoryFile.model_validate(data), root=root)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details[:MAX_KEPT]:
        place = _place_of(root, detail["loc"], of_key=detail["type"] == "extra_forbidden")
        problems.add(place, *_sentence(detail))
    for detail in details:
        _prune(data, detail)
    try:
        return CheckedFile(model=schema.InventoryFile.model_validate(_without_gone(data)), root=root)
    except ValidationError:
        return None


def _plain(node: Node) -> Any:
    """Give the nodes as dicts and lists of Text, as pydantic reads them."""
    if isinstance(node, MapNode):
        return {key: _plain(value) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return node


def _place_of(root: MapNode, loc: Sequence[int | str], *, of_key: bool = False) -> Place:
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


def _sentence(detail: ErrorDetails) -> tuple[str, str]:
    """Give what is wrong and the fix, in our words."""
    flaw = detail.get("ctx", {}).get("error")
    if isinstance(flaw, Flaw):
        return flaw.what, flaw.fix
    name = str(detail["loc"][-1]) if detail["loc"] else "the file"
    match detail["type"]:
        case "extra_forbidden":
            return f"the key {shown(name)} is unknown here", _unknown_key_fix(detail["loc"])
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


def _unknown_key_fix(loc: _Loc) -> str:
    key = str(loc[-1])
    known = tuple(_model_at(loc).model_fields)
    instead = _INSTEAD.get(key.lower())
    if instead:
        return instead
    return did_you_mean(key, known, f"Known keys here: {', '.join(known)}.")


def _model_at(loc: _Loc) -> type[schema.Record]:
    """Give the model whose key the last part of the path would be."""
    if "jump" in loc[:-1] and isinstance(loc[-2], int):
        return schema.JumpSettings
    match loc:
        case ("defaults", "ssh", _) | ("groups" | "hosts", _, "ssh", _):
            return schema.SshSettings
        case ("defaults", _):
            return schema.Settings
        case ("groups", _, _):
            return schema.GroupEntry
        case ("hosts", _, _):
            return schema.HostEntry
        case ("gateways", _, _):
            return schema.GatewayEntry
        case ("protect", _):
            return schema.ProtectEntry
        case _:
            return schema.InventoryFile


def _prune(data: dict[Any, Any], detail: ErrorDetails) -> None:
    """Take the unsound part out of the data, so that the rest can be checked further."""
    loc = [step for step in detail["loc"] if step != _KEY]
    if detail["type"] == "missing":
        if loc == ["version"]:
            data["version"] = Text.at("1", Place(file=""), plain=True)
            return
        loc = loc[:-1]
    if loc == ["version"]:
        data["version"] = Text.at("1", Place(file=""), plain=True)
        return
    container: Any = data
    for step, following in zip(loc, [*loc[1:], None], strict=True):
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
