"""The application: every route, every error in one shape, everything behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orchestrator.api import approvals, audit, campaigns, catalogue, operate, plans, quarantine, stop_all
from orchestrator.api.contract import Service
from orchestrator.api.guard import Guard
from orchestrator.api.problem import Problem, handle_dockwave_error, handle_problem
from orchestrator.settings.people import Person
from tasks.connection import Secret
from tasks.errors import DockwaveError

log = structlog.get_logger()


def create_app(
    service: Service,
    *,
    token: Secret,
    now: Callable[[], datetime],
    names: Collection[str] = (),
    people: tuple[Person, ...] = (),
) -> Guard:
    """The API over this service; `names` are the addresses it is called by besides loopback, `people` have tokens."""
    # the interactive page would load scripts from elsewhere; the document itself is at /v1/openapi.json
    app = FastAPI(
        title="Dockwave", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    app.add_exception_handler(Problem, handle_problem)
    app.add_exception_handler(DockwaveError, handle_dockwave_error)
    app.add_exception_handler(RequestValidationError, _handle_parameters)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(Exception, _handle_unexpected)
    app.include_router(plans.router(service))
    app.include_router(campaigns.router(service, now))
    app.include_router(operate.router(service))
    app.include_router(quarantine.router(service))
    app.include_router(stop_all.router(service))
    app.include_router(audit.router(service))
    app.include_router(approvals.router(service))
    app.include_router(catalogue.router(service))

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> JSONResponse:
        """Answers while the process does."""
        return JSONResponse({"status": "ok"})

    return Guard(app, token=token, names=names, people=people)


def _handle_parameters(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    item = error.errors()[0]
    where = ".".join(str(part)[:80] for part in item["loc"])
    value = repr(item.get("input"))[:80]
    return Problem(
        422, "E_PARAM", f"{where}: {item['msg']} (got {value})", where=where, fix="See docs/api.md."
    ).response()


def _handle_http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    titles = {404: "There is no such address", 405: "This address does not take that method"}
    title = titles.get(error.status_code, str(error.detail))
    return Problem(error.status_code, "E_HTTP", title, fix="docs/api.md lists all addresses.").response()


def _handle_unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", action="api", path=request.url.path, error=repr(error), exc_info=error)
    fix = "The orchestrator's log has the details; report it with them."
    return Problem(500, "E_INTERNAL", "The orchestrator failed on this request", fix=fix).response()
