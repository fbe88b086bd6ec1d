"""Unit names, systemd-run command lines and systemd's answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.connection import Command, CommandResult, Output
from tasks.errors import DockwaveError, TransportError
from tasks.procedure import RunStep
from workers.units import UnitReport, Units, parse_show, start_argv, unit_name

if TYPE_CHECKING:
    from tasks.connection import Connection

KEYS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9:@/._+-]{0,299}\Z")


@given(KEYS, KEYS)
def test_names_are_valid_short_and_different_for_different_steps(one: str, other: str) -> None:
    name = unit_name("c1/web-1/1", one)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,200}\.service", name)
    assert (name == unit_name("c1/web-1/1", other)) == (one == other)


def test_two_hosts_and_two_attempts_never_share_a_name() -> None:
    names = {unit_name(attempt, "install") for attempt in ("c1/a/1", "c1/b/1", "c1/a/2", "c2/a/1")}
    assert len(names) == 4


def test_the_command_is_an_argv_after_a_double_dash_and_never_a_string() -> None:
    step = RunStep(key="x", title="", argv=("echo", "$(reboot)", "a b"), env={"A": "1 2"}, cwd="/tmp/dir")
    argv = start_argv("u.service", step, "/var/out")
    assert argv[argv.index("--") + 1 :] == ("echo", "$(reboot)", "a b")
    assert "--setenv=A=1 2" in argv
    assert "--working-directory=/tmp/dir" in argv
    assert "--property=TimeoutStartSec=infinity" in argv, (
        "a package transaction is never cut in half by a clock"
    )


@pytest.mark.parametrize(
    ("text", "report"),
    [
        (
            "LoadState=loaded\nActiveState=activating\nSubState=start\nResult=success\nExecMainCode=0\nExecMainStatus=0",
            UnitReport(known=True, running=True, exit_code=None, result="success"),
        ),
        (
            "LoadState=loaded\nActiveState=active\nSubState=exited\nResult=success\nExecMainCode=1\nExecMainStatus=0",
            UnitReport(known=True, running=False, exit_code=0, result="success"),
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=100",
            UnitReport(known=True, running=False, exit_code=100, result="exit-code"),
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=signal\nExecMainCode=2\nExecMainStatus=9",
            UnitReport(known=True, running=False, exit_code=137, result="signal"),
        ),
        (
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nExecMainCode=0\nExecMainStatus=0",
            UnitReport(known=False, running=False, exit_code=None, result="success"),
        ),
        ("", UnitReport(known=False, running=False, exit_code=None, result="")),
    ],
)
def test_what_systemd_says_is_read_as_it_is(text: str, report: UnitReport) -> None:
    assert parse_show(text) == report


@given(st.text(max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert isinstance(parse_show(text), UnitReport)


class _Systemd:
    """A connection to a host whose systemctl answers this."""

    host_name = "web-1"

    def __init__(self, exit_code: int, stdout: str, stderr: str = "") -> None:
        self._said = (exit_code, stdout, stderr)

    def run(self, command: Command) -> CommandResult:
        """Answer."""
        code, out, err = self._said
        return CommandResult(
            argv=command.argv,
            exit_code=code,
            stdout=Output(head=out.encode()),
            stderr=Output(head=err.encode()),
            duration_s=0.0,
        )


@pytest.mark.parametrize(("exit_code", "stdout"), [(1, ""), (0, ""), (137, "LoadState=loaded\n"), (143, "")])
def test_a_systemd_that_does_not_answer_says_nothing_about_a_unit(exit_code: int, stdout: str) -> None:
    """A host that loses power: its systemd is gone before its sshd."""
    systemd = cast("Connection", _Systemd(exit_code, stdout, "Failed to connect to bus"))
    with pytest.raises(TransportError, match=r"web-1 tells nothing of .*: Failed to connect"):
        Units(systemd).look("u.service")


def test_a_unit_systemd_does_not_know_is_gone() -> None:
    systemd = cast("Connection", _Systemd(0, "LoadState=not-found\nActiveState=inactive\n"))
    assert not Units(systemd).look("u.service").known


def test_a_host_without_systemd_is_told_at_once_what_it_lacks() -> None:
    bare = cast("Connection", _Systemd(127, "", "systemd-run: not found"))
    with pytest.raises(DockwaveError, match="systemd-run: not found") as caught:
        Units(bare).start("u.service", RunStep(key="x", title="", argv=("true",)), "/out")
    assert caught.value.code == "E_UNIT"
