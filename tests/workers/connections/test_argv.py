"""The argv that runs on a host is the command's own, behind env and sudo."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.connection import Command, CommandResult, Output
from tasks.errors import BadInput, TransportError
from workers.connections.argv import host_argv, raise_sudo_refusal
from workers.connections.ssh import quoted


def _result(code: int, stderr: bytes, stdout: bytes = b"") -> CommandResult:
    return CommandResult(
        argv=("systemctl",),
        exit_code=code,
        stdout=Output(head=stdout, size_bytes=len(stdout)),
        stderr=Output(head=stderr, size_bytes=len(stderr)),
        duration_s=0.0,
    )


def test_the_locale_is_set_last_so_that_nobody_overrides_it() -> None:
    command = Command(argv=("ls", "-l"), env={"LC_ALL": "fr_FR", "A": "b c"})
    assert host_argv(command, sudo=False) == ("env", "LC_ALL=fr_FR", "A=b c", "LC_ALL=C", "ls", "-l")


def test_sudo_never_asks_and_only_prefixes_privileged_commands() -> None:
    plain = Command(argv=("id",), privileged=False)
    root = Command(argv=("id",))
    assert host_argv(plain, sudo=True) == ("env", "LC_ALL=C", "id")
    assert host_argv(root, sudo=True) == ("env", "LC_ALL=C", "sudo", "-n", "--", "env", "LC_ALL=C", "id")


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_quoting_is_undone_by_a_shells_splitting(argv: list[str]) -> None:
    assert shlex.split(quoted(tuple(argv)).decode()) == argv


def test_a_line_longer_than_one_argument_may_be_is_refused() -> None:
    with pytest.raises(BadInput, match="131071 fit"):
        quoted(("echo", "x" * 131_072))


@pytest.mark.parametrize(
    "result",
    [
        _result(1, b"sudo: a password is required\n"),
        _result(1, b"Could not chdir to home directory /x: No such file\nsudo: a password is required\n"),
        _result(1, b"bob is not in the sudoers file.\n"),
        _result(1, b"Sorry, user bob is not allowed to execute '/bin/id' as root on h.\n"),
        _result(127, b"env: 'sudo': No such file or directory\n"),
        _result(127, b"env: \xe2\x80\x98sudo\xe2\x80\x99: Datei oder Verzeichnis nicht gefunden\n"),
    ],
)
def test_sudos_refusal_is_an_error_of_its_own(result: CommandResult) -> None:
    with pytest.raises(TransportError) as caught:
        raise_sudo_refusal(result, host="web-1", user="bob")
    assert caught.value.code == "E_SUDO"
    assert "web-1" in caught.value.message
    assert "NOPASSWD" in caught.value.hint


@pytest.mark.parametrize(
    "result",
    [
        _result(1, b"no such unit\n"),
        _result(0, b"sudo: a password is required\n"),
        _result(1, b"sudo: a password is required\n", stdout=b"the program itself ran\n"),
        _result(127, b"env: 'systemctl': No such file or directory\n"),
    ],
)
def test_a_programs_own_failure_is_not_taken_for_sudos(result: CommandResult) -> None:
    raise_sudo_refusal(result, host="web-1", user="bob")
