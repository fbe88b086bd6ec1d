"""Reports outlive a broker that is away: every result arrives, in order, once it is back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kombu.connection import Connection as Broker

from tasks.model import Mode
from tasks.queues import REPORTS, transport_options
from tasks.result import HostResult, Outcome
from tasks.wire import Report, ReportKind
from tests.support.redis import RedisServer
from workers.reporter import Reporter

pytestmark = pytest.mark.services


def result(number: int) -> Report:
    """The result of attempt `number`."""
    return Report(
        attempt_id=f"c1/web-1/{number}",
        epoch=number,
        host="web-1",
        mode=Mode.APPLY,
        kind=ReportKind.RESULT,
        result=HostResult(outcome=Outcome.OK),
    )


def arrived(server: RedisServer) -> list[str]:
    """Attempts whose reports wait in the queue, oldest first."""
    with server.client() as client:
        bodies = [json.loads(item)["body"] for item in client.lrange(REPORTS, 0, -1)]
    reports = [json.loads(body if body.startswith("{") else _plain(body)) for body in bodies]
    return [report["attempt_id"] for report in reversed(reports)]


def _plain(body: str) -> str:
    import base64

    return base64.b64decode(body).decode()


def wait_for(server: RedisServer, count: int) -> list[str]:
    """The attempts, as soon as there are so many."""
    end = time.monotonic() + 30
    while len(found := arrived(server)) < count:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_results_sent_while_the_broker_is_away_arrive_when_it_is_back(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    url = server.url
    reporter = Reporter(lambda: Broker(url, transport_options=transport_options(polling_interval_s=1)))
    reporter.start()
    try:
        reporter.send(result(1))
        assert wait_for(server, 1) == ["c1/web-1/1"]
        server.stop()
        for number in (2, 3, 4):
            reporter.send(result(number))
        time.sleep(1)
        server.start()
        # the queue of the first life died with the broker; what this process still held has not
        assert wait_for(server, 3) == ["c1/web-1/2", "c1/web-1/3", "c1/web-1/4"]
    finally:
        reporter.stop()
        server.stop()
