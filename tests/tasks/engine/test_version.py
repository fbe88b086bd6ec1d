"""Versions are read as people mean them, and never compared as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.engine.version import at_least, core, is_major_change, matches, same_release, upstream
from tasks.facts.packages import VERSION_PATTERN

NUMBERS = st.lists(st.integers(0, 99), min_size=2, max_size=3).map(lambda parts: ".".join(map(str, parts)))
VERSIONS = st.builds(
    lambda epoch, number, flavour, revision: f"{epoch}{number}{flavour}{revision}",
    st.sampled_from(["", "5:"]),
    NUMBERS,
    st.sampled_from(["", "+dfsg1", "~ds1"]),
    st.sampled_from(["", "-1", "-1~debian.12~bookworm", "-9+deb13u1+b1"]),
)


@pytest.mark.parametrize(
    ("version", "people_say"),
    [
        ("20.10.24+dfsg1-1+deb12u1+b6", "20.10.24+dfsg1"),
        ("5:27.3.1-1~debian.12~bookworm", "27.3.1"),
        ("1.7.24~ds1-6+deb13u1", "1.7.24~ds1"),
        ("2.26.1-4", "2.26.1"),
        ("0.19.0", "0.19.0"),
    ],
)
def test_the_projects_version_is_what_is_between_epoch_and_revision(version: str, people_say: str) -> None:
    assert upstream(version) == people_say


@pytest.mark.parametrize(
    ("typed", "version", "meant"),
    [
        ("26.1", "26.1.5+dfsg1-9+deb13u1+b1", True),
        ("26.1*", "26.1.5+dfsg1-9+deb13u1+b1", True),
        ("26", "26.1.5+dfsg1-9+deb13u1+b1", True),
        ("26.1", "26.10.0-1", False),
        ("26.1.5", "26.1.50-1", False),
        ("27.3", "5:27.3.1-1~debian.12~bookworm", True),
        ("5:27.3.1-1~debian.12~bookworm", "5:27.3.1-1~debian.12~bookworm", True),
        ("6.1", "26.1.5", False),
        ("26.1.5+dfsg1-9", "26.1.5+dfsg1-9+deb13u1+b1", True),
    ],
)
def test_a_typed_version_ends_between_numbers(typed: str, version: str, meant: bool) -> None:
    assert matches(version, typed) is meant


@pytest.mark.parametrize(
    ("running", "package", "same"),
    [
        ("26.1.5+dfsg1", "26.1.5+dfsg1-9+deb13u1+b1", True),
        ("27.3.1", "5:27.3.1-1~debian.12~bookworm", True),
        ("20.10.24+dfsg1", "26.1.5+dfsg1-9+deb13u1+b1", False),
        ("28.0.0-rc.1", "5:28.0.0~rc.1-1~debian.12~bookworm", True),
        ("26.1", "26.1.5+dfsg1-9", False),
        ("", "", False),
    ],
)
def test_a_running_daemon_is_told_from_an_installed_package(running: str, package: str, same: bool) -> None:
    assert same_release(running, package) is same


def test_another_release_line_is_a_major_change_and_a_patch_is_not() -> None:
    assert is_major_change("20.10.24+dfsg1-1", "26.1.5+dfsg1-9")
    assert is_major_change("5:27.2.1-1~x", "5:27.3.1-1~x")
    assert not is_major_change("26.1.4+dfsg3-1", "26.1.5+dfsg1-9")


@pytest.mark.parametrize(
    ("version", "reached"), [("23.0.0", True), ("9.10", False), ("20.10.24", False), ("", False)]
)
def test_reaching_a_release_is_a_question_of_numbers(version: str, reached: bool) -> None:
    assert at_least(version, 23) is reached


@given(VERSIONS)
def test_every_version_is_meant_by_itself_its_release_and_its_line(version: str) -> None:
    assert re.match(VERSION_PATTERN, version)
    assert matches(version, version)
    assert matches(version, core(version))
    assert same_release(core(version), version)
    assert not is_major_change(version, version)


@given(VERSIONS, st.integers(0, 9))
def test_a_digit_more_never_means_the_same_version(version: str, digit: int) -> None:
    assert not matches(version, f"{core(version)}{digit}")
