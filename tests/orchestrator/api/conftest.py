"""An API on a real port, and the token for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.orchestrator.scripted import RunningApi, ScriptedService, running_api


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """One API for all tests here."""
    with running_api(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture
def service(server: RunningApi) -> ScriptedService:
    """Its script, empty."""
    server.service.__init__()  # type: ignore[misc]  # the server keeps this very object; the test wants it fresh
    return server.service


@pytest.fixture
def token(server: RunningApi) -> str:
    """The right token."""
    return Path(server.token_file).read_text().strip()


@pytest.fixture
def client(server: RunningApi, service: ScriptedService, token: str) -> Iterator[httpx.Client]:
    """A client that may ask."""
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20
    ) as http:
        yield http
