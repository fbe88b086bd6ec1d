"""Reports come in whole or not at all, and are acknowledged only after they were committed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.loop.received import Malformed, Received
from orchestrator.transport.reports import MAX_BYTES, Receiver, parse
from tasks.model import Mode
from tasks.wire import Report, ReportKind
from tests.support.hosts import ok
from tests.support.patience import eventually
from tests.support.redis import RedisServer
from tests.support.worker import publish

JSON = "application/json"


def _report(number: int = 1, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "attempt_id": f"ctest/web-{number}/1",
        "epoch": 1,
        "host": f"web-{number}",
        "mode": Mode.APPLY,
        "kind": ReportKind.RESULT,
        "result": ok(),
    }
    return Report(**fields | changes)


def test_a_report_is_read_back_as_it_was_sent() -> None:
    said = _report()
    assert parse(said.model_dump_json().encode(), JSON) == said
    assert parse(said.model_dump_json(), JSON) == said


def _with(text: str) -> bytes:
    """Give a report whose result data is this raw JSON."""
    return _report().model_dump_json().replace('"data":{}', f'"data":{{"x":{text}}}').encode()


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", JSON, "EOF"),
        (b"\xff\xfe", JSON, "expected value"),
        (b"[]", JSON, "valid dictionary"),
        (b"null", JSON, "valid dictionary"),
        (b'{"v":1}', JSON, "attempt_id: Field required"),
        (_report().model_dump_json().encode(), "application/x-python-serialize", "not JSON"),
        (_report().model_dump_json().encode(), None, "not JSON"),
        (b"x" * (MAX_BYTES + 1), JSON, "longer than"),
        (_report().model_dump_json().replace('"v":1', '"v":2').encode(), JSON, "version 2"),
        (_report(host="web-2").model_dump_json().encode(), JSON, "another host"),
        (_report(result=None).model_dump_json().encode(), JSON, "without a result"),
        (_report().model_dump_json().replace('"seq":0', '"seq":0,"sudo":1').encode(), JSON, "sudo"),
        (_report().model_dump_json().replace("ctest/web-1/1", "../../etc").encode(), JSON, "attempt_id"),
        (_with("NaN"), JSON, "expected value"),
        (_with('"\\ud800"'), JSON, "hex escape"),
        (_with("9" * 5000), JSON, "out of range"),
        (_with("[" * 5000 + "]" * 5000), JSON, "recursion"),
        (42, JSON, "neither text nor bytes"),
    ],
)
def test_what_is_no_report_is_told_apart_with_its_reason(body: Any, kind: str | None, reason: str) -> None:
    read = parse(body, kind)
    assert isinstance(read, Malformed)
    assert reason in read.reason
    assert len(read.head) <= 200


@given(body=st.binary(max_size=200), kind=st.sampled_from([JSON, "text/plain", None, ""]))
def test_no_bytes_whatever_break_the_reader(body: bytes, kind: str | None) -> None:
    assert isinstance(parse(body, kind), Malformed)


class Desk:
    """Takes batches as the loop does; `commit` decides whether they were committed."""

    def __init__(self) -> None:
        """Commit everything at first."""
        self.batches: list[list[Received]] = []
        self.commit = True
        self.guard = threading.Lock()

    def __call__(self, batch: Sequence[Received]) -> bool:
        """Take a batch."""
        with self.guard:
            self.batches.append(list(batch))
            return self.commit

    @property
    def received(self) -> list[Received]:
        """Everything that came in."""
        with self.guard:
            return [item for batch in self.batches for item in batch]


@pytest.fixture
def desk() -> Desk:
    """An empty desk."""
    return Desk()


@pytest.fixture
def receiver(redis_server: RedisServer, desk: Desk) -> Iterator[Receiver]:
    """A receiver of the test's Redis."""
    running = Receiver(redis_server.url, desk, jitter=lambda: 0.0, idle_s=0.2)
    running.start()
    eventually(lambda: running.connected)
    yield running
    running.stop()


def _hosts(desk: Desk) -> set[str]:
    return {item.host for item in desk.received if isinstance(item, Report)}


@pytest.mark.services
def test_many_reports_come_in_few_batches_and_nothing_is_left_behind(
    redis_server: RedisServer, receiver: Receiver, desk: Desk
) -> None:
    publish(redis_server.url, [_report(number) for number in range(300)])
    eventually(lambda: len(desk.received) == 300)
    assert len(desk.batches) < 100
    assert redis_server.length("reports") == 0
    receiver.stop()
    with redis_server.client() as client:
        assert client.hlen("unacked.orchestrator") == 0


@pytest.mark.services
def test_a_report_that_was_not_committed_comes_again_after_a_restart(
    redis_server: RedisServer, receiver: Receiver, desk: Desk
) -> None:
    desk.commit = False
    publish(redis_server.url, [_report()])
    eventually(lambda: len(desk.received) == 1)
    receiver.stop()
    desk.commit = True
    again = Receiver(redis_server.url, desk, idle_s=0.2)
    again.start()
    eventually(lambda: len(desk.received) == 2)
    again.stop()
    assert desk.received == [_report(), _report()]
    assert redis_server.length("reports") == 0


@pytest.mark.services
def test_garbage_pushed_straight_into_the_queue_is_counted_and_the_next_report_is_read(
    redis_server: RedisServer, receiver: Receiver, desk: Desk
) -> None:
    garbage = [b"", b"{", b"null", b"[]", b'"x"', b"{}", b'{"body":1}', b"\xff\xff", b"[" * 100_000]
    garbage += [json.dumps({"body": "!", "properties": {"delivery_tag": "t"}, "headers": {}}).encode()]
    with redis_server.client() as client:
        for item in garbage:
            client.lpush("reports", item)
            publish(redis_server.url, [_report(7)])
    eventually(lambda: sum(isinstance(item, Report) for item in desk.received) == len(garbage))
    eventually(lambda: sum(isinstance(item, Malformed) for item in desk.received) == len(garbage))
    assert receiver.connected


@pytest.mark.services
def test_reports_come_in_again_after_the_broker_was_killed_flushed_or_hung(
    redis_server: RedisServer, receiver: Receiver, desk: Desk
) -> None:
    redis_server.stop()
    eventually(lambda: not receiver.connected)
    redis_server.start()
    publish(redis_server.url, [_report(1)])
    eventually(lambda: _hosts(desk) == {"web-1"})
    redis_server.flush()
    publish(redis_server.url, [_report(2)])
    eventually(lambda: _hosts(desk) == {"web-1", "web-2"})
    redis_server.freeze()
    time.sleep(1)
    redis_server.thaw()
    publish(redis_server.url, [_report(3)])
    eventually(lambda: _hosts(desk) == {"web-1", "web-2", "web-3"})


@pytest.mark.services
def test_a_receiver_started_before_the_broker_reads_once_it_is_there(
    redis_server: RedisServer, desk: Desk
) -> None:
    redis_server.stop()
    early = Receiver(redis_server.url, desk, jitter=lambda: 0.0, idle_s=0.2)
    early.start()
    time.sleep(0.5)
    assert not early.connected
    redis_server.start()
    publish(redis_server.url, [_report()])
    eventually(lambda: len(desk.received) == 1)
    early.stop()
