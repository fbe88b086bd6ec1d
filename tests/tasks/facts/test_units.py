"""What systemd really printed, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.connection import Command
from tasks.facts.units import (
    DOCKER,
    ENGINE_UNITS,
    parse_duration,
    parse_show,
    parse_start_times,
    read_starts,
    read_units,
    settle,
)
from tasks.fake import FakeHost
from tests.tasks.engine.world import captured


def _show(state: str, *, job: str = "", changed_at_s: float = 0.0, result: str = "success") -> str:
    return (
        f"Id=docker.service\nLoadState=loaded\nActiveState={state}\nSubState=x\nResult={result}\nMainPID=7\n"
        f"Job={job}\nStateChangeTimestampMonotonic={int(changed_at_s * 1e6)}\nStartLimitBurst=3\n"
        "StartLimitIntervalUSec=1min\nNeedDaemonReload=yes\n"
    )


def test_the_engines_units_are_read_with_their_start_limit() -> None:
    units = parse_show(captured("systemctl-show.txt"))
    assert set(units) == set(ENGINE_UNITS)
    docker = units[DOCKER]
    assert docker.running
    assert docker.settled
    assert (docker.limit_burst, docker.limit_interval_s) == (3, 60.0)
    assert docker.up_at_s > docker.down_at_s > 0


def test_a_unit_systemd_does_not_name_is_not_found() -> None:
    units = read_units(FakeHost(answers={"systemctl show": "Failed to connect to bus\n"}))
    assert units[DOCKER].load == "not-found"
    assert not units[DOCKER].running


def test_a_unit_that_is_up_with_a_job_waiting_is_not_running() -> None:
    unit = parse_show(_show("active", job="730"))[DOCKER]
    assert not unit.running
    assert not unit.settled
    assert unit.needs_reload


def test_the_start_limit_is_seen_in_the_result() -> None:
    assert parse_show(_show("failed", result="start-limit-hit"))[DOCKER].start_limit_hit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1min", 60.0),
        ("1min 30s", 90.0),
        ("10s", 10.0),
        ("500ms", 0.5),
        ("1h", 3600.0),
        ("infinity", 0.0),
        ("", 0.0),
    ],
)
def test_time_spans_are_read_as_systemd_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


def test_settling_waits_on_the_host_until_a_unit_has_arrived() -> None:
    states = iter(["activating", "activating", "active"])
    host = FakeHost(
        answers={
            "systemctl show": lambda _: _show(next(states), changed_at_s=10),
            "cat /proc/uptime": "11.0 5.0\n",
            "sleep": "",
        }
    )
    assert settle(host, 120)[DOCKER].running
    assert [command.argv[0] for command in host.ran].count("sleep") == 2


def test_settling_does_not_wait_again_for_a_unit_that_hangs() -> None:
    host = FakeHost(
        answers={"systemctl show": _show("activating", changed_at_s=10), "cat /proc/uptime": "131.0 5.0\n"}
    )
    assert not settle(host, 120)[DOCKER].settled
    assert not [command for command in host.ran if command.argv[0] == "sleep"]


def test_starts_are_counted_back_from_now_and_old_ones_are_left_out() -> None:
    times = parse_start_times(captured("journal-starts.json"))
    assert len(times) == 3
    now = times[-1] + 5
    host = FakeHost(
        answers={
            "cat /proc/uptime": f"{now} 1.0\n",
            "journalctl": captured("journal-starts.json") + "{torn\n",
        }
    )
    starts = read_starts(host, DOCKER, 60)
    assert starts is not None
    assert min(starts) == pytest.approx(5)
    assert all(start <= 60 for start in starts)


def test_a_journal_that_cannot_be_read_is_unknown_and_not_empty() -> None:
    def refuse(_: Command) -> tuple[int, str, str]:
        return 1, "", "No journal files were opened due to insufficient permissions.\n"

    host = FakeHost(answers={"cat /proc/uptime": "10.0 1.0\n", "journalctl": refuse})
    assert read_starts(host, DOCKER, 60) is None


@given(st.text())
def test_no_output_whatever_breaks_a_parser(text: str) -> None:
    parse_show(text)
    parse_duration(text)
    parse_start_times(text)
