"""What documents are checked against: frozen mappings that refuse unknown keys and export a JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Record(BaseModel):
    """A mapping of the file: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def field_of(parse: Callable[[Any], Any], schema: dict[str, Any]) -> Any:
    """Give the annotation that validates by `parse` and exports `schema`."""
    return (PlainValidator(parse), WithJsonSchema(schema))


def json_schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    """Give the JSON Schema of one document, for editors and CI."""
    schema = model.model_json_schema(mode="validation")
    _drop_null_defaults(schema)
    return {"$schema": _DIALECT, **schema, "title": title}


def _drop_null_defaults(part: Any) -> None:
    """Remove what says "or null": a key without a value is refused, absent keys are the way to say nothing."""
    if isinstance(part, list):
        for item in part:
            _drop_null_defaults(item)
    if not isinstance(part, dict):
        return
    if "default" in part and part["default"] is None:
        del part["default"]
        options = [option for option in part.get("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            del part["anyOf"]
            part |= {**options[0], **part}
        elif options:
            part["anyOf"] = options
    for item in part.values():
        _drop_null_defaults(item)
