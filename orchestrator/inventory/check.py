"""One inventory file is checked against the schema; what is sound is kept for further checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.documents.checking import Checked, Loc, check
from orchestrator.documents.document import MapNode, Text, read_document
from orchestrator.documents.genre import Genre
from orchestrator.documents.model import Record
from orchestrator.documents.problems import Place, Problems, did_you_mean
from orchestrator.inventory import schema

INVENTORY = Genre(
    begin="Begin with 'version: 1', then groups and hosts.",
    name_a_file="Name an inventory file in YAML.",
    too_large="Use ranges such as web-[001:300], or split it.",
    alias="Write the value out, or use a group.",
    anchor="Remove it; use a group for settings.",
    too_deep="An inventory needs five.",
    one_document="Keep one document per file; pass several -i instead.",
    range_in_quotes='Put names with ranges in quotes: "web-[001:300]".',
)

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
class CheckedFile(Checked[schema.InventoryFile]):
    """The sound part of one inventory file."""

    def written_names(self, section: str) -> frozenset[str]:
        """Give the lower-case keys of a section as written, unsound entries included."""
        node = self.root.entries.get(self.root.keys.get(section, Text()))
        return frozenset(node.folded) if isinstance(node, MapNode) else frozenset()


def check_file(path: Path, problems: Problems) -> CheckedFile | None:
    """Give a file's sound part, or None when nothing can be kept; problems are added."""
    root = read_document(path, INVENTORY, problems)
    if root is None:
        return None
    version = Text.at("1", Place(file=""), plain=True)
    checked = check(
        root,
        schema.InventoryFile,
        problems,
        unknown_key_fix=_unknown_key_fix,
        instead={"version": version},
    )
    return None if checked is None else CheckedFile(model=checked.model, root=root, flawed=checked.flawed)


def _unknown_key_fix(loc: Loc) -> str:
    key = str(loc[-1])
    known = tuple(_model_at(loc).model_fields)
    instead = _INSTEAD.get(key.lower())
    if instead:
        return instead
    return did_you_mean(key, known, f"Known keys here: {', '.join(known)}.")


def _model_at(loc: Loc) -> type[Record]:
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
