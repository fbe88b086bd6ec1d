"""Reads the one settings file, TOML or YAML: flat keys, unknown ones refused with their line and near names."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.settings.values import TABLES
from tasks.errors import BadDocument, BadInput, Problem

#: a settings file is a page, not a book
MAX_BYTES = 64 * 1024
#: channels, one channel, its command
_DEEPEST = 3
_WIDEST = 100
NAMES = ("config.toml", "config.yaml", "config.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One settings file, read: raw values and the line of each key."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]


def read_settings_file(
    config: Path | None, env: Mapping[str, str], known: Collection[str]
) -> FoundFile | None:
    """The file named by --config or DOCKWAVE_CONFIG, else the first of the XDG and /etc ones; None without any."""
    path = _which(config, env)
    if path is None:
        return None
    text = _read(path)
    values, lines = _load_toml(path, text) if path.suffix == ".toml" else _load_yaml(path, text)
    problems = tuple(
        Problem(
            file=str(path),
            line=lines[key],
            column=1,
            what=f"there is no setting {key[:80]!r}",
            fix=_near(key, known),
        )
        for key in values
        if key not in known
    )
    if problems:
        raise BadDocument(problems)
    return FoundFile(path=path, values=values, lines=lines)


def read_private_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of ours that nobody else may write; {} when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in {os.geteuid(), 0} or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return {}
        try:
            content = json.loads(file.read(MAX_BYTES))
        except ValueError:
            return {}
    return content if isinstance(content, dict) else {}


def _near(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else f"Known settings: {', '.join(known)}"


def _which(config: Path | None, env: Mapping[str, str]) -> Path | None:
    named = config or (Path(env["DOCKWAVE_CONFIG"]) if env.get("DOCKWAVE_CONFIG") else None)
    if named is not None:
        if named.suffix not in {".toml", ".yaml", ".yml"}:
            hint = "Name it config.toml, config.yaml or config.yml."
            raise BadInput(f"Settings file {named}: its format is not known by its name", hint=hint)
        return named.expanduser().absolute()
    home = Path(env.get("HOME") or "~").expanduser()
    for folder in (Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "dockwave", Path("/etc/dockwave")):
        found = [folder / name for name in NAMES if (folder / name).exists()]
        if len(found) > 1:
            hint = "Keep one of them."
            raise BadInput(f"Two settings files: {' and '.join(map(str, found))}", hint=hint)
        if found:
            return found[0]
    return None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "Check the path and its permissions."
        raise BadInput(f"Settings file {path} cannot be read: {error.strerror}", hint=hint) from None
    if len(raw) > MAX_BYTES:
        raise BadInput(f"Settings file {path} is larger than {MAX_BYTES} bytes", hint="Is it the right file?")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8."
        raise BadInput(f"Settings file {path} is not UTF-8 (byte {error.start})", hint=hint) from None


def _bad(path: Path, line: int, column: int, what: str, fix: str) -> BadDocument:
    return BadDocument((Problem(file=str(path), line=line, column=column, what=what, fix=fix),))


def _load_toml(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (0, 0)
        what = re.sub(r" \(at .*\)", "", str(error))
        raise _bad(path, line, column, what, "Write one `key = value` per line") from None
    return values, {key: _toml_line(text, key) for key in values}


def _toml_line(text: str, key: str) -> int:
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 0)


def _table(path: Path, node: Any, depth: int) -> Any:
    """A table of a YAML file in plain types; no deeper than any setting goes: an alias may make it endless."""
    mark = node.start_mark
    if node.id == "scalar":
        return node.value
    if not depth or len(node.value) > _WIDEST:
        raise _bad(path, mark.line + 1, mark.column + 1, "the table is too large", "See docs/operating.md")
    if node.id == "sequence":
        return [_table(path, item, depth - 1) for item in node.value]
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in found:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            raise _bad(path, line, column, f"{name[:80]!r} is set twice", "Keep one")
        found[name] = _table(path, value, depth - 1)
    return found


def _load_yaml(path: Path, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only where a YAML file is in use
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - same reason
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode  # noqa: PLC0415 - same reason

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        raise _bad(path, line, column, str(error.problem), "Write one `key: value` per line") from None
    except YAMLError as error:
        raise _bad(path, 0, 0, str(error).splitlines()[0], "Write one `key: value` per line") from None
    if node is None:
        return {}, {}
    if not isinstance(node, MappingNode):
        raise _bad(path, 1, 1, "a settings file is a mapping", "Write one `key: value` per line")
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        line, name = key.start_mark.line + 1, str(key.value)
        if name in values:
            raise _bad(path, line, 1, f"{name!r} is set twice (first in line {lines[name]})", "Keep one")
        if isinstance(value, ScalarNode):
            values[name] = value.value
        elif isinstance(value, SequenceNode) and all(isinstance(item, ScalarNode) for item in value.value):
            values[name] = [item.value for item in value.value]
        elif name in TABLES and isinstance(value, MappingNode):
            values[name] = _table(path, value, _DEEPEST)
        else:
            raise _bad(path, line, 1, f"{name!r} must be one value", "Write `key: value`")
        lines[name] = line
    return values, lines
