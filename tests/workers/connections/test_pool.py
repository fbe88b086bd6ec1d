"""A pool keeps connections warm, shares them safely, and closes what nobody uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.connection import Command, Connection
from tasks.errors import OrderRefused
from tasks.model import Host, Transport
from tests.support.sshd import Sshd
from tests.workers.connections.conftest import QUICK
from workers.connections.pool import ConnectionPool, PoolLimits

TRUE = Command(argv=("true",))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Iterator[ConnectionPool]:
    made = ConnectionPool(
        settings=QUICK,
        limits=PoolLimits(idle_s=100.0, hosts=3, sessions=2, wait_s=0.3),
        clock=clock,
    )
    yield made
    made.close_all()


def _local(number: int) -> Host:
    return Host(name=f"agent-{number}", transport=Transport.LOCAL)


def test_a_connection_is_used_again(pool: ConnectionPool) -> None:
    with pool.get(_local(1)) as first:
        assert first.run(TRUE).ok
    with pool.get(_local(1)) as second:
        assert second is first


def test_two_users_of_one_host_get_sessions_of_their_own(pool: ConnectionPool) -> None:
    with pool.get(_local(1)) as first, pool.get(_local(1)) as second:
        assert first is not second


def test_a_user_too_many_waits_and_is_then_refused(pool: ConnectionPool) -> None:
    with pool.get(_local(1)), pool.get(_local(1)):
        with pytest.raises(OrderRefused) as caught, pool.get(_local(1)):
            pytest.fail("three sessions where two are allowed")
        assert caught.value.retryable
        with pool.get(_local(2)) as other:
            assert other.run(TRUE).ok


def test_a_waiting_user_gets_the_session_that_becomes_free(clock: Clock) -> None:
    pool = ConnectionPool(limits=PoolLimits(sessions=1, wait_s=10.0), clock=clock)
    entered = threading.Event()
    leave = threading.Event()

    def hold() -> None:
        with pool.get(_local(1)):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    with pool.get(_local(1)) as connection:
        assert connection.run(TRUE).ok
    holder.join()
    pool.close_all()


def test_unused_hosts_are_closed_and_used_ones_are_not(pool: ConnectionPool, clock: Clock) -> None:
    with pool.get(_local(1)):
        pass
    clock.now += 60
    with pool.get(_local(2)):
        clock.now += 60
        assert pool.sweep() == 1
        assert pool.warm_hosts == ("agent-2",)
        clock.now += 1000
        assert pool.sweep() == 0
    assert pool.sweep() == 0
    clock.now += 100
    assert pool.sweep() == 1


def test_the_longest_unused_host_makes_room(pool: ConnectionPool, clock: Clock) -> None:
    for number in (1, 2, 3, 1):
        clock.now += 1
        with pool.get(_local(number)):
            pass
    with pool.get(_local(4)):
        pass
    assert set(pool.warm_hosts) == {"agent-1", "agent-3", "agent-4"}


def test_a_full_pool_refuses_when_everything_is_in_use(pool: ConnectionPool) -> None:
    with pool.get(_local(1)), pool.get(_local(2)), pool.get(_local(3)) as last:
        with pytest.raises(OrderRefused), pool.get(_local(4)):
            pytest.fail("a fourth host where three are allowed")
        assert last.run(TRUE).ok


def test_a_host_whose_address_changed_is_another_connection(pool: ConnectionPool) -> None:
    with pool.get(_local(1)) as first:
        pass
    with pool.get(replace(_local(1), socket="/other.sock")) as second:
        assert second is not first
    with pool.get(replace(_local(1), labels={"tier": "front"}, groups=("g",))) as third:
        assert third is first


def test_a_closed_pool_gives_out_nothing(pool: ConnectionPool) -> None:
    with pool.get(_local(1)):
        pool.close_all()
        pool.close_all()
    with pytest.raises(OrderRefused), pool.get(_local(1)):
        pytest.fail("a connection from a closed pool")


def test_an_error_in_use_gives_the_session_back(pool: ConnectionPool) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), pool.get(_local(1)):
            raise ZeroDivisionError


@pytest.mark.services
def test_sessions_on_one_host_share_one_ssh_connection(pool: ConnectionPool, own_server: Sshd) -> None:
    host = own_server.host()
    with pool.get(host) as first, pool.get(host) as second, ThreadPoolExecutor(2) as threads:
        started = time.monotonic()
        sleep = Command(argv=("sleep", "1"))
        assert all(result.ok for result in threads.map(lambda c: c.run(sleep), (first, second)))
        assert time.monotonic() - started < 1.9
        assert len(own_server.sessions()) == 1


@pytest.mark.services
def test_hosts_behind_one_jump_host_share_the_way_to_it(
    pool: ConnectionPool, own_server: Sshd, server: Sshd, jump: Sshd
) -> None:
    middle = own_server.hop()
    with (
        pool.get(server.host("web-1", jumps=(middle,))) as one,
        pool.get(jump.host("web-2", jumps=(middle,))) as two,
    ):
        assert one.run(TRUE).ok
        assert two.run(TRUE).ok
        assert len(own_server.sessions()) == 1


@pytest.mark.services
def test_a_dead_connection_is_replaced(pool: ConnectionPool, own_server: Sshd) -> None:
    host = own_server.host()
    with pool.get(host) as connection:
        assert connection.run(TRUE).ok
    own_server.kill_sessions()
    time.sleep(0.3)
    with pool.get(host) as again:
        assert again is connection
        assert again.run(TRUE).ok


@pytest.mark.services
def test_an_idle_host_is_disconnected(pool: ConnectionPool, clock: Clock, own_server: Sshd) -> None:
    with pool.get(own_server.host()) as connection:
        assert connection.run(TRUE).ok
    assert own_server.sessions()
    clock.now += 100
    assert pool.sweep() == 1
    end = time.monotonic() + 5
    while own_server.sessions() and time.monotonic() < end:
        time.sleep(0.05)
    assert own_server.sessions() == []


@pytest.mark.services
def test_a_lock_held_by_one_session_excludes_the_other(pool: ConnectionPool, own_server: Sshd) -> None:
    path = f"/run/lock/dockwave-test-{own_server.port}.lock"
    host = own_server.host()
    with pool.get(host) as first, pool.get(host) as second, first.lock(path) as lock:
        with pytest.raises(OrderRefused), second.lock(path):
            pytest.fail("two orders hold one lock")
        assert second.run(TRUE).ok
        assert lock.held()
    Path(path).unlink(missing_ok=True)


@pytest.mark.services
def test_many_threads_on_few_hosts_mix_nothing_up(server: Sshd, jump: Sshd) -> None:
    pool = ConnectionPool(settings=QUICK, limits=PoolLimits(sessions=3, wait_s=60.0))
    hosts = (server.host("web-1"), jump.host("web-2"))

    def one(number: int) -> bool:
        with pool.get(hosts[number % 2]) as connection:
            return _echo(connection, f"{number}-{'x' * (number * 97 % 5000)}")

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(one, range(120)))
    pool.close_all()


def _echo(connection: Connection, text: str) -> bool:
    return connection.run(Command(argv=("cat",), stdin=text.encode())).stdout.data == text.encode()
