"""An HTTP endpoint a test turns green and red, as a probe of a service is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Probe(HTTPServer):
    """Answers 204 while green and 503 while red; it turns red by itself after so many answers, if told so."""

    green = True
    turns_red_after: int | None = None
    asked = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}/health"

    def status(self) -> int:
        """The next answer."""
        status = 204 if self.green else 503
        self.asked += 1
        if self.asked == self.turns_red_after:
            self.green = False
        return status


class _Answer(BaseHTTPRequestHandler):
    server: Probe

    def do_GET(self) -> None:
        self.send_response(self.server.status())
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing on the test's standard error."""


@contextmanager
def probe() -> Iterator[Probe]:
    """One that answers meanwhile."""
    with Probe(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
