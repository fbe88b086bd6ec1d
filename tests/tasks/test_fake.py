"""FakeHost answers what it was told to and nothing else, and remembers what it was asked."""

from __future__ import annotations

import pytest

from tasks.connection import Command, Connection
from tasks.errors import OrderRefused
from tasks.fake import FakeHost
from tasks.fake_engine import FakeEngine


def ask(host: Connection, line: str) -> tuple[int, str, str]:
    """What the host answers to this command."""
    result = host.run(Command(argv=tuple(line.split())))
    return result.exit_code, result.stdout.text, result.stderr.text


def test_the_longest_script_that_fits_answers() -> None:
    host = FakeHost(
        answers={"apt-get": "any", "apt-get -s": (1, "", "simulated"), "cat": lambda c: c.argv[-1]}
    )
    assert ask(host, "apt-get update") == (0, "any", "")
    assert ask(host, "apt-get -s install docker.io") == (1, "", "simulated")
    assert ask(host, "cat /etc/os-release") == (0, "/etc/os-release", "")
    assert [command.argv[0] for command in host.ran] == ["apt-get", "apt-get", "cat"]


def test_a_command_nobody_scripted_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="no answer for: apt-getty"):
        ask(FakeHost(answers={"apt-get": "any"}), "apt-getty")


def test_its_lock_is_held_until_released_and_refused_while_busy() -> None:
    with FakeHost().lock("/run/lock/x") as lock:
        assert lock.held()
    assert not lock.held()
    with pytest.raises(OrderRefused), FakeHost(busy=True).lock("/run/lock/x"):
        pass


def test_it_has_the_engine_it_was_given_and_no_other() -> None:
    engine = FakeEngine()
    assert FakeHost(fake_engine=engine).engine() is engine
    with pytest.raises(AssertionError, match="no engine"):
        FakeHost().engine()
