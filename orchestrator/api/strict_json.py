"""JSON as we accept it from outside: bounded in size and depth, no duplicate key, no NaN, valid UTF-8.

One reader for API bodies and plan files; a document that two parsers could read differently is refused.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

#: bytes of the largest body or plan file
MAX_BYTES = 32 * 1024 * 1024
#: nesting no honest document reaches
MAX_DEPTH = 64


class NotStrictJson(ValueError):
    """The text is no JSON we accept; the message says where and why."""


def loads(raw: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value; NotStrictJson otherwise."""
    if len(raw) > max_bytes:
        raise NotStrictJson(f"it has {len(raw)} bytes; the limit is {max_bytes}")
    if not raw.strip():
        raise NotStrictJson("it is empty")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrictJson(f"byte {error.start} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotStrictJson("it starts with a byte order mark; save it as UTF-8 without one")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise NotStrictJson(f"line {error.lineno} column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise NotStrictJson(f"it is nested deeper than {MAX_DEPTH} levels") from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise NotStrictJson(f"it is nested deeper than {MAX_DEPTH} levels")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = [item for item in inner if isinstance(item, dict | list)]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() returns None on purpose
        raise NotStrictJson(f"the key {twice[:80]!r} comes twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 20:
        raise NotStrictJson(f"the number {digits[:20]}… has more than 20 digits")
    return int(digits)
