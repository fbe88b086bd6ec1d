"""Reads a request body once, within limits, into a strict model; everything else is a 4xx with its place."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.api.problem import Problem
from orchestrator.api.speaker import speaker_of
from orchestrator.api.strict_json import MAX_BYTES, NotStrictJson, loads

M = TypeVar("M", bound="Body")


class Body(BaseModel):
    """A request body: unknown fields are refused, nothing is converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


async def read_bytes(request: Request) -> bytes:
    """The body, at most MAX_BYTES of it."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > MAX_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> Problem:
    fix = "Plan fewer hosts at a time."
    return Problem(413, "E_BODY_TOO_LARGE", f"The body is larger than {MAX_BYTES} bytes", fix=fix)


def reader(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A dependency that gives the body as this model."""

    async def read(request: Request) -> M:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            fix = "Send the header Content-Type: application/json."
            raise Problem(415, "E_CONTENT_TYPE", f"The body is {kind[:80]!r}, not application/json", fix=fix)
        try:
            value = loads(await read_bytes(request))
        except NotStrictJson as error:
            raise Problem(
                400, "E_JSON", f"The body is not JSON as we accept it: {error}", where="body"
            ) from None
        return checked(model, speaker_of(request).signed(value, tuple(model.model_fields)))

    return read


def checked(model: type[M], value: Any) -> M:
    """The value as this model; Problem says everything that is wrong with it."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _problem(model, error) from None


def _problem(model: type[Body], error: ValidationError) -> Problem:
    items = [_item(model, item) for item in error.errors(include_url=False, include_context=False)[:50]]
    first = items[0]
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    return Problem(
        422, "E_PARAM", first["what"] + more, where=first["where"], fix=first["fix"], problems=items
    )


def _item(model: type[Body], item: Any) -> dict[str, Any]:
    where = ".".join(str(part)[:80] for part in ("body", *item["loc"]))
    if item["type"] == "extra_forbidden":
        known = list(model.model_fields)
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.5)
        fix = f"Did you mean {near[0]}?" if near else f"Known fields: {', '.join(known)}"
        return {"where": where, "what": f"{where}: there is no such field", "fix": fix}
    if item["type"] == "missing":
        return {"where": where, "what": f"{where}: it is missing", "fix": "Send it."}
    value = repr(item.get("input"))[:80]
    return {"where": where, "what": f"{where}: {item['msg']} (got {value})", "fix": "See docs/api.md."}
