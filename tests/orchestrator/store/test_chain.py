"""The log shows every edit, removal, insertion and move of its lines, and a cut end against a head kept elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store import events, migrate
from orchestrator.store.chain import GENESIS, Line, LogHead, Verifier, link
from orchestrator.store.engine import WRITES, open_engine
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from tests.support.campaigns import NOON

TTL = timedelta(seconds=15)


def chained(texts: list[str]) -> list[Line]:
    """A log that says these."""
    lines: list[Line] = []
    for number, text in enumerate(texts, start=1):
        line = Line(seq=number, campaign_id="ca", host="", attempt_id="", at=NOON, kind="said", data=text)
        lines.append(replace(line, chain=link(lines[-1].chain if lines else GENESIS, line)))
    return lines


def problems(lines: list[Line], anchor: LogHead | None = None) -> list[str]:
    """What a reader of these finds."""
    verifier = Verifier(anchor)
    verifier.follow(lines)
    return list(verifier.problems())


LOGS = st.lists(st.text(max_size=5), min_size=3, max_size=12).map(chained)


@given(lines=LOGS)
def test_a_log_as_it_was_written_has_no_problems(lines: list[Line]) -> None:
    assert problems(lines) == []
    assert problems(lines, LogHead(length=2, chain=lines[1].chain)) == []
    assert problems([], LogHead(length=0, chain=GENESIS)) == []


@given(lines=LOGS, data=st.data())
def test_one_edited_line_is_found_where_it_is(lines: list[Line], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines) - 1))
    line = lines[place]
    changed = (
        replace(line, data=line.data + "x"),
        replace(line, kind="other"),
        replace(line, host="web-9"),
        replace(line, campaign_id="cb"),
        replace(line, attempt_id="ca/web-9/1"),
        replace(line, at=NOON + timedelta(microseconds=1)),
        replace(line, chain="0" * 63 + "1"),
        replace(line, chain=""),
    )
    lines[place] = data.draw(st.sampled_from(changed))
    assert any(f"line {place + 1} " in text for text in problems(lines))


@given(lines=LOGS, data=st.data())
def test_a_removed_moved_or_inserted_line_is_found(lines: list[Line], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines) - 2))
    assert problems(lines[:place] + lines[place + 1 :])
    swapped = [replace(line, seq=number) for number, line in enumerate(lines, start=1)]
    swapped[place], swapped[place + 1] = (
        replace(swapped[place + 1], seq=place + 1), replace(swapped[place], seq=place + 2),
    )  # fmt: skip
    assert problems(swapped)
    inserted = [*lines[:place], replace(lines[place], data="forged"), *lines[place:]]
    assert problems([replace(line, seq=number) for number, line in enumerate(inserted, start=1)])


@given(lines=LOGS, cut=st.integers(1, 3))
def test_a_cut_end_and_a_log_written_anew_show_against_the_head_kept_elsewhere(
    lines: list[Line], cut: int
) -> None:
    kept = LogHead(length=len(lines), chain=lines[-1].chain)
    assert problems(lines[:-cut]) == []
    assert "cut off" in problems(lines[:-cut], kept)[0]
    anew = chained([line.data + "!" for line in lines])
    assert problems(anew) == []
    assert "rewritten" in problems(anew, kept)[0]


def test_what_is_stored_is_what_was_hashed_also_with_concurrent_writers(
    open_stores: Callable[[], Store],
) -> None:
    first = open_stores()
    epoch = first.take_lead("test", NOON, TTL)
    assert epoch is not None

    def write(store: Store, name: str) -> None:
        for number in range(8):
            with store.write(epoch) as writer:
                said = {"said": "\x00\x1b[2J\ud800é", "n": number, "f": 0.1, "z": {"b": 1, "a": None}}
                writer.log([LogEntry(kind=name, at=NOON + timedelta(microseconds=number), data=said)] * 2)

    writers = [threading.Thread(target=write, args=(open_stores(), f"w{n}")) for n in range(3)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    with first.read() as reader:
        lines = list(reader.lines_after(0, 1000))
        head = reader.log_head()
    assert [line.seq for line in lines] == list(range(1, 49))
    assert problems(lines, head) == []
    assert head.length == 48


def test_a_broken_transaction_leaves_no_gap(sqlite_store: Store) -> None:
    epoch = sqlite_store.take_lead("test", NOON, TTL)
    assert epoch is not None
    entry = LogEntry(kind="one", at=NOON)

    def broken() -> None:
        with sqlite_store.write(epoch) as writer:
            writer.log([entry])
            raise KeyError("the turn broke")

    with pytest.raises(KeyError):
        broken()
    with sqlite_store.write(epoch) as writer:
        writer.log([entry])
    with sqlite_store.read() as reader:
        assert [line.seq for line in reader.lines_after(0, 10)] == [1]
        assert problems(list(reader.lines_after(0, 10))) == []


def test_lines_from_before_are_chained_by_the_migration(database_url: str) -> None:
    store = Store.open(database_url)
    epoch = store.take_lead("test", NOON, TTL)
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.log([LogEntry(kind=f"k{n}", at=NOON, data={"n": n}) for n in range(5)])
        expected = writer.log_head()
    store.close()
    engine = open_engine(database_url)
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert {line.chain for line in events.lines_after(connection, 0, 10)} == {""}
    engine.dispose()
    again = Store.open(database_url)
    with again.read() as reader:
        assert reader.log_head() == expected
        assert problems(list(reader.lines_after(0, 10)), expected) == []
    again.close()
