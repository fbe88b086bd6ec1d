"""What a snapshot is made of: configuration files, kept packages, the dockerd on disk, the host itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.connection import Command
from tasks.engine.binary import parse_version, read_binary
from tasks.engine.cached import Cache, CachedDeb, cache_step, read_cache
from tasks.engine.files import (
    DAEMON_JSON,
    ConfigFile,
    differing,
    json_fault,
    parse_found,
    read_files,
    restore_steps,
)
from tasks.engine.host_facts import gather, parse_free, parse_system
from tasks.fake import Answer, FakeHost
from tests.tasks.engine.world import OLD, captured, lab_host

PATHS = st.sampled_from(
    ["/etc/docker/daemon.json", "/etc/default/docker", "/etc/systemd/system/docker.service.d/a"]
)
FILES = st.builds(ConfigFile, path=PATHS, mode=st.integers(0, 0o777), content=st.binary())
SNAPSHOTS = st.lists(FILES, unique_by=lambda file: file.path).map(
    lambda files: tuple(sorted(files, key=lambda file: file.path))
)


@given(SNAPSHOTS, SNAPSHOTS)
def test_writing_back_makes_every_file_what_it_was(
    before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...]
) -> None:
    files = {file.path: file for file in now}
    for step in restore_steps(before, now):
        files.pop(step.path, None)
        if step.content is not None:
            files[step.path] = ConfigFile(path=step.path, mode=step.mode, content=step.content)
    restored = tuple(files[path] for path in sorted(files))
    assert restored == before
    assert differing(before, restored) == ()


def test_bytes_that_are_no_text_and_paths_that_are_no_paths_are_handled() -> None:
    assert parse_found("644\t/etc/a\09z\t/etc/b\0600\trelative\0600\t/etc/c\nd\0") == ((0o644, "/etc/a"),)
    host = FakeHost(answers={"find": "640\t/etc/default/docker\0", "cat": "DOCKER_OPTS=\xff"})
    (file,) = read_files(host)
    assert (file.path, file.mode) == ("/etc/default/docker", 0o640)
    assert not file.truncated


def test_a_mode_alone_is_a_difference() -> None:
    one = (ConfigFile(path="/etc/a", mode=0o600, content=b"x"),)
    two = (ConfigFile(path="/etc/a", mode=0o644, content=b"x"),)
    assert differing(one, two) == ("/etc/a has mode 0644, was 0600",)


def test_kept_packages_are_opened_and_a_torn_one_does_not_count() -> None:
    def show(command: Command) -> tuple[int, str, str]:
        if command.argv[-1].endswith("torn.deb"):
            return 2, "", "dpkg-deb: error: unexpected end of file\n"
        return 0, f"runc\t{OLD['runc']}", ""

    host = FakeHost(
        answers={"find": "runc_1.deb\0torn.deb\0", "dpkg-deb": show, "sha256sum": f"{'a' * 64}  x\n"}
    )
    cache = read_cache(host, "/s")
    assert [file.file for file in cache.files] == ["runc_1.deb"]
    assert cache.path("runc", OLD["runc"]) == "/s/runc_1.deb"
    assert cache.missing(OLD) == {name: version for name, version in OLD.items() if name != "runc"}


def test_another_version_in_the_cache_is_not_the_one_that_is_needed() -> None:
    cache = Cache(directory="/s", files=(CachedDeb(file="f", package="runc", version="1", sha256=""),))
    assert cache.missing({"runc": "2"}) == {"runc": "2"}


def test_packages_are_fetched_into_the_snapshot_and_looked_at_before_anything_else() -> None:
    step = cache_step(OLD, "/s")
    assert (step.cwd, step.replan) == ("/s", True)
    assert step.argv[-3:] == tuple(f"{name}={version}" for name, version in sorted(OLD.items()))


def test_the_dockerd_on_disk_is_asked_with_patience_and_no_more() -> None:
    hung = FakeHost(answers={"timeout": (124, "", "")})
    assert read_binary(hung, check=True).broken == "`dockerd --version` answered with nothing for 20 s"
    failing = FakeHost(answers={"timeout": (1, "", "failed to start daemon: this release is broken\n")})
    assert "this release is broken" in read_binary(failing, check=False).broken
    assert hung.ran[0].argv[:3] == ("timeout", "--kill-after=5", "20")


def test_only_a_release_that_can_check_its_configuration_is_asked_to() -> None:
    old = FakeHost(answers={"timeout": "Docker version 20.10.24+dfsg1, build 297e128\n"})
    assert not read_binary(old, check=True).validated
    answers: dict[str, Answer] = {
        "timeout --kill-after=5 20 dockerd --version": "Docker version 26.1.5+dfsg1, build 411e817\n",
        "timeout --kill-after=5 20 dockerd --validate": (1, "", "unknown directive: graph\n"),
        "test": "",
    }
    new = FakeHost(answers=answers)
    assert read_binary(new, check=True).config_error == "unknown directive: graph"
    assert read_binary(FakeHost(answers=answers | {"test": (1, "", "")}), check=True).config_error == ""


@pytest.mark.parametrize(
    "content", [b'{"debug": false}', b"\n{} left over", b"null", b'{"labels": ["a=\xff"]}']
)
def test_a_configuration_that_engine_20_10_starts_with_is_left_to_it(content: bytes) -> None:
    assert json_fault((ConfigFile(path=DAEMON_JSON, mode=0o644, content=content),)) == ""
    assert json_fault(()) == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"[]",
        b"1",
        b'{"debug": false,',
        b'{"debug": false,}',
        b"\xef\xbb\xbf{}",
        b'{"mtu": NaN}',
        b'{"a": "\t"}',
    ],
)
def test_a_configuration_that_is_no_json_object_is_seen_without_asking_the_engine(content: bytes) -> None:
    assert json_fault((ConfigFile(path=DAEMON_JSON, mode=0o644, content=content),))


def test_the_version_is_read_from_dockers_own_sentence() -> None:
    assert parse_version("Docker version 26.1.5+dfsg1, build 411e817") == "26.1.5+dfsg1"
    assert parse_version("podman 4.3") == ""


def test_the_system_is_read_with_its_relatives() -> None:
    assert parse_system(captured("os-release.txt")) == "debian 13"
    assert parse_system('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n') == "ubuntu 24.04 debian"
    assert parse_free("Avail\n100\n-\n", ("/", "/var")) == {"/": 100}


def test_a_gathering_changes_nothing_on_the_host() -> None:
    host = lab_host()
    gather(host, snapshot_dir="/s", request="26.1", check_binary=True)
    harmless = {
        *(
            "apt-cache",
            "cat",
            "df",
            "dpkg-query",
            "find",
            "journalctl",
            "readlink",
            "sleep",
            "test",
            "timeout",
        ),
    }
    for command in host.ran:
        match command.argv:
            case ("apt-get", "-s", *_) | ("apt-get", "download", "--print-uris", *_):
                continue
            case ("systemctl", "show", *_) | ("dpkg", "--audit" | "--compare-versions", *_):
                continue
            case _:
                assert command.argv[0] in harmless, command.argv


def test_a_boot_is_told_by_kernel_and_first_process() -> None:
    facts = gather(lab_host(), packages=False)
    assert facts.boot == "694c6a75-c73b-4237-bfcd-8336286c4d96-113016"
    rebooted = "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 999999 22 33\n"
    assert gather(lab_host({"cat /proc/1/stat": rebooted}), packages=False).boot != facts.boot


@given(st.text())
def test_no_output_whatever_breaks_a_parser(text: str) -> None:
    parse_found(text)
    parse_system(text)
    parse_free(text, ("/",))
    parse_version(text)
