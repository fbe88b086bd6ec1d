"""Each kind of gate against a real server or program; whatever is odd is an error and never a pass."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import Gate, GateKind, Verdict
from orchestrator.gates import command, http, prometheus
from orchestrator.gates.asker import Asker
from orchestrator.loop.gate_questions import GateQuestion

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.split("/")[1])
        self.send_response(status)
        self.send_header("Location", "/200")
        self.end_headers()
        if self.path.endswith("/large"):
            self.wfile.write(b"x" * 2_000_000)

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a server whose pages are /STATUS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("200", Verdict.PASS),
        ("204", Verdict.PASS),
        ("302", Verdict.FAIL),
        ("404", Verdict.FAIL),
        ("503", Verdict.FAIL),
        ("200/large", Verdict.ERROR),
    ],
)
def test_the_status_decides_and_no_redirect_is_followed(server: str, path: str, verdict: Verdict) -> None:
    said = http.ask(Gate(name="g", kind=GateKind.HTTP, url=f"{server}/{path}"))
    assert said.verdict is verdict, said.detail


def test_a_server_that_is_away_is_an_error() -> None:
    assert http.ask(Gate(name="g", kind=GateKind.HTTP, url="http://127.0.0.1:1/")).verdict is Verdict.ERROR


def test_a_server_that_drips_its_headers_has_no_more_time_than_any_other() -> None:
    """Each of its lines came in time, and so the gate waited for all of them."""
    enough = threading.Event()

    class Drips(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.flush_headers()
            for _ in range(60):
                self.wfile.write(b"X-Drop: 1\r\n")
                if enough.wait(0.1):
                    return
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Drips) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        gate = Gate(
            name="g", kind=GateKind.HTTP, url=f"http://127.0.0.1:{httpd.server_address[1]}", timeout_s=0.5
        )
        said = http.ask(gate)
        enough.set()
        httpd.shutdown()
        thread.join()
    assert said.verdict is Verdict.ERROR
    assert said.detail == "no whole answer within 0.5 s"


def test_a_page_of_another_server_is_no_answer_of_prometheus(server: str) -> None:
    gate = Gate(name="g", kind=GateKind.PROMETHEUS, url=f"{server}/200", query="up", least=1)
    assert prometheus.ask(gate, NOW).verdict is Verdict.ERROR


def _vector(*values: str, age_s: float = 0.0) -> dict[str, Any]:
    instant = (NOW - timedelta(seconds=age_s)).timestamp()
    result = [{"metric": {}, "value": [instant, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("document", "verdict", "said"),
    [
        (_vector("1", "2"), Verdict.PASS, "2 samples"),
        (_vector("1", "0.5"), Verdict.FAIL, "below least"),
        (_vector("1", "6"), Verdict.FAIL, "above most"),
        (_vector(), Verdict.ERROR, "no data"),
        (_vector("NaN"), Verdict.ERROR, "finite"),
        (_vector("+Inf"), Verdict.ERROR, "finite"),
        (_vector("1", age_s=61), Verdict.ERROR, "stale"),
        ({"status": "error", "error": "bad\nquery"}, Verdict.ERROR, "bad query"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, Verdict.ERROR, "instant"),
        ({"status": "success"}, Verdict.ERROR, "query API"),
        ([], Verdict.ERROR, "query API"),
        (None, Verdict.ERROR, "query API"),
        (
            {"status": "success", "data": {"resultType": "scalar", "result": [NOW.timestamp(), "3"]}},
            Verdict.PASS,
            "from 3 to 3",
        ),
    ],
)
def test_all_samples_must_hold_and_what_tells_nothing_is_an_error(
    document: Any, verdict: Verdict, said: str
) -> None:
    gate = Gate(name="g", kind=GateKind.PROMETHEUS, least=1, most=5)
    found = prometheus.judge(gate, json.loads(json.dumps(document)), NOW)
    assert found.verdict is verdict
    assert said in found.detail


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, Verdict.PASS), (1, Verdict.FAIL), (2, Verdict.INCONCLUSIVE), (3, Verdict.ERROR)],
)
def test_the_exit_code_of_a_command_decides(code: int, verdict: Verdict) -> None:
    said = command.ask(_run(f"print('so it is\\nindeed'); raise SystemExit({code})"))
    assert (said.verdict, said.detail) == (verdict, f"exit {code} so it is indeed")


def test_a_command_that_is_not_there_is_an_error() -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, argv=("/no/such/program",))
    assert command.ask(gate).verdict is Verdict.ERROR


def test_a_command_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKWAVE_DATABASE_URL", "postgresql://u:secret@h/d")
    assert "secret" not in command.ask(_run("import os; print(dict(os.environ))")).detail


def test_a_command_that_floods_its_output_is_an_error() -> None:
    assert command.ask(_run("print('x' * 3_000_000, flush=True)")).verdict is not Verdict.PASS


def test_a_command_ends_with_its_time_and_its_children_with_it(tmp_path: Path) -> None:
    child = f"import time; time.sleep(3); open({str(tmp_path / 'late')!r}, 'w')"
    code = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    gate = Gate(name="g", kind=GateKind.COMMAND, argv=(sys.executable, "-c", code), timeout_s=1.0)
    said = command.ask(gate)
    assert said.verdict is Verdict.ERROR
    assert "was killed" in said.detail
    assert not (tmp_path / "late").exists()


def test_the_asker_answers_the_question_it_was_asked(server: str) -> None:
    done = threading.Event()
    found: list[tuple[str, GateAnswered]] = []

    def deliver(campaign_id: str, event: GateAnswered) -> None:
        found.append((campaign_id, event))
        done.set()

    asker = Asker(deliver, now=lambda: NOW)
    gate = Gate(name="http-1", kind=GateKind.HTTP, url=f"{server}/200")
    asker.ask([GateQuestion(campaign_id="c1", gate=gate, wave=2, asked_at=NOW)])
    assert done.wait(30)
    asker.stop()
    assert found == [
        (
            "c1",
            GateAnswered(gate="http-1", wave=2, asked_at=NOW, verdict=Verdict.PASS, detail="status 200"),
        )
    ]


def test_a_question_that_waited_until_it_is_asked_again_is_dropped(server: str) -> None:
    """Hundreds of slots with a slow server: repetitions would wait behind what they repeat, for ever."""
    found: list[GateAnswered] = []
    done = threading.Event()

    def deliver(_campaign_id: str, event: GateAnswered) -> None:
        found.append(event)
        done.set()

    asker = Asker(deliver, now=lambda: NOW)
    gate = Gate(name="http-1", kind=GateKind.HTTP, url=f"{server}/200", timeout_s=10.0)
    for ago_s in (16, 15):
        asked_at = NOW - timedelta(seconds=ago_s)
        asker.ask([GateQuestion(campaign_id="c1", gate=gate, wave=1, asked_at=asked_at)])
    assert done.wait(30)
    asker.stop()
    assert [event.asked_at for event in found] == [NOW - timedelta(seconds=15)]


def _run(code: str) -> Gate:
    return Gate(name="g", kind=GateKind.COMMAND, argv=(sys.executable, "-c", code), timeout_s=30.0)
