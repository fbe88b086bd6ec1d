"""Log files and directories as find and du say them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.disk.logs import ContainerLog, parse_du, parse_logs, read_directory_sizes, read_logs
from tasks.fake import FakeHost

A, B = "a" * 64, "b" * 64
WHERE = "/var/lib/docker/containers"


def test_rotated_files_count_with_the_one_written_now() -> None:
    text = f"100 8 {A}/{A}-json.log\x00900 16 {A}/{A}-json.log.1\x0050 8 {A}/{A}-json.log.2.gz\x00"
    assert parse_logs(text, WHERE) == (
        ContainerLog(
            container=A, path=f"{WHERE}/{A}/{A}-json.log", size_bytes=1050, blocks_bytes=16384, files=3
        ),
    )


def test_the_local_drivers_files_are_found_too() -> None:
    (log,) = parse_logs(f"70 8 {B}/local-logs/container.log\x00", WHERE)
    assert (log.container, log.path) == (B, f"{WHERE}/{B}/local-logs/container.log")


def test_a_name_with_a_line_break_is_one_record() -> None:
    (log,) = parse_logs(f"70 8 {A}/x\n99 9 {B}/y-json.log\x00", WHERE)
    assert (log.container, log.size_bytes) == (A, 70)


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    assert isinstance(parse_logs(text, WHERE), tuple)
    assert all(size >= 0 for size in parse_du(text, "/x").values())


def test_find_follows_no_link_and_leaves_no_file_system() -> None:
    host = FakeHost(answers={"find": f"70 8 {A}/{A}-json.log\x00"})
    assert len(read_logs(host, "/var/lib/docker")) == 1
    argv = host.ran[0].argv
    assert argv[:3] == ("find", WHERE, "-xdev")
    assert "-L" not in argv


def test_logs_that_cannot_be_read_are_none() -> None:
    assert read_logs(FakeHost(answers={"find": (1, "", "Permission denied")}), "/var/lib/docker") == ()


def test_du_names_each_directory_and_what_lies_beside_them() -> None:
    text = "2093056\t/var/lib/docker/overlay2\n4096\t/var/lib/docker/my\tdir\n2101248\t/var/lib/docker\n"
    assert parse_du(text, "/var/lib/docker/") == {"overlay2": 2093056, "my\tdir": 4096, "(files)": 4096}


def test_du_stays_on_the_file_system_and_at_idle_priority() -> None:
    host = FakeHost(answers={"ionice": "5\t/x/a\n9\t/x\n"})
    assert read_directory_sizes(host, "/x", 10) == {"a": 5, "(files)": 4}
    assert host.ran[0].argv[:5] == ("ionice", "-c", "3", "nice", "du")
    assert "--one-file-system" in host.ran[0].argv


def test_a_du_that_answers_nothing_is_no_answer() -> None:
    assert read_directory_sizes(FakeHost(answers={"ionice": (1, "", "no such file")}), "/x", 10) is None
