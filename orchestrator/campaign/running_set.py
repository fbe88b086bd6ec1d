"""What a host said of its running containers: compared with its snapshot by itself, or with what it said before here.

What a host says is data of strangers: whatever is not of this form counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tasks.result import HostResult, Outcome

#: procedure that reads the running set
PROCEDURE: Final = "health.running"

#: containers of one host; of one with more the set is not kept
MOST: Final = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{12})[0-9a-f]{0,52}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSaid:
    """What one reading told of running containers."""

    #: it was compared on the host, with the snapshot before the attempt
    compared: bool = False
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    #: where nothing was compared: "ID IMAGE NAME" of each, ids cut to 12 digits
    running: tuple[str, ...] = ()


def running_of(result: HostResult) -> tuple[RunningSaid | None, str]:
    """What a host said; or nothing, and why."""
    if result.outcome is not Outcome.OK:
        said = f"{result.error.code}: {result.error.message}" if result.error else result.outcome.value
        return None, said[:200]
    data = result.data
    missing, extra = _names(data.get("missing")), _names(data.get("extra"))
    running = _packed(data.get("running"), data.get("count"))
    if missing is None or extra is None or not isinstance(data.get("compared_with"), str):
        return None, "it did not tell which containers run"
    if data["compared_with"]:
        return RunningSaid(compared=True, missing=missing, extra=extra), ""
    if running is None:
        return None, f"it did not tell all its running containers (at most {MOST})"
    return RunningSaid(running=running), ""


def changes(
    said: RunningSaid, before: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Names of containers that are missing, and of new ones; None when there is nothing to compare with."""
    if said.compared:
        return said.missing, said.extra
    if before is None:
        return None
    return _not_among(before, said.running), _not_among(said.running, before)


def _not_among(these: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    ids, made_anew = set(), set()
    for item in others:
        container, _, rest = item.partition(" ")
        ids.add(container)
        made_anew.add(rest)
    found = (item.split(" ", 2) for item in these)
    return tuple(
        sorted(
            name
            for container, image, name in found
            if container not in ids and f"{image} {name}" not in made_anew
        )
    )


def _packed(told: Any, count: Any) -> tuple[str, ...] | None:
    if not isinstance(told, list) or len(told) > MOST or count != len(told):
        return None
    found = tuple(_one(item) for item in told)
    return None if None in found else tuple(item for item in found if item is not None)


def _one(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    container, image = _short(item.get("id")), _short(item.get("image_id"))
    name = item.get("name")
    if not container or not image:
        return None
    known = isinstance(name, str) and _NAME.fullmatch(name)
    return f"{container} {image} {name if known else container}"


def _short(text: Any) -> str:
    found = _HEX.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else ""


def _names(told: Any) -> tuple[str, ...] | None:
    """Names, each made plain; None when it is no list of texts."""
    if not isinstance(told, list) or not all(isinstance(item, str) for item in told):
        return None
    return tuple(item if _NAME.fullmatch(item) else "(odd name)" for item in told[:MOST])
