"""health.check: what it reads, in which order, and that nothing unread is ever OK."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog import find, parse_params
from tasks.connection import Command
from tasks.errors import BadInput, DeadlineExceeded, EngineError, Unreachable
from tasks.fake import Answer, FakeHost
from tasks.fake_engine import FakeEngine
from tasks.health.check import PROCEDURE, HealthParams, started_ago_s
from tasks.health.checks import Check, CheckName, Level
from tasks.health.judgement import worst
from tasks.health.readings import HealthFacts, Readings, Seen, clock_skew, parse_binary_version, parse_seen
from tasks.model import Kind
from tasks.procedure import Verdict
from tests.tasks.disk.world import (
    ACTIVE_UNITS,
    ASLEEP_UNITS,
    NOW,
    container,
    df,
    engine_with,
    make_setting,
    running,
)

DOWN = EngineError("cannot connect", code="E_DAEMON_DOWN")
HANGS = EngineError("no answer in 5 s", code="E_DAEMON_UNRESPONSIVE")
UPTIME = 5000.0
STARTED = ACTIVE_UNITS.replace("Result=success", "Result=success\nStateChangeTimestampMonotonic=4000000000")


def hang(_: Command) -> str:
    raise DeadlineExceeded("no answer in 5 s")


def make_host(engine: FakeEngine | None = None, /, **more: Answer) -> FakeHost:
    answers: dict[str, Answer] = {
        "systemctl show": STARTED,
        "df": df(),
        "stat --format=%d": "1\n",
        "stat --format=%Y": (
            1,
            "",
            "stat: cannot statx '/etc/docker/daemon.json': No such file or directory",
        ),
        "containerd config dump": 'root = "/var/lib/containerd"\n',
        "dockerd --version": "Docker version 20.10.24, build 5d6db84\n",
        "date": "",
        "cat /proc/uptime": f"{UPTIME} 1.0\n",
    }
    return FakeHost(answers=answers | more, fake_engine=engine if engine is not None else engine_with())


def check(host: FakeHost, **values: Any) -> Verdict:
    params = parse_params(PROCEDURE, values)
    assert isinstance(params, HealthParams)
    facts = PROCEDURE.gather(host, params, make_setting())
    facts = HealthFacts.model_validate_json(facts.model_dump_json())
    return PROCEDURE.verify(facts, facts, params, ())


def levels(verdict: Verdict) -> dict[str, str]:
    return {item["name"]: item["level"] for item in verdict.data["checks"]}


def only(name: CheckName, host: FakeHost, **values: Any) -> dict[str, Any]:
    """The one answer of a check made alone."""
    (found,) = check(host, include=[name.value], **values).data["checks"]
    return dict(found)


def test_the_catalogue_knows_it_as_reading_only() -> None:
    assert find("health.check").spec.kind is Kind.READ_ONLY


def test_a_well_host_is_ok_and_exits_0() -> None:
    every_but_clock = [name.value for name in CheckName if name is not CheckName.CLOCK]
    verdict = check(make_host(), include=every_but_clock)
    assert verdict.ok
    assert (verdict.data["level"], verdict.data["exit_code"]) == ("OK", 0)
    assert set(levels(verdict).values()) == {"OK"}
    assert set(verdict.data["latency_ms"]) == {"ping", "containers"}


def test_the_account_of_the_disk_is_never_asked_for() -> None:
    engine = engine_with(container("c"))
    check(make_host(engine))
    assert "disk_usage" not in engine.calls


def test_systemd_is_asked_before_the_engine_because_its_socket_would_start_it() -> None:
    engine = engine_with()
    host = make_host(engine, **{"systemctl show": ASLEEP_UNITS})
    verdict = check(host)
    assert host.ran[0].argv[:2] == ("systemctl", "show")
    assert engine.calls == []
    assert levels(verdict)["service"] == "CRITICAL"
    assert levels(verdict)["daemon"] == "CRITICAL"
    assert levels(verdict)["unhealthy"] == "UNKNOWN"
    assert verdict.data["exit_code"] == 2


def test_when_systemd_hangs_the_engine_is_left_alone_and_nothing_is_ok() -> None:
    engine = engine_with()
    verdict = check(make_host(engine, **{"systemctl show": hang}))
    assert engine.calls == []
    assert verdict.data["level"] == "UNKNOWN"
    assert levels(verdict)["daemon"] == "UNKNOWN"


def test_without_systemd_services_are_unknown_and_the_engine_is_asked() -> None:
    verdict = check(make_host(**{"systemctl show": (1, "", "System has not been booted with systemd")}))
    assert levels(verdict)["service"] == "UNKNOWN"
    assert levels(verdict)["daemon"] == "OK"
    assert verdict.data["exit_code"] == 3


@pytest.mark.parametrize("call", ["ping", "containers"])
def test_a_daemon_that_is_active_and_hangs_is_critical(call: str) -> None:
    verdict = check(make_host(engine_with(failures={call: HANGS})))
    (daemon,) = [item for item in verdict.data["checks"] if item["name"] == "daemon"]
    assert (daemon["level"], daemon["value"]) == ("CRITICAL", "daemon_unresponsive")
    assert levels(verdict)["unhealthy"] == "UNKNOWN"


def test_a_failing_container_list_is_not_zero_unhealthy_containers() -> None:
    verdict = check(make_host(engine_with(failures={"containers": DOWN})), include="unhealthy")
    assert verdict.data["level"] == "UNKNOWN"


def test_an_unreachable_host_is_not_a_sick_one() -> None:
    def cut(_: Command) -> str:
        raise Unreachable("connection reset")

    with pytest.raises(Unreachable):
        check(make_host(**{"systemctl show": cut}))


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, "OK"), (66_000_000_000, "OK"), (66_500_000_000, "WARNING"), (80_750_000_000, "CRITICAL")],
)
def test_disks_are_judged_at_70_and_85_percent_of_what_users_can_have(used: int, level: str) -> None:
    assert only(CheckName.DISK, make_host(df=df(used=used)))["level"] == level


def test_thresholds_can_be_given() -> None:
    assert only(CheckName.DISK, make_host(), warn_disk_pct=40, crit_disk_pct=41)["level"] == "CRITICAL"


def test_a_disk_that_cannot_be_measured_is_unknown() -> None:
    assert only(CheckName.DISK, make_host(df=hang))["level"] == "UNKNOWN"
    assert only(CheckName.DISK, make_host(df=(1, "", "no")))["level"] == "UNKNOWN"


@pytest.mark.parametrize(("count", "level"), [(0, "OK"), (1, "WARNING"), (2, "WARNING"), (3, "CRITICAL")])
def test_more_than_none_unhealthy_warns_and_more_than_two_is_critical(count: int, level: str) -> None:
    sick = [running(f"sick{n}", health="unhealthy") for n in range(count)]
    verdict = check(make_host(engine_with(*sick, running("fine", health="healthy"))), include="unhealthy")
    assert verdict.data["level"] == level
    assert verdict.data["unhealthy"] == [item.name for item in sick]


@pytest.mark.parametrize(
    ("state", "name", "level"),
    [
        ("restarting", CheckName.RESTARTING, "WARNING"),
        ("dead", CheckName.DEAD, "WARNING"),
        ("paused", CheckName.PAUSED, "OK"),
        ("running", CheckName.NO_HEALTHCHECK, "OK"),
    ],
)
def test_containers_are_counted_by_state(state: str, name: CheckName, level: str) -> None:
    found = only(name, make_host(engine_with(container("c", state=state))))
    assert (found["level"], found["value"], found["detail"]) == (level, 1, "c")


def test_a_container_that_ran_out_of_memory_is_a_warning() -> None:
    found = only(CheckName.OOM, make_host(engine_with(container("c", oom_killed=True), container("d"))))
    assert (found["level"], found["value"], found["detail"]) == ("WARNING", 1, "c")


@pytest.mark.parametrize(
    ("unit", "name", "level"),
    [
        ("docker.service", CheckName.SERVICE, "CRITICAL"),
        ("containerd.service", CheckName.SERVICE, "CRITICAL"),
        ("docker.socket", CheckName.SERVICE, "WARNING"),
    ],
)
def test_each_unit_that_is_not_active_counts(unit: str, name: CheckName, level: str) -> None:
    broken = STARTED.replace(
        f"Id={unit}\nLoadState=loaded\nActiveState=active", f"Id={unit}\nLoadState=loaded\nActiveState=failed"
    )
    assert only(name, make_host(**{"systemctl show": broken}))["level"] == level


def test_a_containerd_that_dockerd_runs_itself_is_no_missing_unit() -> None:
    own = STARTED.replace(
        "Id=containerd.service\nLoadState=loaded", "Id=containerd.service\nLoadState=not-found"
    )
    assert only(CheckName.SERVICE, make_host(**{"systemctl show": own}))["level"] == "OK"


def test_an_exhausted_start_limit_is_critical() -> None:
    hit = ASLEEP_UNITS.replace("Result=success", "Result=start-limit-hit", 1)
    assert only(CheckName.START_LIMIT, make_host(**{"systemctl show": hit}))["level"] == "CRITICAL"


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ("Docker version 20.10.24, build 5d6db84\n", "OK"),
        ("Docker version 26.1.5+dfsg1, build a72d7cd\n", "WARNING"),
        ((127, "", "dockerd: command not found"), "UNKNOWN"),
        ("something else\n", "UNKNOWN"),
    ],
)
def test_a_newer_binary_than_the_running_daemon_is_a_warning(answer: Answer, level: str) -> None:
    assert only(CheckName.VERSION, make_host(**{"dockerd --version": answer}))["level"] == level


@pytest.mark.parametrize(("age_of_change", "level"), [(2000.0, "OK"), (500.0, "WARNING")])
def test_a_configuration_newer_than_the_daemon_is_pending(age_of_change: float, level: str) -> None:
    # the unit changed state 1000 s ago
    answers: dict[str, Answer] = {
        "date": "1800000000.5\n",
        "stat --format=%Y": f"{int(1_800_000_000 - age_of_change)}\n",
    }
    assert only(CheckName.CONFIG, make_host(**answers))["level"] == level


def test_a_configuration_that_cannot_be_read_is_unknown() -> None:
    denied = (1, "", "stat: Permission denied")
    assert only(CheckName.CONFIG, make_host(**{"stat --format=%Y": denied}))["level"] == "UNKNOWN"


def test_a_clock_far_from_ours_is_a_warning_and_an_unreadable_one_unknown() -> None:
    assert only(CheckName.CLOCK, make_host(date="1800000000.5\n"))["level"] == "WARNING"
    assert only(CheckName.CLOCK, make_host(date="no idea\n"))["level"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("now", "skew"), [(99.0, -1.0), (100.0, 0.0), (101.0, 0.0), (102.0, 0.0), (110.0, 8.0), (None, None)]
)
def test_skew_is_the_least_that_two_readings_of_our_clock_allow(
    now: float | None, skew: float | None
) -> None:
    assert clock_skew(now, 100.0, 102.0) == skew


def test_the_budget_ends_the_readings_and_what_was_not_read_is_unknown() -> None:
    ticks = itertools.count(0.0, 0.9)
    engine = engine_with(*(container(f"c{n}") for n in range(50)))
    facts = Readings(make_host(engine), ping_timeout_s=5, clock=lambda: next(ticks)).take()
    verdict = PROCEDURE.verify(facts, facts, HealthParams(), ())
    assert engine.calls.count("container") < 10
    assert levels(verdict)["oom"] == "UNKNOWN"
    assert levels(verdict)["disk"] == "UNKNOWN"
    assert verdict.data["exit_code"] == 3


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 minutes (unhealthy)", "unhealthy"),
        ("Up 3 minutes (healthy)", "healthy"),
        ("Up 2 seconds (health: starting)", "starting"),
        ("Up 3 minutes", ""),
        ("Up 3 minutes (Paused)", ""),
        ("Exited (0) 2 minutes ago", ""),
        ("Exited (healthy)", ""),
    ],
)
def test_health_is_read_from_the_status_of_older_engines(status: str, health: str) -> None:
    assert parse_seen({"Id": "x", "State": "running", "Status": status}).health == health


def test_health_is_a_field_of_newer_engines() -> None:
    listed = {"Id": "x", "Names": ["/a"], "State": "running", "Health": {"Status": "unhealthy"}}
    assert parse_seen(listed).health == "unhealthy"
    assert parse_seen({**listed, "Health": {"Status": "none"}}).health == ""


def test_the_version_of_a_binary_is_read() -> None:
    assert parse_binary_version("Docker version 26.1.5+dfsg1, build a72d7cd\n") == "26.1.5+dfsg1"
    assert parse_binary_version("Podman 4") == ""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Level.UNKNOWN),
        ([Level.OK], Level.OK),
        ([Level.OK, Level.WARNING], Level.WARNING),
        ([Level.WARNING, Level.UNKNOWN], Level.UNKNOWN),
        ([Level.UNKNOWN, Level.CRITICAL], Level.CRITICAL),
    ],
)
def test_the_worst_answer_is_the_hosts_and_nothing_checked_is_nothing_known(
    found: list[Level], expected: Level
) -> None:
    assert worst(Check(name="x", level=level) for level in found) is expected


def test_exit_codes_are_those_of_monitoring_systems() -> None:
    assert {level: level.exit_code for level in Level} == {
        Level.OK: 0,
        Level.WARNING: 1,
        Level.CRITICAL: 2,
        Level.UNKNOWN: 3,
    }


CALLS = ["ping", "containers", "container", "info", "version"]
COMMANDS = ["systemctl show", "df", "date", "cat /proc/uptime", "dockerd --version", "stat --format=%Y"]


@given(st.sets(st.sampled_from(CALLS)), st.sets(st.sampled_from(COMMANDS)))
def test_whatever_fails_the_check_answers_and_is_ok_only_when_nothing_failed(
    calls: set[str], commands: set[str]
) -> None:
    engine = engine_with(container("c"), failures=dict.fromkeys(calls, HANGS))
    verdict = check(make_host(engine, **dict.fromkeys(commands, hang)))
    assert {item["name"] for item in verdict.data["checks"]} == {name.value for name in CheckName}
    if calls or commands:
        assert not verdict.ok


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"warn_disk_pct": 90}, "warn_disk_pct (90) is above crit_disk_pct (85)"),
        ({"warn_disk_pct": 101}, "warn_disk_pct"),
        ({"crit_disk_pct": -1}, "crit_disk_pct"),
        ({"ping_timeout_s": 0}, "ping_timeout_s"),
        ({"ping_timeout_s": 60}, "ping_timeout_s"),
        ({"include": []}, "include is empty"),
        ({"include": ["disks"]}, "include"),
        ({"warn": 1}, "has no parameter 'warn'"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(values: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_params(PROCEDURE, values)
    assert says in caught.value.message


def test_containers_that_were_restarted_are_told_the_worst_first() -> None:
    engine = engine_with(running("a", restarts=2), running("b"), running("c", restarts=7))
    told = check(make_host(engine)).data["restarts"]
    assert [(item["name"], item["count"]) for item in told] == [("c", 7), ("a", 2)]
    assert all(item["started_at"] and len(item["id"]) >= 12 for item in told)


#: the host's clock
CLOCK = f"{NOW:.3f}\n"


@pytest.mark.parametrize(
    ("state", "age_s", "date", "ago_s"),
    [
        ("running", 42.0, CLOCK, 42.0),
        ("running", 4000.0, CLOCK, 4000.0),
        ("exited", 42.0, CLOCK, 42.0),
        ("restarting", 4000.0, CLOCK, 0.0),
        ("restarting", 4000.0, "no idea\n", 0.0),
        ("running", -9.0, CLOCK, 0.0),
        ("running", -11.0, CLOCK, None),
        ("running", 42.0, "no idea\n", None),
        ("running", 42.0, hang, None),
        ("created", 42.0, CLOCK, None),
    ],
)
def test_the_last_start_of_a_restarted_container_is_told_by_its_hosts_own_clock(
    state: str, age_s: float, date: Answer, ago_s: float | None
) -> None:
    engine = engine_with(container("web", restarts=3, state=state, created_s=NOW - age_s))
    (told,) = check(make_host(engine, date=date), include="restarting").data["restarts"]
    assert told["started_ago_s"] == ago_s


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [
        ("2033-05-18T03:33:10Z", 10.0),
        ("2033-05-18T03:33:10.123456789Z", 9.9),
        ("2033-05-18T05:33:10.5+02:00", 9.5),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_start_is_read_as_engines_write_it(text: str, ago_s: float | None) -> None:
    seen = Seen(id="a" * 64, name="web", state="running", restarts=1, started_at=text)
    assert started_ago_s(seen, NOW) == ago_s


def test_restarts_that_could_not_all_be_counted_are_not_told() -> None:
    assert (
        check(make_host(engine_with(running("a", restarts=2), failures={"container": HANGS}))).data[
            "restarts"
        ]
        is None
    )
    assert check(make_host(engine_with(failures={"ping": DOWN}))).data["restarts"] is None
