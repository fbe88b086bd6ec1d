"""A message against real programs and a real server: told means exit 0 or status 2xx; no secret is ever shown."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.notify import command, webhook
from orchestrator.notify.trouble import NotTold
from orchestrator.settings.channels import Channel

MESSAGE = json.dumps({"id": "c1/7", "event": "halted", "text": "‼ \x1b[2J"}).encode()
SECRET = "hunter2/correct-horse"


def _program(code: str, timeout_s: float = 30.0) -> Channel:
    return Channel(name="ops", argv=(sys.executable, "-c", code), timeout_s=timeout_s)


def _never() -> bool:
    return False


def test_a_program_reads_the_message_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SECRET", SECRET)
    code = f"import os, sys; open({str(tmp_path / 'got')!r}, 'w').write(sys.stdin.read() + str(dict(os.environ)))"
    command.tell(_program(code), MESSAGE, _never)
    got = (tmp_path / "got").read_text()
    assert got.startswith(MESSAGE.decode())
    assert SECRET not in got


def test_a_program_may_ignore_a_long_message_and_flood_its_output() -> None:
    command.tell(_program("print('x' * 3_000_000)"), b"x" * 1_000_000, _never)


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        (_program("raise SystemExit(3)"), "exit 3"),
        (_program("import os; os.kill(os.getpid(), 9)"), "exit -9"),
        (Channel(name="ops", argv=("/no/such/program",)), "it cannot be started: No such file or directory"),
        (_program("import time; time.sleep(60)", timeout_s=0.3), "did not end within 0.3 s and was killed"),
    ],
)
def test_any_other_end_of_a_program_is_told_without_what_it_said(channel: Channel, why: str) -> None:
    with pytest.raises(NotTold, match=why):
        command.tell(channel, MESSAGE, _never)


def test_a_program_ends_with_its_children_as_soon_as_nobody_waits_for_it(tmp_path: Path) -> None:
    born, late = tmp_path / "born", tmp_path / "late"
    child = f"import time; open({str(born)!r}, 'w').close(); time.sleep(2); open({str(late)!r}, 'w')"
    code = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    with pytest.raises(NotTold):
        command.tell(_program(code, timeout_s=60.0), MESSAGE, born.exists)
    time.sleep(2.5)
    assert not late.exists()


class _Hook(BaseHTTPRequestHandler):
    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append({"path": self.path, "body": body} | {k.lower(): v for k, v in self.headers.items()})
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Address of a server whose pages are /STATUS/…, and what was posted there."""
    seen: list[dict[str, Any]] = []
    handler = type("Hook", (_Hook,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", seen
        httpd.shutdown()
        thread.join()


def _private(path: Path, text: str = SECRET + "\n") -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_webhook_gets_the_message_its_id_and_its_secret(
    hook: tuple[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = hook
    monkeypatch.setenv("CHAT_SECRET", SECRET)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    webhook.tell(Channel(name="chat", url=f"{url}/200"), MESSAGE)
    webhook.tell(Channel(name="chat", url=f"{url}/204", secret_env="CHAT_SECRET"), MESSAGE)
    file = str(_private(tmp_path / "secret"))
    webhook.tell(Channel(name="chat", url=f"{url}/200/{{secret}}", secret_file=file), MESSAGE)
    assert [item["body"] for item in seen] == [MESSAGE] * 3
    assert {item["idempotency-key"] for item in seen} == {"c1/7"}
    assert [item.get("authorization") for item in seen] == [None, f"Bearer {SECRET}", None]
    assert seen[2]["path"] == f"/200/{SECRET}"


def test_no_log_of_the_orchestrator_has_the_secret_not_even_of_its_libraries(
    hook: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, seen = hook
    file = str(_private(tmp_path / "secret"))
    code = f"""
import logging
from orchestrator.notify import webhook
from orchestrator.settings.channels import Channel
from orchestrator.up.serve import configure_logs
configure_logs("debug")
logging.getLogger("other").debug("heard")
for path in ("/200/{{secret}}", "/200"):
    webhook.tell(Channel(name="chat", url={url!r} + path, secret_file={file!r}), {MESSAGE!r})
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert len(seen) == 2
    assert "heard" in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
def test_any_other_status_is_no_success_and_no_redirect_is_followed(
    hook: tuple[str, list[dict[str, Any]]], status: int
) -> None:
    url, seen = hook
    with pytest.raises(NotTold, match=f"status {status}"):
        webhook.tell(Channel(name="chat", url=f"{url}/{status}"), MESSAGE)
    assert len(seen) == 1


@contextmanager
def _listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers one connection in its own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)
                done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        done.set()
        thread.join()


def _drip(connection: socket.socket) -> None:
    connection.settimeout(10)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(400):
            connection.sendall(f"X-{number}: drip\r\n".encode())
            time.sleep(0.05)
    except OSError:
        return  # it hung up, as it should


@pytest.mark.parametrize("answer", [lambda _connection: None, _drip], ids=["silent", "a byte now and then"])
def test_a_server_that_takes_for_ever_is_left_in_time(answer: Callable[[socket.socket], None]) -> None:
    with _listening(answer) as url, pytest.raises(NotTold, match=r"no answer within 0\.5 s"):
        webhook.tell(Channel(name="chat", url=url, timeout_s=0.5), MESSAGE)


def test_a_server_that_talks_nonsense_or_is_away_is_told_by_the_kind_of_error_alone(tmp_path: Path) -> None:
    file = str(_private(tmp_path / "secret"))
    with _listening(lambda connection: connection.sendall(b"\x00\xff what\r\n\r\n")) as url:
        for place in (url, "http://127.0.0.1:1/"):
            with pytest.raises(NotTold, match=r"^no answer: [A-Za-z]+$") as caught:
                webhook.tell(Channel(name="chat", url=f"{place}{{secret}}", secret_file=file), MESSAGE)
            assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_there_or_not_private_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_SECRET", raising=False)
    shared = _private(tmp_path / "shared")
    shared.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(_private(tmp_path / "real"))
    cases = {
        Channel(name="c", url="https://h/", secret_env="CHAT_SECRET"): "variable CHAT_SECRET holds no secret",
        Channel(name="c", url="https://h/", secret_file=str(tmp_path / "none")): "No such file",
        Channel(name="c", url="https://h/", secret_file=str(shared)): "chmod 600",
        Channel(name="c", url="https://h/", secret_file=str(link)): "cannot be read",
        Channel(name="c", url="https://h/", secret_file=str(tmp_path)): "is no file that only its owner",
        Channel(
            name="c", url="https://h/", secret_file=str(_private(tmp_path / "two", "a\nb: c\n"))
        ): "holds no secret",
    }
    for channel, why in cases.items():
        with pytest.raises(NotTold, match=why) as caught:
            webhook.secret_of(channel)
        assert "hunter2" not in str(caught.value)
