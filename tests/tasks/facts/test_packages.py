"""What dpkg and apt really printed, and what is made of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.connection import Command
from tasks.facts import packages
from tasks.facts.packages import Installed, Package, read_installed, read_obtainable
from tasks.fake import FakeHost
from tests.tasks.engine.world import OLD, captured, lab_host


def test_installed_packages_come_with_version_state_hold_and_mark() -> None:
    more = "runc\t1\thi \tamd64\nold\t2\trc \tamd64\nnonsense\n"
    found = packages.parse_dpkg_query(captured("dpkg-query.txt") + more)
    assert found["runc"].held
    assert found["runc"].installed
    assert not found["old"].installed
    assert "nonsense" not in found


def test_only_a_foreign_architecture_is_part_of_a_packages_name() -> None:
    found = packages.parse_dpkg_query(captured("dpkg-query.txt") + "libc6\t2.41\tii \ti386\n")
    assert {"libc6", "libc6:i386", "adduser"} <= set(found)
    assert "libc6:amd64" not in found


def test_a_package_left_half_way_is_present_but_not_installed() -> None:
    installed = Installed(packages={"docker.io": Package(version="26.1", status="iF")})
    assert installed.version("docker.io") is None
    assert installed.present(["docker.io"]) == ("docker.io",)


def test_a_package_that_needs_reinstalling_is_not_installed_whole() -> None:
    assert not Package(version="1", status="iHR").installed
    assert Package(version="1", status="hi").installed


def test_madison_gives_versions_with_their_origin_in_apts_order() -> None:
    found = packages.parse_madison(captured("madison.txt"))
    assert [item.version for item in found["docker.io"]] == [
        "26.1.5+dfsg1-9+deb13u1+b1",
        "20.10.24+dfsg1-1+deb12u1+b6",
    ]
    assert found["docker.io"][0].origin.endswith("trixie/main amd64")
    assert packages.parse_madison("docker.io | 26.1 | http://x trixie/main Sources\n") == {}


def test_policy_gives_candidates_and_none_is_no_version() -> None:
    found = packages.parse_candidates(captured("policy.txt") + "nothing:\n  Candidate: (none)\n")
    assert found["docker.io"].startswith("26.1.5")
    assert "nothing" not in found


def test_the_archive_names_file_size_and_hash_of_each_package() -> None:
    found = packages.parse_print_uris(captured("print-uris.txt"))
    assert set(found) == set(OLD)
    assert found["runc"].file == "runc_1.1.5+ds1-1+deb12u1_amd64.deb"
    assert found["runc"].size_bytes == 2709960
    assert len(found["runc"].sha256) == 64


def test_automatic_marks_are_read_from_apts_own_file() -> None:
    text = "Package: runc\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: docker.io\nAuto-Installed: 0\n"
    assert packages.parse_automatic(text) == {"runc"}


def test_reading_marks_only_the_engines_packages() -> None:
    marks = "Package: runc\nAuto-Installed: 1\n\nPackage: tini\nAuto-Installed: 1\n"
    found = read_installed(lab_host({"cat /var/lib/apt/extended_states": marks}), ["runc", "docker.io"])
    assert found.auto(["runc", "tini", "docker.io"]) == ("runc",)
    assert found.audit == ""


def test_one_version_gone_from_the_archive_does_not_hide_the_others() -> None:
    lines = captured("print-uris.txt").splitlines(keepends=True)

    def answer(command: Command) -> tuple[int, str, str]:
        wanted = command.argv[3:]
        if any("gone" in word for word in wanted):
            return 100, "", "E: Version 'gone' for 'runc' was not found\n"
        return 0, "".join(line for line in lines if any(f"/{w.split('=')[0]}_" in line for w in wanted)), ""

    host = FakeHost(answers={"apt-get download --print-uris": answer})
    found = read_obtainable(host, OLD | {"runc": "gone"})
    assert set(found) == {"containerd", "docker.io"}
    assert read_obtainable(FakeHost(), {}) == {}


def test_what_others_have_is_told_apart_from_what_is_left_out() -> None:
    installed = Installed(
        packages={
            "libc6:amd64": Package(version="2.41", status="ii"),
            "docker.io": Package(version="26", status="ii"),
            "old": Package(version="1", status="rc"),
            "never": Package(version="", status="un"),
        }
    )
    assert installed.versions(without=["docker.io"]) == {"libc6:amd64": "2.41"}


@given(st.text())
def test_no_output_whatever_breaks_a_parser(text: str) -> None:
    packages.parse_dpkg_query(text)
    packages.parse_madison(text)
    packages.parse_candidates(text)
    packages.parse_print_uris(text)
    packages.parse_automatic(text)
