"""An error over HTTP (RFC 9457 problem+json): what happened, where, what to do next, and its stable code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from tasks.errors import BadDocument, BadInput, DockwaveError, Refused

#: codes that mean "that plan cannot be applied (any more)": the command line exits with 7
STALE_CODES = frozenset({"E_PLAN_STALE", "E_PLAN_EXPIRED", "E_PLAN_APPLIED"})

#: codes with an HTTP status of their own
_STATUS = {
    "E_NOT_A_PERSON": 403,
    "E_NOT_IN_GROUP": 403,
    "E_NOT_FOUND": 404,
    "E_CAMPAIGN_UNKNOWN": 404,
    "E_PLAN_UNKNOWN": 404,
    "E_NOT_READY": 409,
    "E_CONFLICT": 409,
    "E_CAMPAIGN_STATE": 409,
    **dict.fromkeys(STALE_CODES, 409),
}


class Problem(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        fix: str = "",
        where: str = "",
        problems: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Keep everything the answer says."""
        super().__init__(title)
        self.status = status
        self.body: dict[str, Any] = {
            "type": f"urn:dockwave:error:{code}",
            "status": status,
            "code": code,
            "title": title,
            "where": where,
            "fix": fix,
            "problems": list(problems),
        }

    def response(self) -> Response:
        """The answer; JSON escapes whatever text was echoed."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else None
        return JSONResponse(
            self.body, status_code=self.status, headers=headers, media_type="application/problem+json"
        )


def from_error(error: DockwaveError) -> Problem:
    """The HTTP face of an error of ours."""
    if isinstance(error, BadDocument):
        items = [
            {"file": item.file, "line": item.line, "column": item.column, "what": item.what, "fix": item.fix}
            for item in error.problems
        ]
        first = error.problems[0]
        more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
        return Problem(422, error.code, first.what + more, fix=first.fix, problems=items)
    default = 422 if isinstance(error, BadInput) else 409 if isinstance(error, Refused) else 503
    return Problem(_STATUS.get(error.code, default), error.code, error.message, fix=error.hint)


def handle_problem(_request: Request, error: Exception) -> Response:
    """Answer a Problem."""
    if not isinstance(error, Problem):
        raise error
    return error.response()


def handle_dockwave_error(_request: Request, error: Exception) -> Response:
    """Answer an error of ours."""
    if not isinstance(error, DockwaveError):
        raise error
    return from_error(error).response()


def as_json(raw: bytes) -> dict[str, Any]:
    """The problem in a body, for clients; {} when it is none."""
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
