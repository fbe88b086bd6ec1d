"""What the chain of the event log costs: a scripted campaign over 500 hosts with and without it, and its check."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from unittest import mock

from bench.table import Row, paired
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.store import events
from orchestrator.store.chain import Verifier
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.support.campaigns import NOON
from tests.support.control import Control

HOSTS, RUNS, LINES = 500, 5, 100_000


def rows() -> list[Row]:
    """Both figures."""
    return [_cost(), _verified()]


def _cost() -> Row:
    names = [f"web-{number}" for number in range(HOSTS)]
    plain, chained = _campaign(names, lambda: mock.patch.object(events, "link", _no_hash)), _campaign(names)
    a, b, ratio = paired(chained, plain, runs=RUNS)
    return Row(
        what=f"scripted campaign, {HOSTS} hosts, log chained",
        ours=f"{a:.2f} s",
        peer=f"{b:.2f} s (lines not hashed)",
        ratio=f"{ratio:.2f}x",
        aim="<= 1.05x",
    )


def _no_hash(_previous: str, _line: object) -> str:
    return ""


def _campaign(
    names: list[str], within: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Callable[[], None]:
    def play() -> None:
        with tempfile.TemporaryDirectory(prefix="dockwave-bench-") as folder, within():
            store = Store.open(f"sqlite:///{Path(folder)}/dockwave.db")
            control = Control(store)
            own = control.apply(names, waves="1,10%,rest", parallelism=50)
            control.run(own, lambda campaign: campaign.state in FINAL_CAMPAIGN)
            store.close()

    return play


def _verified() -> Row:
    with tempfile.TemporaryDirectory(prefix="dockwave-bench-") as folder:
        store = Store.open(f"sqlite:///{Path(folder)}/dockwave.db")
        epoch = store.take_lead("bench", NOON, timedelta(seconds=9))
        assert epoch is not None
        said = {
            "host": "web-1",
            "attempt_id": "cbench/web-1/1",
            "epoch": 1,
            "worker": "gw-1@bench",
            "step": "pull",
        }
        for _ in range(LINES // 1000):
            with store.write(epoch) as writer:
                writer.log([LogEntry(kind="heartbeat", at=NOON, campaign_id="cbench", data=said)] * 1000)
        began = time.perf_counter()
        verifier, seq = Verifier(), 0
        with store.read() as reader:
            while lines := reader.lines_after(seq, 2000):
                verifier.follow(lines)
                seq = lines[-1].seq
        seconds = time.perf_counter() - began
        assert not list(verifier.problems())
        assert verifier.head.length == LINES
        store.close()
    return Row(
        what=f"check of {LINES} chained lines of the log",
        ours=f"{seconds:.1f} s",
        peer="-",
        ratio="-",
        aim="seconds",
    )
