"""The command line, run in this process against a scripted control plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.main import app
from tests.orchestrator.scripted import RunningApi, ScriptedService, running_api

INVENTORY = """\
version: 1
groups:
  web: {hosts: ["web-[1:3]"], connect: ssh, labels: {tier: front}, ssh: {user: root}}
  db: {hosts: [db-1], connect: ssh, labels: {tier: back}}
protect: {images: ["registry.example.net/base/*"]}
"""

Dockwave = Callable[..., Result]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """One control plane for all tests here."""
    with running_api(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture
def service(server: RunningApi) -> ScriptedService:
    """Its script, empty."""
    server.service.__init__()  # type: ignore[misc]  # the server keeps this very object; the test wants it fresh
    return server.service


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Four hosts in two groups."""
    path = tmp_path / "hosts.yaml"
    path.write_text(INVENTORY)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dockwave:
    """The command line where no control plane was ever started."""
    for name in ("DOCKWAVE_CONFIG", "DOCKWAVE_API_URL", "DOCKWAVE_TOKEN_FILE", "DOCKWAVE_INVENTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKWAVE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*argv: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(app, list(argv), input=answers)

    return run


@pytest.fixture
def dockwave(
    bare: Dockwave,
    server: RunningApi,
    service: ScriptedService,
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Dockwave:
    """The command line beside the scripted control plane."""
    monkeypatch.setenv("DOCKWAVE_API_URL", server.url)
    monkeypatch.setenv("DOCKWAVE_TOKEN_FILE", str(server.token_file))
    monkeypatch.setenv("DOCKWAVE_INVENTORY", str(inventory))
    return bare


@pytest.fixture
def free_text_server() -> Iterator[Callable[[bytes], str]]:
    """A server that answers every request with one text; gives its address."""
    import http.server
    import threading

    servers: list[tuple[http.server.HTTPServer, threading.Thread]] = []

    def serve(text: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
