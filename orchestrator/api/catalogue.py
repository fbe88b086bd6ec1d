"""Routes about what can be done, and how the orchestrator is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from orchestrator.api.contract import Service
from orchestrator.screens.views_catalogue import procedure_view
from tasks import catalog


def router(service: Service) -> APIRouter:
    """GET /v1/procedures[/NAME], GET /v1/status."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/procedures")
    def list_procedures() -> dict[str, Any]:
        """Every procedure."""
        return {"procedures": [procedure_view(item) for item in catalog.load_all().values()]}

    @routes.get("/procedures/{name}")
    def one_procedure(name: Annotated[str, Path(pattern=r"^[a-z0-9_.]{1,100}$")]) -> dict[str, Any]:
        """One procedure."""
        return procedure_view(catalog.find(name))

    @routes.get("/status")
    def status() -> dict[str, Any]:
        """Whether this orchestrator leads, hears the broker, and how many campaigns go on."""
        return dict(service.status())

    return routes
