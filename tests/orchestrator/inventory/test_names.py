"""Names have one spelling and one order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.documents.problems import Flaw, shown
from orchestrator.inventory import names
from orchestrator.inventory.ranges import parse_range


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("web1", "web1"),
        ("WEB-1.Example.NET.", "web-1.example.net"),
        ("10.0.0.7", "10.0.0.7"),
        ("1a", "1a"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 63, "a" * 63),
    ],
)
def test_a_host_name_has_one_spelling(written: str, name: str) -> None:
    assert names.host_name(written) == name


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("DB_1.local", "db_1.local"),
        ("127.0.0.7", "127.0.0.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_an_address_may_also_be_ipv6_or_have_an_underscore(written: str, address: str) -> None:
    assert names.address(written) == address


@pytest.mark.parametrize(
    "written", ["224.0.0.1", "255.255.255.255", "::", "ff02::1", "0x7f.1", "1.2.3.4.5", "1.2.3.256", "127.1"]
)
def test_an_address_of_no_single_host_is_refused(written: str) -> None:
    with pytest.raises(Flaw):
        names.address(written)


@given(st.text(max_size=30))
def test_a_host_name_that_passes_is_safe_everywhere(text: str) -> None:
    try:
        name = names.host_name(text)
    except Flaw:
        return
    assert name == names.host_name(name)
    assert name.isascii()
    assert not name.startswith("-")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_the_order_of_names_is_the_one_people_expect() -> None:
    listed = ["10.0.0.2", "10.0.0.10", "web", "web1", "web2", "web02", "web10", "web10.a", "weba"]

    assert sorted(set(listed), key=names.natural_key) == [
        "10.0.0.2", "10.0.0.10", "web", "web1", "web02", "web2", "web10", "web10.a", "weba"
    ]  # fmt: skip


@given(st.lists(st.text(alphabet="ab019-.", max_size=6), unique=True), st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_depend_on_the_order_given(
    listed: list[str], dice: random.Random
) -> None:
    shuffled = list(listed)
    dice.shuffle(shuffled)

    assert sorted(shuffled, key=names.natural_key) == sorted(listed, key=names.natural_key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ["a"]),
        ("a[1:3]", ["a1", "a2", "a3"]),
        ("a[08:11].x", ["a08.x", "a09.x", "a10.x", "a11.x"]),
        ("a[8:11]", ["a8", "a9", "a10", "a11"]),
        ("[a:c]1", ["a1", "b1", "c1"]),
        ("r[1:2]-n[1:2]", ["r1-n1", "r1-n2", "r2-n1", "r2-n2"]),
        ("a[5:5]", ["a5"]),
    ],
)
def test_a_range_stands_for_its_names_in_order(text: str, expected: list[str]) -> None:
    made = parse_range(text)

    assert list(made) == expected
    assert len(made) == len(expected)
    assert made.ends == (expected[0], expected[-1])


@given(st.text(max_size=80))
def test_a_shown_text_cannot_act_on_a_terminal(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text, limit=20)) <= 20 * 10 + 2
