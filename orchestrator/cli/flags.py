"""Values of flags: durations, hosts or percent, `--set key=value`; a bad one says flag, value, limit and fix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from orchestrator.campaign.durations import LONGEST_S, seconds_of, words
from tasks.errors import BadInput

_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?\Z")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


def duration(flag: str, text: str, *, least_s: float = 0.0, most_s: float = LONGEST_S) -> float:
    """Seconds of "30s", "5m", "1h30m"; a bare 0 is 0."""
    seconds = seconds_of(text)
    if seconds is None:
        raise BadInput(
            f"{flag} cannot be {text[:80]!r}: it is not a duration",
            hint=f"Write a number and a unit: {flag} 30s, {flag} 5m, {flag} 1h30m.",
        )
    if not least_s <= seconds <= most_s:
        raise BadInput(
            f"{flag} cannot be {text[:80]!r}: it must be from {words(least_s)} to {words(most_s)}",
            hint="Choose a value within these limits.",
        )
    return seconds


def instant(flag: str, text: str, now: datetime) -> datetime:
    """An instant: ISO 8601, UTC unless it names an offset; a time alone is one of today (UTC)."""
    given = f"{now:%Y-%m-%d} {text}" if _TIME.match(text) else text
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise BadInput(
            f"{flag} cannot be {text[:80]!r}: it is no time",
            hint=f"Write {flag} '2026-11-24 12:00:30' (UTC), {flag} 2026-11-24T13:00:30+01:00 or {flag} 12:00:30.",
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def whole(flag: str, value: int, *, least: int, most: int) -> int:
    """A number within limits."""
    if not least <= value <= most:
        raise BadInput(
            f"{flag} cannot be {value}: it must be from {least} to {most}",
            hint="Choose a value within these limits.",
        )
    return value


def one_of(flag: str, value: str, choices: type[StrEnum]) -> str:
    """One of these words."""
    words = [str(item) for item in choices]
    if value not in words:
        raise BadInput(f"{flag} cannot be {value[:80]!r}", hint=f"Write one of {', '.join(words)}.")
    return value


def settings_of(pairs: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters from `--set key=value`, typed by the procedure's JSON schema where the text alone is not enough."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not _KEY.match(key):
            raise BadInput(
                f"--set {pair[:80]!r} is not key=value", hint="Write --set targets=containers,networks."
            )
        if key in values:
            raise BadInput(
                f"--set gives {key!r} twice",
                hint="Give each parameter once; lists take commas: --set targets=a,b.",
            )
        values[key] = _typed(text, schema.get("properties", {}).get(key, {}))
    return values


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    kinds = _kinds(schema)
    parsed, is_json = _json(text)
    if "array" in kinds and not (is_json and isinstance(parsed, list)):
        if is_json and parsed is None and "null" in kinds:
            return None
        return [item.strip() for item in text.split(",") if item.strip()]
    if "string" in kinds and not kinds & {"number", "integer", "boolean", "object"}:
        # a version like 26.1 is a text although it reads as a number
        return (
            parsed if is_json and (isinstance(parsed, str) or (parsed is None and "null" in kinds)) else text
        )
    return parsed if is_json else text


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    branches = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return {str(branch["type"]) for branch in branches if "type" in branch}


def _json(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text, parse_constant=_refuse), True
    except (ValueError, RecursionError):
        return None, False


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
