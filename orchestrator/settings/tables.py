"""Settings that are a table of entries with names: in a file a table, in the environment one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def entries_of(value: Any, *, setting: str, noun: str, nouns: str, most: int) -> list[tuple[str, Any]]:
    """The entries by name; ValueError says what is wrong with the table."""
    if isinstance(value, str):
        value = _json(value, noun)
    if not isinstance(value, Mapping):
        raise ValueError(f"it is no table of {nouns}; write [{setting}.NAME] and the {noun} below")  # noqa: TRY004 - one error kind for all
    if len(value) > most:
        raise ValueError(f"it has {len(value)} {nouns}; the limit is {most}")
    return [(str(name), value[name]) for name in sorted(value, key=str)]


def _json(text: str, noun: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(
            f"it is not JSON; in the environment it is one JSON object, name to {noun}"
        ) from None
