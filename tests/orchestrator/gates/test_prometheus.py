"""The query gate against a real Prometheus that scrapes a real server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.campaign.gate import Gate, GateKind, Verdict
from orchestrator.gates import prometheus
from orchestrator.gates.answer import Answer

pytestmark = pytest.mark.services


class _Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b'errors{shop="a"} 3\nerrors{shop="b"} 7\n')

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of a Prometheus that scrapes a server of ours each second."""
    program = shutil.which("prometheus")
    assert program, "apt-get install prometheus"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Metrics) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "scrape_configs: [{job_name: shop, scrape_interval: 1s, "
            f"static_configs: [{{targets: ['127.0.0.1:{httpd.server_address[1]}']}}]}}]\n"
        )
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={tmp_path / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(60)
                httpd.shutdown()
                thread.join()


def test_what_a_real_prometheus_says_is_judged(address: str) -> None:
    gate = Gate(name="g", kind=GateKind.PROMETHEUS, url=address, query="errors", most=7)
    until = time.monotonic() + 60
    while (said := _ask(gate)).verdict is not Verdict.PASS and time.monotonic() < until:
        time.sleep(0.2)
    assert (said.verdict, said.detail) == (Verdict.PASS, "2 samples from 3 to 7")
    assert _ask(replace(gate, most=5)).verdict is Verdict.FAIL
    assert _ask(replace(gate, query="sum(errors)", most=9)).detail == "10 is above most 9"
    assert "no data" in _ask(replace(gate, query="nosuch")).detail
    assert "finite" in _ask(replace(gate, query="errors / 0 * 0")).detail
    assert "refused" in _ask(replace(gate, query="sum(")).detail
    assert "instant vector" in _ask(replace(gate, query="errors[1m]")).detail
    assert "stale" in prometheus.ask(replace(gate, query="errors @ 0 or vector(1)"), _in_an_hour()).detail


def _ask(gate: Gate) -> Answer:
    return prometheus.ask(gate, datetime.now(UTC))


def _in_an_hour() -> datetime:
    return datetime.fromtimestamp(time.time() + 3600, UTC)
