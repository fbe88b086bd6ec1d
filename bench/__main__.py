"""`python -m bench`: every figure of docs/figures.md in one run (root, Debian; about three minutes)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import redis

from bench import audit
from bench.loopback import Loopback
from bench.peers import BarePool, ControlMaster
from bench.reading import NAME
from bench.table import Row, paired, show
from deploy.lab import outer
from orchestrator.loop.orders import Sending
from orchestrator.transport.broker import Sender
from orchestrator.transport.reports import Receiver
from tasks.connection import Command
from tasks.model import Mode
from tasks.wire import Order, Report, ReportKind
from tests.support.redis import RedisServer
from workers.connections.pool import ConnectionPool

HOSTS, RUNS = 50, 9
#: seconds the idle agent is watched
IDLE_S = 60


def main() -> int:
    """Run everything and print the table."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="dockwave-bench-") as folder, outer.in_use():
        socket = outer.ensure().argv()[2].removeprefix("unix://")
        lab = Loopback(folder=Path(folder), count=HOSTS, socket=socket)
        server = RedisServer(Path(folder))
        lab.start()
        server.start()
        try:
            rows += [
                _one_command(lab),
                _through_the_queue(lab, server),
                _memory_per_host(lab),
                *_idle_agent(server),
                *audit.rows(),
            ]
        finally:
            lab.stop()
            server.stop()
    print(
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {HOSTS} loopback hosts, {RUNS} paired runs\n"
    )
    print(show(rows))
    return 0


def _one_command(lab: Loopback) -> Row:
    """One command on one warm connection against `ssh` through ControlMaster."""
    pool, peer = ConnectionPool(), ControlMaster(lab, lab.addresses[0])
    host = lab.host(lab.addresses[0])

    def ours() -> None:
        for _ in range(20):
            with pool.get(host) as connection:
                connection.run(Command(argv=("true",)))

    def theirs() -> None:
        for _ in range(20):
            peer.run("true")

    a, b, ratio = paired(ours, theirs, runs=RUNS)
    pool.close_all()
    peer.close()
    return Row(what="one command, warm, one host", ours=f"{a / 20 * 1000:.1f} ms", peer=f"{b / 20 * 1000:.1f} ms "
               "(ssh, ControlMaster)", ratio=f"{ratio:.2f}x", aim="<= 1.5x")  # fmt: skip


def _through_the_queue(lab: Loopback, server: RedisServer) -> Row:
    """A read on 50 hosts, order to report, against bare paramiko."""
    with _worker(server, None) as _, _queue(server) as ask:
        peer = BarePool(lab)
        a, b, ratio = paired(lambda: ask(lab), peer.read_all, runs=RUNS)
        peer.close()
    return Row(what=f"read of {HOSTS} hosts through the whole queue", ours=f"{a * 1000:.0f} ms",
               peer=f"{b * 1000:.0f} ms (paramiko, NODELAY, threads)", ratio=f"{ratio:.2f}x", aim="<= 2x")  # fmt: skip


def _memory_per_host(lab: Loopback) -> Row:
    """What a warm host adds to a process."""
    pool = ConnectionPool()
    with pool.get(lab.host(lab.addresses[0])) as connection:
        connection.run(Command(argv=("true",)))
    before = _rss(os.getpid())
    for address in lab.addresses[1:]:
        with pool.get(lab.host(address)) as connection:
            connection.run(Command(argv=("true",)))
    added = (_rss(os.getpid()) - before) / (HOSTS - 1)
    pool.close_all()
    return Row(
        what="memory a warm SSH host adds", ours=f"{added / 1024:.0f} KiB", peer="-", ratio="-", aim="-"
    )


def _idle_agent(server: RedisServer) -> list[Row]:
    """An agent with nothing to do, in an environment that has what an agent needs and nothing else."""
    with (
        tempfile.TemporaryDirectory(prefix="dockwave-agent-") as folder,
        _worker(server, _agent_python(Path(folder))) as process,
        server.client() as client,
    ):
        time.sleep(15)
        before = _commands(client)
        time.sleep(IDLE_S)
        rate = (_commands(client) - before - 1) / IDLE_S
        rss = _rss(process.pid)
    return [
        Row(
            what="idle agent, resident memory",
            ours=f"{rss / 2**20:.0f} MB",
            peer="-",
            ratio="-",
            aim="<= 70 MB",
        ),
        Row(
            what="idle agent, Redis commands a second", ours=f"{rate:.2f}", peer="-", ratio="-", aim="<= 0.3"
        ),
    ]


def _commands(client: redis.Redis) -> int:
    """Commands Redis has processed, without the INFO that asks."""
    return int(client.info("stats")["total_commands_processed"])


def _rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


_GATEWAY_ONLY = {"DOCKWAVE_CONCURRENCY", "DOCKWAVE_POLL_S"}


def _agent_python(folder: Path) -> Path:
    """Python of a fresh environment made from requirements-agent.lock."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", "requirements-agent.lock"], check=True)
    wheels = folder / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), "."]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([*pip, "--no-deps", *map(str, wheels.glob("*.whl"))], check=True)
    return folder / "bin" / "python"


@contextmanager
def _worker(server: RedisServer, agent: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker process; the gateway also knows the bench's own read."""
    environ = os.environ | {
        "DOCKWAVE_BROKER_URL": server.url,
        "DOCKWAVE_CONCURRENCY": "50",
        "DOCKWAVE_POLL_S": "1",
    }
    argv = [sys.executable, "-m", "bench.gateway"]
    if agent is not None:
        argv = [str(agent), "-m", "workers", "run", "--host", "idle"]
        environ = {name: value for name, value in environ.items() if name not in _GATEWAY_ONLY}
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _queue(server: RedisServer) -> Iterator[Callable[[Loopback], None]]:
    """The orchestrator's own sender and receiver; gives a call that reads every host once."""
    answered: dict[str, Report] = {}

    def deliver(batch: object) -> bool:
        assert isinstance(batch, list | tuple)
        answered.update(
            {r.attempt_id: r for r in batch if isinstance(r, Report) and r.kind is ReportKind.RESULT}
        )
        return True

    sender, receiver = Sender(server.url, now=lambda: datetime.now(UTC)), Receiver(server.url, deliver)
    sender.start()
    receiver.start()

    def ask(lab: Loopback) -> None:
        campaign = f"c{uuid.uuid4().hex[:8]}"
        orders = [_order(campaign, lab, address) for address in lab.addresses]
        wanted = {order.attempt_id for order in orders}
        sender.send([Sending(order=order, waves=1) for order in orders])
        end = time.monotonic() + 60
        while not wanted <= answered.keys():
            if time.monotonic() > end:
                raise TimeoutError(f"{len(wanted - answered.keys())} hosts did not answer")
            time.sleep(0.001)
        results = [answered[name].result for name in wanted]
        failed = [result for result in results if result is None or result.failed]
        if failed:
            raise RuntimeError(str(failed[0]))

    try:
        yield ask
    finally:
        sender.stop()
        receiver.stop()


def _order(campaign: str, lab: Loopback, address: str) -> Order:
    host = lab.host(address)
    return Order(
        attempt_id=f"{campaign}/{host.name}/1",
        epoch=1,
        mode=Mode.APPLY,
        campaign_id=campaign,
        wave=1,
        host=host,
        procedure=NAME,
        params={},
        expires_at=time.time() + 60,
        timeout_s=60,
    )


if __name__ == "__main__":
    sys.exit(main())
