"""What every kind of connection promises, run against each kind: programs and the host's lock."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.connection import Command, Connection, Secret
from tasks.errors import BadInput, DeadlineExceeded, OrderRefused
from tests.workers.connections.conftest import KINDS, connect, make_host

pytestmark = pytest.mark.parametrize("kind", KINDS)

#: anything a program can be given; surrogates stand for bytes that are no UTF-8
ARGUMENTS = st.text(
    st.characters(exclude_characters="\0", codec="utf-8") | st.sampled_from("'\"\\$`!*?\n\t \udcff"),
    max_size=30,
)


@pytest.fixture
def lock_path() -> Iterator[str]:
    """A lock file nobody else uses."""
    path = Path("/run/lock") / f"dockwave-test-{secrets.token_hex(6)}.lock"
    yield str(path)
    path.unlink(missing_ok=True)


def test_output_and_status_come_back_apart(connection: Connection) -> None:
    result = connection.run(Command(argv=("sh", "-c", "echo out; echo err >&2; exit 7")))
    assert (result.exit_code, result.stdout.data, result.stderr.data) == (7, b"out\n", b"err\n")
    assert not result.ok
    assert result.argv == ("sh", "-c", "echo out; echo err >&2; exit 7")


def test_awkward_arguments_arrive_as_they_are(connection: Connection) -> None:
    arguments = (
        "",
        " ",
        "a b",
        "$(id)",
        "`id`",
        "'",
        '"',
        "\\",
        "\n",
        "a\nb",
        "*",
        "~",
        "-n",
        "é",
        "!!",
        "#x",
        "\udcff",
    )
    result = connection.run(Command(argv=("printf", "%s\\0", *arguments)))
    assert result.stdout.data.split(b"\0")[:-1] == [a.encode("utf-8", "surrogateescape") for a in arguments]


def test_any_arguments_arrive_as_they_are(connection: Connection) -> None:
    # one connection for all examples: hypothesis is told that this is meant
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ARGUMENTS, min_size=1, max_size=6))
    def arrives(arguments: list[str]) -> None:
        result = connection.run(Command(argv=("printf", "%s\\0", *arguments)))
        assert result.stdout.data.split(b"\0")[:-1] == [
            a.encode("utf-8", "surrogateescape") for a in arguments
        ]

    arrives()


def test_input_is_passed_and_then_ends(connection: Connection) -> None:
    data = secrets.token_bytes(3_000_000)
    result = connection.run(Command(argv=("sha256sum",), stdin=data))
    assert result.stdout.text.split()[0] == hashlib.sha256(data).hexdigest()


def test_a_program_that_reads_nothing_does_not_block(connection: Connection) -> None:
    result = connection.run(Command(argv=("true",), stdin=b"x" * 20_000_000, timeout_s=20))
    assert result.ok


def test_a_program_that_writes_before_it_reads_does_not_block(connection: Connection) -> None:
    command = Command(
        argv=("sh", "-c", "head -c 8000000 /dev/zero; cat >/dev/null; echo done >&2"),
        stdin=b"y" * 8_000_000,
        output_limit_bytes=100,
        timeout_s=30,
    )
    result = connection.run(command)
    assert (result.stdout.size_bytes, result.stderr.data) == (8_000_000, b"done\n")


def test_without_input_a_reader_sees_the_end_at_once(connection: Connection) -> None:
    assert connection.run(Command(argv=("cat",), timeout_s=10)).ok


def test_the_environment_is_passed_and_the_locale_is_always_c(connection: Connection) -> None:
    result = connection.run(
        Command(argv=("sh", "-c", 'echo "$A|$B|$LC_ALL"'), env={"A": "1 $x", "B": "'", "LC_ALL": "de_DE"})
    )
    assert result.stdout.data == b"1 $x|'|C\n"


def test_privileged_commands_run_as_root(connection: Connection, kind: str) -> None:
    if kind == "local" and os.geteuid() != 0:
        pytest.skip("an agent that is not root runs nothing as root")
    assert connection.run(Command(argv=("id", "-u"))).stdout.data == b"0\n"


def test_a_hundred_megabytes_are_capped_to_head_and_tail(connection: Connection) -> None:
    script = "printf START; head -c 100000000 /dev/zero; printf END"
    result = connection.run(Command(argv=("sh", "-c", script), output_limit_bytes=1000, timeout_s=60))
    assert result.stdout.size_bytes == 100_000_008
    assert result.stdout.truncated
    assert result.stdout.head.startswith(b"START")
    assert result.stdout.tail.endswith(b"END")
    assert len(result.stdout.data) == 1000


def test_an_endless_writer_ends_at_the_deadline_in_flat_memory(connection: Connection) -> None:
    before = _resident()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        connection.run(Command(argv=("yes", "no end"), timeout_s=2.0))
    assert time.monotonic() - started < 10
    assert caught.value.code == "E_TIMEOUT"
    # several hundred megabytes went by; the allocator may keep some of what passed through
    assert _resident() - before < 100_000_000


def test_binary_output_and_wrong_utf8_are_kept_as_bytes(connection: Connection) -> None:
    result = connection.run(Command(argv=("printf", "\\377\\000\\376x")))
    assert result.stdout.data == b"\xff\0\xfex"
    assert "\ufffd" in result.stdout.text


def test_a_program_killed_by_a_signal_exits_with_128_and_its_number(connection: Connection) -> None:
    assert connection.run(Command(argv=("sh", "-c", "kill -9 $$"))).exit_code == 137


def test_a_missing_program_is_status_127_with_its_name(connection: Connection) -> None:
    result = connection.run(Command(argv=("no-such-program-x",)))
    assert result.exit_code == 127
    assert b"no-such-program-x" in result.stderr.data


def test_a_silent_program_ends_at_the_deadline(connection: Connection) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        connection.run(Command(argv=("sleep", "60"), timeout_s=1.0))
    assert time.monotonic() - started < 8


def test_a_child_left_behind_does_not_hold_the_answer(connection: Connection) -> None:
    started = time.monotonic()
    result = connection.run(Command(argv=("sh", "-c", "sleep 15 & echo started"), timeout_s=60))
    assert result.stdout.data == b"started\n"
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(
    "command",
    [
        Command(argv=()),
        Command(argv=("",)),
        Command(argv=("-rf",)),
        Command(argv=("A=b", "x")),
        Command(argv=("echo", "a\0b")),
        Command(argv=("echo",), env={"A B": "x"}),
        Command(argv=("echo",), env={"": "x"}),
        Command(argv=("echo",), env={"A": "x\0"}),
        Command(argv=("echo", Secret("hunter2"))),
        Command(argv=("echo",), env={"PASSWORD": Secret("hunter2")}),
    ],
    ids=str,
)
def test_a_command_that_could_be_misread_is_refused(connection: Connection, command: Command) -> None:
    with pytest.raises(BadInput) as caught:
        connection.run(command)
    assert "hunter2" not in str(caught.value)


def test_an_argument_too_long_for_the_kernel_is_refused(connection: Connection) -> None:
    with pytest.raises(BadInput) as caught:
        connection.run(Command(argv=("echo", "x" * 3_000_000)))
    assert "standard input" in caught.value.hint


def test_a_lock_is_held_and_given_back(connection: Connection, lock_path: str) -> None:
    with connection.lock(lock_path) as lock:
        assert lock.held()
        assert lock.held()
    assert not lock.held()
    lock.release()
    with connection.lock(lock_path) as again:
        assert again.held()


def test_a_taken_lock_refuses_the_order(
    connection: Connection, kind: str, request: pytest.FixtureRequest, lock_path: str
) -> None:
    other = connect(make_host(kind, request))
    with connection.lock(lock_path):
        started = time.monotonic()
        with pytest.raises(OrderRefused) as caught, other.lock(lock_path):
            pytest.fail("two orders hold one lock")
        with pytest.raises(OrderRefused), other.lock(lock_path, wait_s=1.0):
            pytest.fail("two orders hold one lock")
        assert time.monotonic() - started < 10
    assert caught.value.code == "E_HOST_BUSY"
    assert caught.value.retryable
    other.close()


def test_shared_locks_go_together_and_exclude_exclusive_ones(
    connection: Connection, kind: str, request: pytest.FixtureRequest, lock_path: str
) -> None:
    other = connect(make_host(kind, request))
    with connection.lock(lock_path, shared=True), other.lock(lock_path, shared=True) as second:
        assert second.held()
        with pytest.raises(OrderRefused), connection.lock(lock_path):
            pytest.fail("an exclusive lock beside a shared one")
    other.close()


def test_a_waiting_order_gets_the_lock_once_it_is_free(
    connection: Connection, kind: str, request: pytest.FixtureRequest, lock_path: str
) -> None:
    other = connect(make_host(kind, request))
    with connection.lock(lock_path) as first:
        threading.Timer(1.0, first.release).start()
        with other.lock(lock_path, wait_s=20) as lock:
            assert lock.held()
    other.close()


def test_a_lock_in_a_missing_folder_is_refused_with_its_path(connection: Connection) -> None:
    with pytest.raises(OrderRefused, match="/run/no-such-folder/x"), connection.lock("/run/no-such-folder/x"):
        pytest.fail("a lock without a file")


def test_commands_run_while_the_lock_is_held(connection: Connection, lock_path: str) -> None:
    with connection.lock(lock_path) as lock:
        assert connection.run(Command(argv=("flock", "-n", lock_path, "true"))).exit_code == 1
        assert lock.held()
    assert connection.run(Command(argv=("flock", "-n", lock_path, "true"))).ok


def test_closing_twice_is_fine_and_the_name_is_the_inventorys(connection: Connection) -> None:
    assert connection.host_name in ("agent-1", "web-1")
    connection.run(Command(argv=("true",)))
    connection.close()
    connection.close()


def test_a_closed_connection_opens_again_when_used(connection: Connection) -> None:
    connection.run(Command(argv=("true",)))
    connection.close()
    assert connection.run(Command(argv=("echo", shlex.quote("x")))).ok


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
