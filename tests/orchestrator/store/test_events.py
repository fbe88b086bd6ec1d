"""The log is numbered in the order of commits and read by campaign, host and number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.support.campaigns import NOON

TTL = timedelta(seconds=15)


def _entry(kind: str, campaign: str = "ca", host: str = "") -> LogEntry:
    return LogEntry(kind=kind, at=NOON, campaign_id=campaign, host=host, data={"said": "\x00\x1b[2J"})


def test_lines_are_read_after_a_number_by_campaign_and_host(store: Store) -> None:
    epoch = store.take_lead("test", NOON, TTL)
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.log([_entry("one", host="web-1"), _entry("two", host="web-2"), _entry("three", campaign="cb")])
    with store.write(epoch) as writer:
        writer.log([_entry("four", host="web-1")])
    with store.read() as reader:
        lines = reader.events_after(0)
        assert [line.kind for line in lines] == ["one", "two", "three", "four"]
        assert [line.seq for line in lines] == sorted({line.seq for line in lines})
        assert lines[0].data == {"said": "\x00\x1b[2J"}
        assert lines[0].at == NOON
        assert [line.kind for line in reader.events_after(lines[0].seq, limit=2)] == ["two", "three"]
        assert [line.kind for line in reader.events_after(0, campaign_id="cb")] == ["three"]
        assert [line.kind for line in reader.events_after(0, campaign_id="ca", host="web-1")] == [
            "one",
            "four",
        ]
        assert reader.last_seq() == lines[-1].seq


def test_a_reader_never_sees_a_later_line_before_an_earlier_one(open_stores: Callable[[], Store]) -> None:
    epoch = open_stores().take_lead("test", NOON, TTL)
    assert epoch is not None
    watcher = open_stores()
    stop = threading.Event()

    def write(store: Store, name: str) -> None:
        for _ in range(15):
            with store.write(epoch) as writer:
                writer.log([_entry(name), _entry(name)])

    def watch() -> None:
        seen = 0
        ended = False
        while not ended:
            ended = stop.is_set()  # asked before the look, so that the last look comes after the last write
            with watcher.read() as reader:
                new = reader.events_after(seen)
            found.extend(line.seq for line in new)
            seen = max((seen, *(line.seq for line in new)))

    found: list[int] = []
    writers = [threading.Thread(target=write, args=(open_stores(), str(number))) for number in range(3)]
    watching = threading.Thread(target=watch)
    watching.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    watching.join()
    assert len(found) == 90
