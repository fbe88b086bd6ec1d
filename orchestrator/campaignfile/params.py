"""Parameters of a procedure in a file: each scalar gets the type its parameter has, and every problem its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.documents.checking import place_of
from orchestrator.documents.document import MapNode, Text
from orchestrator.documents.problems import MAX_KEPT, Place, Problems, did_you_mean, shown
from tasks.catalog import AnyProcedure
from tasks.errors import BadInput

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{1,15}", re.ASCII)


def check_params(
    procedure: AnyProcedure,
    written: Mapping[str, Any],
    root: MapNode,
    problems: Problems,
    *,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Give the parameters as JSON, those of flags (`given`) over those in the file; problems are added."""
    schema = procedure.params_type.model_json_schema()
    values = {**typed(written, schema, schema), **given}
    here = root.keys.get("params")
    whole = root.place if here is None else here.place
    try:
        procedure.params_type.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False)[:MAX_KEPT]:
            place = _place(root, detail, whole, given)
            problems.add(place, *_sentence(procedure, detail))
    except BadInput as refusal:  # what parameters say together; their own words, and no one key's fault
        problems.add(whole, refusal.message, refusal.hint)
    return values


def _place(root: MapNode, detail: ErrorDetails, whole: Place, given: Mapping[str, Any]) -> Place:
    loc = detail["loc"]
    if detail["type"] == "missing" or not loc:
        return whole
    if loc[0] in given:
        return Place(file=f"--set {loc[0]}")
    return place_of(root, ("params", *loc), of_key=detail["type"] == "extra_forbidden")


def _sentence(procedure: AnyProcedure, detail: ErrorDetails) -> tuple[str, str]:
    name = procedure.spec.name
    path = ".".join(str(part) for part in detail["loc"])
    said = detail["msg"].removeprefix("Value error, ")
    known = tuple(procedure.params_type.model_fields)
    if detail["type"] == "extra_forbidden":
        return (
            f"{name} has no parameter {shown(path)}",
            did_you_mean(path, known, f"It takes: {', '.join(known) or 'no parameters'}."),
        )
    if detail["type"] == "missing":
        return f"{name} needs the parameter {shown(path)}", f"Add '{path}: ...' below params."
    value = f": parameter {shown(path)} cannot be {shown(_text(detail['input']))}" if path else ""
    return f"{name}{value}: {said}", f"See `dockwave procedures {name}`."


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else "nothing" if value is None else repr(value)


def typed(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Give the value with every unquoted scalar as the type its part of the JSON schema allows.

    A version such as 26.1 stays a text where texts are taken; 1e9, .inf, yes and 0x10 are texts everywhere.
    """
    schema = _resolved(schema, root)
    if isinstance(value, Mapping):
        branch = _branch(schema, root, "object")
        inner, other = branch.get("properties", {}), branch.get("additionalProperties", {})
        rest = other if isinstance(other, Mapping) else {}
        return {str(key): typed(item, inner.get(str(key), rest), root) for key, item in value.items()}
    if isinstance(value, list):
        items = _branch(schema, root, "array").get("items", {})
        return [typed(item, items, root) for item in value]
    return _scalar(value, _kinds(schema, root)) if isinstance(value, Text) else value


def _scalar(text: Text, kinds: set[str]) -> Any:
    if not text.plain:
        return str(text)
    if text.is_null:
        return None
    if "string" in kinds and not kinds & {"number", "integer", "boolean"}:
        return str(text)
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else str(text)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = root.get("$defs", {}).get(str(reference).removeprefix("#/$defs/"), schema)
    return found


def _branches(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [schema, *(_resolved(option, root) for option in options)]


def _branch(schema: Mapping[str, Any], root: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((branch for branch in _branches(schema, root) if branch.get("type") == kind), {})


def _kinds(schema: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    return {str(branch["type"]) for branch in _branches(schema, root) if "type" in branch}
