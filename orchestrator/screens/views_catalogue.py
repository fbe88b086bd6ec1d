"""A procedure as the catalogue shows it: what it is, and its parameters from their own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.procedure import Procedure


def procedure_view(procedure: Procedure[Any, Any]) -> dict[str, Any]:
    """Kind, runbook section, undo class and parameters; `schema` is the JSON Schema of the parameters."""
    spec = procedure.spec
    schema = procedure.params_type.model_json_schema()
    required = set(schema.get("required", ()))
    definitions = schema.get("$defs", {})
    return {
        "name": spec.name,
        "kind": spec.kind.value,
        "seed": spec.seed,
        "summary": spec.summary,
        "undo": spec.undo.value,
        "timeout_s": spec.timeout_s,
        "stops_engine": spec.stops_engine,
        "strict": spec.strict,
        "parameters": [
            {
                "name": name,
                "type": _kind(item, definitions),
                "required": name in required,
                "default": item.get("default"),
                "description": str(item.get("description", "")),
            }
            for name, item in schema.get("properties", {}).items()
        ],
        "schema": schema,
    }


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A type in words: "list of containers | networks", "integer >= 0", "text or null"."""
    if "$ref" in schema:
        return _kind(definitions.get(str(schema["$ref"]).rpartition("/")[2], {}), definitions)
    if "anyOf" in schema:
        return " or ".join(_kind(item, definitions) for item in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(item) for item in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), definitions)}"
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in limits.items() if key in schema]
    word = {"string": "text"}.get(str(schema.get("type")), str(schema.get("type", "any")))
    return f"{word} {' and '.join(bounds)}" if bounds else word
