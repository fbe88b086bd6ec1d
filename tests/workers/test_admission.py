"""Which orders a host takes: a table of records and orders."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model import Host, Mode, Transport
from tasks.result import ALLOWED_SKEW_S, HostResult, Outcome
from tasks.wire import Order
from workers.admission import Decision, admit, refuses_before
from workers.host_record import Entry, EntryKind, HostRecord, Sibling, UnitState, slug

RECORD = HostRecord(time=1000.0, boot="b", machine_id="m" * 32, epoch=5, stop=None, units=(), entries=())
ACCEPTED = Entry(kind=EntryKind.ACCEPTED, at=1.0)
ENDED = Entry(kind=EntryKind.RESULT, at=2.0, result=HostResult(outcome=Outcome.CHANGED, changed=True))


def order(**changes: object) -> Order:
    """An order the host would take."""
    values: dict[str, object] = {
        "attempt_id": "c1/web-1/1",
        "epoch": 6,
        "mode": Mode.APPLY,
        "campaign_id": "c1",
        "wave": 1,
        "host": Host(name="web-1", transport=Transport.LOCAL),
        "procedure": "disk.usage",
        "params": {},
        "expires_at": 1060.0,
        "timeout_s": 60,
    }
    return Order.model_validate(values | changes)


@pytest.mark.parametrize(
    ("record", "asked", "now", "code"),
    [
        (RECORD, order(epoch=5), 1000, "E_STALE_EPOCH"),
        (RECORD, order(epoch=1), 1000, "E_STALE_EPOCH"),
        (RECORD, order(), 1061, "E_ORDER_EXPIRED"),
        (replace(RECORD, time=2000.0), order(), 1000, "E_ORDER_EXPIRED"),
        (RECORD, order(machine_id="x" * 32), 1000, "E_HOST_IDENTITY"),
        (replace(RECORD, machine_id=""), order(machine_id="x" * 32), 1000, "E_HOST_IDENTITY"),
        (replace(RECORD, stop=""), order(), 1000, "E_KILL_SWITCH"),
        (replace(RECORD, halt="c1 was aborted"), order(), 1000, "E_STOPPED"),
        (replace(RECORD, halt=""), order(), 1000, "E_STOPPED"),
        (RECORD, order(v=2), 1000, "E_PROTOCOL"),
        (RECORD, order(mode=Mode.RESUME), 1000, "E_NOT_STARTED"),
        (
            replace(RECORD, units=(UnitState(name="dockwave-cx-1-00000000-install.service", running=True),)),
            order(),
            1000,
            "E_HOST_BUSY",
        ),
    ],
)
def test_an_order_is_refused_with_its_reason(record: HostRecord, asked: Order, now: float, code: str) -> None:
    admission = admit(asked, record, now=now)
    assert admission.decision is Decision.REFUSE
    assert admission.error is not None
    assert admission.error.code == code
    assert "web-1" in admission.error.message or code == "E_PROTOCOL"


def test_a_new_order_is_started() -> None:
    assert admit(order(), RECORD, now=1000).decision is Decision.START
    assert admit(order(machine_id="m" * 32), RECORD, now=1000).decision is Decision.START


def test_an_ended_unit_of_another_attempt_does_not_make_the_host_busy() -> None:
    units = (UnitState(name="dockwave-cx-1-00000000-install.service", running=False),)
    assert admit(order(), replace(RECORD, units=units), now=1000).decision is Decision.START


def test_a_unit_of_the_attempt_itself_does_not_make_the_host_busy() -> None:
    units = (UnitState(name=f"dockwave-{slug('c1/web-1/1')}-install.service", running=True),)
    assert admit(order(), replace(RECORD, units=units), now=1000).decision is Decision.START


@pytest.mark.parametrize("mode", [Mode.APPLY, Mode.RESUME, Mode.UNDO])
def test_a_known_attempt_goes_on_however_late(mode: Mode) -> None:
    known = replace(RECORD, epoch=6, entries=(ACCEPTED,))
    assert admit(order(mode=mode), known, now=10**9).decision is Decision.CONTINUE


@pytest.mark.parametrize("mode", [Mode.APPLY, Mode.RESUME])
def test_an_ended_attempt_answers_with_its_stored_result(mode: Mode) -> None:
    admission = admit(order(mode=mode), replace(RECORD, epoch=9, entries=(ACCEPTED, ENDED)), now=10**9)
    assert admission.decision is Decision.ANSWER
    assert admission.result == ENDED.result


def test_an_overtaken_attempt_answers_unknown_and_stops() -> None:
    admission = admit(order(), replace(RECORD, epoch=7, entries=(ACCEPTED,)), now=1000)
    assert admission.decision is Decision.ANSWER
    assert admission.result is not None
    assert admission.result.outcome is Outcome.UNKNOWN


FORWARD, BACK = replace(ACCEPTED, undo_of=""), replace(ACCEPTED, undo_of="c1/web-1/1")
UNDO = order(attempt_id="c1/web-1/2", mode=Mode.UNDO, undo_of="c1/web-1/1")


@pytest.mark.parametrize(
    ("record", "asked", "code"),
    [
        (replace(RECORD, entries=(FORWARD, ENDED)), UNDO, "E_ATTEMPT_REUSED"),
        (replace(RECORD, entries=(FORWARD,)), UNDO, "E_ATTEMPT_REUSED"),
        (replace(RECORD, entries=(BACK, ENDED)), order(), "E_ATTEMPT_REUSED"),
        (replace(RECORD, entries=(BACK, ENDED)), order(mode=Mode.RESUME), "E_NOT_STARTED"),
        (replace(RECORD, siblings=(Sibling(number=2, undo_of=""),)), order(), "E_ATTEMPT_REUSED"),
        (replace(RECORD, siblings=(Sibling(number=2, undo_of=""),)), order(epoch=1), "E_ATTEMPT_REUSED"),
        (replace(RECORD, siblings=(Sibling(number=3, undo_of="c1/web-1/1"),)), UNDO, "E_ATTEMPT_REUSED"),
    ],
)
def test_what_the_database_has_forgotten_is_neither_done_twice_nor_taken_for_something_else(
    record: HostRecord, asked: Order, code: str
) -> None:
    admission = admit(asked, record, now=1000)
    assert admission.error is not None
    assert (admission.decision, admission.error.code) == (Decision.REFUSE, code)
    assert admission.error.retryable


def test_what_a_campaign_did_is_no_hindrance_to_its_undo() -> None:
    record = replace(RECORD, siblings=(Sibling(number=1, undo_of=""),))
    assert admit(UNDO, record, now=1000).decision is Decision.START


@pytest.mark.parametrize("told", [None, ""])
def test_an_attempt_an_earlier_release_accepted_goes_on_as_before(told: str | None) -> None:
    ended = replace(RECORD, entries=(replace(ACCEPTED, undo_of=told), ENDED))
    assert admit(order(), ended, now=1000).result == ENDED.result


@given(numbers=st.sets(st.integers(1, 9)), number=st.integers(1, 9), back=st.booleans())
def test_nothing_starts_where_its_campaign_did_the_same_under_any_number(
    numbers: set[int], number: int, back: bool
) -> None:
    undo_of = "c1/web-1/1" if back else ""
    record = replace(
        RECORD, siblings=tuple(Sibling(number=item, undo_of=undo_of) for item in numbers - {number})
    )
    asked = order(
        attempt_id=f"c1/web-1/{number}", undo_of=undo_of or None, mode=Mode.UNDO if back else Mode.APPLY
    )
    assert (admit(asked, record, now=1000).decision is Decision.START) == (numbers <= {number})


@given(
    epoch=st.integers(1, 20),
    seen=st.integers(0, 20),
    expires=st.floats(900, 1100),
    now=st.floats(900, 1100),
    host_time=st.floats(900, 1100),
    stop=st.none() | st.text(max_size=5),
    halt=st.none() | st.text(max_size=5),
)
def test_nothing_starts_unless_fresh_and_in_time_and_allowed(
    epoch: int, seen: int, expires: float, now: float, host_time: float, stop: str | None, halt: str | None
) -> None:
    record = replace(RECORD, epoch=seen, time=host_time, stop=stop, halt=halt)
    started = admit(order(epoch=epoch, expires_at=expires), record, now=now).decision is Decision.START
    assert started == (epoch > seen and max(now, host_time) <= expires and stop is None and halt is None)


@given(
    expires=st.floats(900, 1100),
    said_at=st.floats(900, 1100),
    host_time=st.floats(900, 1100),
    later=st.floats(0, 100),
    behind=st.floats(0, ALLOWED_SKEW_S),
)
def test_what_a_refusal_says_is_over_no_other_worker_starts_there_later(
    expires: float, said_at: float, host_time: float, later: float, behind: float
) -> None:
    """The other worker's clock is behind by no more than the allowed skew, and the host's goes on."""
    said = refuses_before(replace(RECORD, time=host_time), now=said_at)
    record = replace(RECORD, epoch=0, time=host_time + later)
    decision = admit(order(expires_at=expires), record, now=said_at + later - behind).decision
    assert said <= expires or decision is Decision.REFUSE


def test_a_host_whose_clock_is_right_is_believed_as_soon_as_it_is_past_the_expiry() -> None:
    assert refuses_before(replace(RECORD, time=1061.0), now=1061.0) == 1061.0
    assert refuses_before(replace(RECORD, time=5.0), now=1061.0) == 1061.0 - ALLOWED_SKEW_S
