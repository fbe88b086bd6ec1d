"""File systems as df says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.facts.disk import (
    CONTAINERD_ROOT,
    FileSystem,
    parse_containerd_root,
    parse_df,
    read_file_system,
    read_file_systems,
)
from tasks.fake import FakeHost

#: captured on Debian trixie, coreutils 9
REAL = (
    "Type     1B-blocks        Used       Avail   Inodes  IUsed    IFree Mounted on\n"
    "ext4  270553174016 28076474368 80867819520 16777216 447784 16329432 /var/lib/docker\n"
)
#: btrfs has no inodes to count
BTRFS = "Type 1B-blocks Used Avail Inodes IUsed IFree Mounted on\nbtrfs 1000 600 400 0 0 0 /data\n"
DASHES = "Type 1B-blocks Used Avail Inodes IUsed IFree Mounted on\nfuse 1000 600 400 - - - /data\n"


def test_a_captured_answer_is_read_whole() -> None:
    assert parse_df(REAL, "/var/lib/docker") == FileSystem(
        mount="/var/lib/docker",
        kind="ext4",
        size_bytes=270553174016,
        used_bytes=28076474368,
        avail_bytes=80867819520,
        inodes_used=447784,
        inodes_avail=16329432,
        holds=("/var/lib/docker",),
    )


def test_blocks_reserved_for_root_do_not_hide_a_full_disk() -> None:
    found = FileSystem(mount="/", kind="ext4", size_bytes=100, used_bytes=95, avail_bytes=0)
    assert found.used_pct == 100.0


def test_a_disk_without_inodes_is_as_full_as_one_without_bytes() -> None:
    found = FileSystem(
        mount="/", kind="ext4", size_bytes=100, used_bytes=10, avail_bytes=90, inodes_used=99, inodes_avail=1
    )
    assert (found.used_pct, found.inodes_used_pct, found.worst_pct) == (10.0, 99.0, 99.0)


@pytest.mark.parametrize("text", [BTRFS, DASHES])
def test_inodes_that_are_not_counted_are_unknown_and_not_none_left(text: str) -> None:
    found = parse_df(text, "/data")
    assert found is not None
    assert (found.used_pct, found.inodes_used_pct, found.worst_pct) == (60.0, None, 60.0)


def test_a_mount_point_may_contain_spaces() -> None:
    found = parse_df(REAL.replace("/var/lib/docker", "/mnt/my disk"), "/mnt/my disk/docker")
    assert found is not None
    assert (found.mount, found.holds) == ("/mnt/my disk", ("/mnt/my disk/docker",))


@pytest.mark.parametrize("text", ["", "Type\n", REAL + REAL, "Type x\next4 a b c d e f /x\n", "one\ntwo\n"])
def test_an_answer_of_another_shape_is_no_file_system(text: str) -> None:
    assert parse_df(text, "/x") is None


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    assert parse_df(text, "/x") is None or text.strip()
    assert parse_containerd_root(text).startswith("/")


def test_two_mounts_of_one_device_are_one_file_system() -> None:
    host = FakeHost(answers={"df": REAL, "stat": "2049\n"})
    (found,) = read_file_systems(host, ("/var/lib/docker", "/var/lib/containerd", "/var/lib/docker"))
    assert found.holds == ("/var/lib/docker", "/var/lib/containerd")


def test_a_path_the_host_does_not_have_is_left_out() -> None:
    host = FakeHost(answers={"df": (1, "", "df: /nowhere: No such file or directory")})
    assert read_file_system(host, "/nowhere") is None
    assert read_file_systems(host, ("/nowhere",)) == ()


def test_a_path_is_never_taken_for_an_option() -> None:
    host = FakeHost(answers={"df": REAL, "stat": "1\n"})
    read_file_system(host, "--help")
    assert all(command.argv[-2:] == ("--", "--help") for command in host.ran)


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ('version = 2\nroot = "/data/containerd"\nstate = "/run/containerd"\n', "/data/containerd"),
        ("root = '/data/containerd'\n", "/data/containerd"),
        ("version = 2\n", CONTAINERD_ROOT),
        ("root = 5\n", CONTAINERD_ROOT),
        ('root = "relative"\n', CONTAINERD_ROOT),
        ("not toml [", CONTAINERD_ROOT),
    ],
)
def test_containerds_root_is_what_its_configuration_says(text: str, root: str) -> None:
    assert parse_containerd_root(text) == root
