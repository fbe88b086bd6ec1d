"""Orders leave as Celery tasks that Flower can read; a broker in trouble delays them and breaks nothing."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.loop.orders import Sending, order_of, question_of
from orchestrator.plane import utc_now
from orchestrator.transport.broker import Sender
from tasks.model import Mode
from tasks.wire import Order
from tests.support.control import Control
from tests.support.patience import eventually
from tests.support.redis import RedisServer

pytestmark = pytest.mark.services


@pytest.fixture
def sendings(control: Control) -> list[Sending]:
    """Three orders of a real campaign, good for another minute."""
    own = control.apply(("web-1", "web-2", "web-3"), waves="rest", parallelism=3)
    control.tick()
    campaign = control.service.campaign(own)
    soon = utc_now() + timedelta(seconds=60)
    found = []
    for run in campaign.runs:
        assert run.attempt is not None
        fresh = order_of(campaign, run, run.attempt)
        order = fresh.order.model_copy(update={"expires_at": soon.timestamp()})
        found.append(Sending(order=order, waves=fresh.waves))
    return found


@pytest.fixture
def control(sqlite_store: Any) -> Control:
    """A control plane to take campaigns from."""
    return Control(sqlite_store)


@pytest.fixture
def sender(redis_server: RedisServer) -> Iterator[Sender]:
    """A sender that publishes to the test's Redis."""
    running = Sender(redis_server.url, now=utc_now, jitter=lambda: 0.0)
    running.start()
    yield running
    running.stop()


def _messages(server: RedisServer, queue: str = "gw.default") -> list[dict[str, Any]]:
    with server.client() as client:
        raw = client.lrange(queue, 0, -1)
    assert isinstance(raw, list)
    return [json.loads(item) for item in reversed(raw)]


def test_an_order_is_a_task_named_after_its_procedure_and_attempt(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    sender.send(sendings)
    eventually(lambda: redis_server.length("gw.default") == 3)
    message = _messages(redis_server)[0]
    order = sendings[0].order
    headers = message["headers"]
    assert headers["task"] == "engine.restart"
    assert headers["id"] == order.attempt_id
    assert headers["argsrepr"] == "()"
    assert headers["kwargsrepr"] == f"campaign={order.campaign_id} wave=1/1 host=web-1"
    assert datetime.fromisoformat(headers["expires"]) == datetime.fromtimestamp(order.expires_at, UTC)
    assert headers["ignore_result"] is True
    assert message["content-type"] == "application/json"
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert args == []
    assert Order.model_validate(kwargs["order"]) == order


def test_publishing_makes_nothing_in_redis_but_the_messages(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    sender.send(sendings)
    eventually(lambda: redis_server.length("gw.default") == 3)
    with redis_server.client() as client:
        assert client.keys("*") == [b"gw.default"]


def test_a_question_is_another_task_than_the_attempt_it_asks_about(
    redis_server: RedisServer, sender: Sender, control: Control
) -> None:
    own = control.apply(("web-9",))
    control.tick()
    campaign = control.service.campaign(own)
    run = campaign.runs[0]
    assert run.attempt is not None
    sender.send([question_of(campaign, run, run.attempt, Mode.RESUME, utc_now() + timedelta(seconds=30))])
    eventually(lambda: redis_server.length("gw.default") == 1)
    assert _messages(redis_server)[0]["headers"]["id"] == f"{run.attempt.id}~resume"


def test_an_expired_order_never_leaves(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    stale = Sending(order=sendings[0].order.model_copy(update={"expires_at": 1.0}), waves=1)
    sender.send([stale, sendings[1]])
    eventually(lambda: redis_server.length("gw.default") == 1)
    assert _messages(redis_server)[0]["headers"]["id"] == sendings[1].order.attempt_id


def test_orders_wait_for_a_broker_that_was_killed_and_leave_once_it_is_back(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    sender.send(sendings[:1])
    eventually(lambda: redis_server.length("gw.default") == 1)
    redis_server.stop()
    sender.send(sendings[1:])
    sender.send(sendings[1:])
    eventually(lambda: not sender.health.up)
    assert sender.health.trouble
    redis_server.start()
    eventually(lambda: redis_server.length("gw.default") == 2)
    assert sender.health.up


def test_a_hung_broker_is_noticed_and_holds_up_nobody(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    sender.send(sendings[:1])
    eventually(lambda: redis_server.length("gw.default") == 1)
    redis_server.freeze()
    try:
        began = time.monotonic()
        sender.send(sendings[1:])
        assert time.monotonic() - began < 0.5
        eventually(lambda: not sender.health.up, 20)
    finally:
        redis_server.thaw()
    ids = {sending.order.attempt_id for sending in sendings}
    # the hung one may have taken the message before it was given up: sent twice is fine, lost is not
    eventually(lambda: {item["headers"]["id"] for item in _messages(redis_server)} == ids)


def test_a_read_only_broker_is_trouble_until_it_takes_orders_again(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    with redis_server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        sender.send(sendings)
        eventually(lambda: not sender.health.up)
        client.execute_command("REPLICAOF", "NO", "ONE")
    eventually(lambda: redis_server.length("gw.default") == 3)


def test_a_full_broker_is_trouble_until_it_has_room_again(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    with redis_server.client() as client:
        client.config_set("maxmemory", 1)
        sender.send(sendings)
        eventually(lambda: not sender.health.up)
        client.config_set("maxmemory", 0)
    eventually(lambda: redis_server.length("gw.default") == 3)


def test_a_broker_that_refuses_our_password_is_trouble_and_the_password_is_not_told(
    redis_server: RedisServer, sendings: list[Sending], capsys: pytest.CaptureFixture[str]
) -> None:
    with redis_server.client() as client:
        client.config_set("requirepass", "right")
    wrong = Sender(f"redis://:hunter2@127.0.0.1:{redis_server.port}/0", now=utc_now)
    wrong.start()
    wrong.send(sendings)
    eventually(lambda: not wrong.health.up)
    wrong.stop()
    assert "hunter2" not in capsys.readouterr().out + wrong.health.trouble


def test_a_deposed_orchestrator_forgets_what_it_had_not_sent(
    redis_server: RedisServer, sender: Sender, sendings: list[Sending]
) -> None:
    redis_server.stop()
    sender.send(sendings)
    eventually(lambda: not sender.health.up)
    sender.clear()
    sender.send([_again(sendings[0], "ctest9999/web-1/1")])
    redis_server.start()
    eventually(lambda: redis_server.length("gw.default") > 0)
    assert [item["headers"]["id"] for item in _messages(redis_server)] == ["ctest9999/web-1/1"]


def _again(sending: Sending, attempt_id: str) -> Sending:
    return Sending(order=sending.order.model_copy(update={"attempt_id": attempt_id}), waves=1)
