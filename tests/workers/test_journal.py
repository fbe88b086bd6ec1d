"""The journal's lines and the host's record survive what hosts and crashes do to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import TransportError
from tasks.procedure import EngineStep, EngineVerb, RunStep, WriteStep
from tasks.result import Finding, HostError, HostResult, Outcome, StepResult, StepState
from workers.host_record import Entry, EntryKind, Sibling, parse_host_record, slug

TEXT = st.text(max_size=30)
STEPS = st.one_of(
    st.builds(RunStep, key=st.just("install"), title=TEXT, argv=st.tuples(TEXT)),
    st.builds(
        WriteStep, key=st.just("file"), title=TEXT, path=st.just("/etc/x"), content=st.binary(max_size=50)
    ),
    st.builds(
        EngineStep, key=st.just("image:1"), title=TEXT, verb=st.just(EngineVerb.REMOVE_IMAGE), object_id=TEXT
    ),
)
RESULTS = st.builds(
    HostResult,
    outcome=st.sampled_from(Outcome),
    changed=st.booleans(),
    summary=TEXT,
    findings=st.tuples(st.builds(Finding, code=st.just("W_X"), detail=TEXT)),
    data=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
    error=st.none() | st.builds(HostError, code=st.just("E_X"), message=TEXT),
)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(EntryKind),
    at=st.floats(0, 2**32),
    boot=TEXT,
    key=TEXT,
    intent=st.none() | STEPS,
    step=st.none()
    | st.builds(StepResult, key=TEXT, title=TEXT, state=st.sampled_from(StepState), output=TEXT),
    result=st.none() | RESULTS,
    detail=TEXT,
    undo_of=st.none() | TEXT,
)


@given(ENTRIES)
def test_an_entry_is_one_ascii_line_and_reads_back_equal(entry: Entry) -> None:
    line = entry.line()
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert line.isascii()
    assert Entry.parse(line) == entry


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_nothing_and_never_a_crash(line: bytes) -> None:
    assert Entry.parse(line) is None or isinstance(Entry.parse(line), Entry)


@given(st.lists(ENTRIES, max_size=4), st.integers(0, 400))
def test_a_journal_cut_anywhere_gives_a_prefix_of_its_entries(entries: list[Entry], cut: int) -> None:
    body = b"".join(entry.line() for entry in entries)
    head = b"time 1.0\nboot b\nmachine m\nepoch 3\njournal\n"
    record = parse_host_record(head + body[:cut])
    assert record.entries == tuple(entries)[: len(record.entries)]
    assert len(record.entries) >= body[:cut].count(b"\n")


def test_the_record_lists_units_that_run_and_units_that_ended() -> None:
    text = (
        b"time 12.5\nboot x-7\nmachine abc\nepoch 41\nstop because\n"
        b"unit dockwave-c1-1-0a1b2c3d-install.service loaded activating start start Dockwave\n"
        b"unit dockwave-c1-1-0a1b2c3d-hold.service loaded active exited Dockwave\n"
        b"unit dockwave-c1-1-0a1b2c3d-bad.service loaded failed failed Dockwave\n"
        b"journal\n"
    )
    record = parse_host_record(text)
    assert [(unit.name.split("-")[-1], unit.running) for unit in record.units] == [
        ("install.service", True),
        ("hold.service", False),
        ("bad.service", False),
    ]
    assert (record.time, record.epoch, record.stop) == (12.5, 41, "because")


def test_the_record_lists_the_other_attempts_of_the_campaign() -> None:
    text = (
        b"time 12.5\nboot x-7\nmachine abc\nepoch 41\n"
        b'sibling c1-1-0a1b2c3d {"kind":"accepted","at":1.0,"detail":"gw","undo_of":""}\n'
        b'sibling c1-2-0a1b2c3d {"kind":"accepted","at":1.0,"undo_of":"c1/web-1/1"}\n'
        b'sibling c1-3-0a1b2c3d {"kind":"accepted","at":1.0}\n'
        b'sibling c1-4-0a1b2c3d {"kind":"intent","at":1.0,"undo_of":""}\n'
        b'sibling c1-x-0a1b2c3d {"kind":"accepted","at":1.0,"undo_of":""}\n'
        b"sibling c1-5-0a1b2c3d torn\nsibling\nsibling nonsense\n"
        b"journal\n"
    )
    assert parse_host_record(text).siblings == (
        Sibling(number=1, undo_of=""),
        Sibling(number=2, undo_of="c1/web-1/1"),
    )


def test_dockwaves_own_services_on_the_host_are_no_attempts() -> None:
    text = (
        b"time 12.5\nboot x-7\nmachine abc\nepoch 41\n"
        b"unit dockwave-worker@edge-1.service loaded active running Dockwave agent of edge-1\n"
        b"unit dockwave-orchestrator.service.service loaded active running Dockwave\n"
        b"unit dockwave-c1-1-0a1b2c3d-install.service loaded active running Dockwave\n"
        b"journal\n"
    )
    assert [unit.name for unit in parse_host_record(text).units] == ["dockwave-c1-1-0a1b2c3d-install.service"]


@pytest.mark.parametrize("text", [b"", b"Welcome to Debian!\n", b"time soon\nboot b\njournal\n", b"\xff\xfe"])
def test_a_host_that_answers_nonsense_is_a_transport_error_with_a_hint(text: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        parse_host_record(text)
    assert caught.value.code == "E_PROTOCOL"
    assert caught.value.hint


def test_slugs_of_long_and_similar_attempts_differ_and_are_short() -> None:
    long = "c" * 24 + "/" + "h" * 253 + "/999999"
    assert len(slug(long)) < 60
    assert slug("c1/web-1/11") != slug("c1/web-11/1")
    assert slug("c1/a.1/1") != slug("c1/a/1")
