"""Patterns choose hosts as set algebra says, and an empty or unknown choice is always an error."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.inventory.names import natural_key
from orchestrator.inventory.selection import SelectionError, select
from tasks.errors import Problem
from tasks.model import Host, Inventory, SshHop, Transport


def make(name: str, groups: tuple[str, ...], **labels: str) -> Host:
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name), groups=groups, labels=labels)


HOSTS = sorted(
    [
        *(make(f"web{n}", ("prod", "web"), region="eu", tier="front") for n in range(1, 13)),
        make("db-08.example.net", ("db", "prod"), region="us", tier="back"),
        make("db-11.example.net", ("db", "prod"), region="eu"),
        make("lonely", ()),
    ],
    key=lambda host: natural_key(host.name),
)
GROUPS = {
    "db": ("db-08.example.net", "db-11.example.net"),
    "prod": tuple(host.name for host in HOSTS if "prod" in host.groups),
    "web": tuple(host.name for host in HOSTS if "web" in host.groups),
    "quarantine": (),
}
INVENTORY = Inventory(hosts=tuple(HOSTS), groups=GROUPS)
DB8, DB11 = GROUPS["db"]
WEB = list(GROUPS["web"])


def chosen(expression: str) -> list[str]:
    return [host.name for host in select(INVENTORY, expression)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lonely", ["lonely"]),
        ("LONELY", ["lonely"]),
        ("lonely.", ["lonely"]),
        ("all", [host.name for host in HOSTS]),
        ("web", WEB),
        ("web:db", [DB8, DB11, *WEB]),
        (" web : db ", [DB8, DB11, *WEB]),
        ("web*:!web3", [name for name in WEB if name != "web3"]),
        ("!web3:web*", [name for name in WEB if name != "web3"]),
        ("web?", WEB[:9]),
        ("web[13]", ["web1", "web3"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[1:3]:!web[2:2]", ["web1", "web3"]),
        ("d?", [DB8, DB11]),
        ("prod:&db", [DB8, DB11]),
        ("prod:&region=eu:&db", [DB11]),
        ("prod:&region=eu,tier!=front", [DB11]),
        ("region=eu,tier!=front", [DB11]),
        ("tier=back", [DB8]),
        ("tier!=front", [DB8, DB11, "lonely"]),
        ("all:!prod", ["lonely"]),
        ("all:!quarantine:&db", [DB8, DB11]),
        ("prod:!tier=front", [DB8, DB11]),
        ("~db-\\d+", [DB8, DB11]),
        ("~web1[0-2]?$", ["web1", "web10", "web11", "web12"]),
        ("~(web|lon)1?[0e]", ["lonely", "web10"]),
        ("all:!~web", [DB8, DB11, "lonely"]),
    ],
)
def test_a_pattern_chooses_these_hosts(expression: str, expected: list[str]) -> None:
    assert chosen(expression) == expected


@pytest.mark.parametrize(
    ("expression", "column", "what", "fix"),
    [
        (None, 1, "the pattern is empty", "web*:!web3"),
        ("", 1, "the pattern is empty", "all"),
        (" \t ", 1, "the pattern is empty", "all"),
        ("!web3", 1, "only takes hosts away", "all:!web3"),
        ("&web", 1, "only takes hosts away", "all:&web"),
        ("!web:!db", 1, "only takes hosts away", "all"),
        ("*", 1, "matches every host", "Write all"),
        ("?*", 1, "matches every host", "Write all"),
        ("~.*", 1, "matches every name", "Write all"),
        ("~a*", 1, "matches every name", "Write all"),
        ("wbe", 1, 'called "wbe"', "Did you mean web"),
        ("web:!web33", 5, 'called "web33"', "Did you mean web3"),
        ("web:&nothing", 5, 'called "nothing"', "Groups there are: db, prod"),
        ("db-08", 1, 'called "db-08"', "db-08.example.net"),
        ("wxb*", 1, 'matches "wxb*"', "web"),
        ("web[1:14]", 1, "2 hosts that do not exist: web13, web14", "Narrow"),
        ("web[3:1]", 1, "runs backwards", "smaller"),
        ("web[1:3]*", 1, "mixes a range and a wildcard", "one of them"),
        ("web[1", 1, "bracket without its partner", "web[123]"),
        ("web::db", 5, "a term is empty", "colon"),
        ("web:", 5, "a term is empty", "colon"),
        ("web:!", 5, "empty after", "colon"),
        ("web:!!db", 5, "two signs", "one of"),
        ("web,db", 1, "joins names by ','", "web:db"),
        ("web db", 1, "contains a space", "web:db"),
        ("web:all db", 5, "contains a space", "web:db"),
        ("web:quarantine x", 5, "contains a space", "':'"),
        ("quarantine", 1, "chooses no host", '"quarantine" 0'),
        ("web:&db", 1, "chooses no host", '"web" 12, "&db" 2'),
        ("all:!all", 1, "chooses no host", "Hosts per term"),
        ("regoin=eu", 1, 'no host has a label "regoin"', "region"),
        ("region=ue", 1, 'region="ue"', "eu"),
        ("tier!=fornt", 1, 'tier="fornt"', "front"),
        ("all:!region=mars", 5, 'region="mars"', "Values there are: eu, us"),
        ("region=", 1, "not a label condition", "key=value"),
        ("region=eu,", 1, "not a label condition", "key=value"),
        ("region=e*", 1, "compared exactly", "whole value"),
        ("a=b=c", 1, "not a label condition", "key=value"),
        ("~", 1, "names nothing", "after ~"),
        ("@", 1, "names nothing", "after @"),
        ("@hosts.txt", 1, "not read here", "command line"),
        ("~(a", 1, "ends too early", "Known:"),
        ("~x{9999}", 1, "malformed", "{m,n}"),
        ("~nothing-like-it", 1, "begins with a match", "not searched"),
        ("web\x1b[2J", 4, "U+001B", "Remove it"),
        ("web\ndb", 4, "U+000A", "Remove it"),
        ("w" * 5000, 1, "5000 characters", "@FILE"),
        (":".join(["web"] * 101), 401, "101 terms", "@FILE"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_where_it_is_wrong(
    expression: str | None, column: int, what: str, fix: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        select(INVENTORY, expression)

    (found,) = caught.value.problems
    assert (found.file, found.line, found.column) == ("pattern", 1, column)
    assert what in found.what
    assert fix in found.fix
    assert len(str(found)) < 400
    assert "\x1b" not in str(found)


def test_all_problems_of_a_pattern_are_told_at_once() -> None:
    with pytest.raises(SelectionError) as caught:
        select(INVENTORY, "wbe:region=ue:!x")

    assert [problem.column for problem in caught.value.problems] == [1, 5, 15]


def test_a_file_of_names_chooses_them() -> None:
    files = {
        "failed.txt": "# yesterday\nweb2\n\nWEB1  # again\n",
        "bad": "web1\nwbe2\n",
        "none": "# all fine\n",
    }

    found = select(INVENTORY, "@failed.txt:!web2", read_file=files.__getitem__)
    assert [host.name for host in found] == ["web1"]
    with pytest.raises(SelectionError, match='line 2 of "bad": no host is called "wbe2"'):
        select(INVENTORY, "@bad", read_file=files.__getitem__)
    with pytest.raises(SelectionError, match='"none" names no host'):
        select(INVENTORY, "@none", read_file=files.__getitem__)


EVERY = frozenset(host.name for host in HOSTS)
ATOMS: dict[str, frozenset[str]] = {
    "all": EVERY,
    "web": frozenset(WEB),
    "db": frozenset(GROUPS["db"]),
    "quarantine": frozenset(),
    "lonely": frozenset({"lonely"}),
    "web?": frozenset(WEB[:9]),
    "web[2:4]": frozenset({"web2", "web3", "web4"}),
    "~db-0": frozenset({DB8}),
    "region=eu": frozenset([*WEB, DB11]),
    "tier!=front": frozenset({DB8, DB11, "lonely"}),
    "region=eu,tier!=front": frozenset({DB11}),
}
TERMS = st.lists(
    st.tuples(st.sampled_from(["", "&", "!"]), st.sampled_from(sorted(ATOMS))), min_size=1, max_size=6
)


def expected_of(terms: list[tuple[str, str]]) -> frozenset[str]:
    """Set algebra, in the plainest words."""
    return frozenset(
        name
        for name in EVERY
        if any(name in ATOMS[atom] for sign, atom in terms if sign == "")
        and all(name in ATOMS[atom] for sign, atom in terms if sign == "&")
        and not any(name in ATOMS[atom] for sign, atom in terms if sign == "!")
    )


@given(terms=TERMS, dice=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_and_or_not_agree_with_set_algebra_in_any_order(
    terms: list[tuple[str, str]], dice: random.Random
) -> None:
    expected = expected_of(terms)
    shuffled = list(terms)
    dice.shuffle(shuffled)
    for order in (terms, shuffled):
        expression = ":".join(sign + atom for sign, atom in order)
        if not expected:
            with pytest.raises(SelectionError):
                select(INVENTORY, expression)
            continue
        found = select(INVENTORY, expression)
        assert {host.name for host in found} == expected
        # a subset of the inventory, in its order, each once
        assert list(found) == [host for host in INVENTORY.hosts if host.name in expected]


def outcome_of(expression: str) -> tuple[list[str], tuple[Problem, ...]]:
    try:
        return chosen(expression), ()
    except SelectionError as error:
        return [], error.problems


@given(st.text(max_size=40) | st.text(alphabet="web*!&:~@[]()=,1d-{}|?+.\\", max_size=20))
@settings(max_examples=500, deadline=None)
def test_any_text_chooses_some_hosts_or_is_refused(expression: str) -> None:
    names, problems = outcome_of(expression)

    assert bool(names) != bool(problems)
    assert names == [host.name for host in HOSTS if host.name in names]
    assert all(problem.what and problem.fix for problem in problems)


def test_twenty_thousand_hosts_are_chosen_from_quickly() -> None:
    hosts = tuple(make(f"h{n}", ()) for n in range(20_000))

    assert len(select(Inventory(hosts=hosts), "h*:!~h[0-9]*7$")) == 18_000


def test_terms_that_come_to_no_host_are_fine_when_that_is_allowed_and_a_slip_never_is() -> None:
    assert select(INVENTORY, "web:!web*", allow_empty=True) == ()
    for slip in ("wbe1", "region=asia", "web:!lonly"):
        with pytest.raises(SelectionError):
            select(INVENTORY, slip, allow_empty=True)
