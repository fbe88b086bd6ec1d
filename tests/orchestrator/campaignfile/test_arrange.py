"""Arranging hosts keeps every one of them once, puts canaries first, and is the same every time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaignfile.arrange import arrange, canary_count, waves_with_canaries
from orchestrator.campaignfile.rollout import Order
from orchestrator.documents.document import Text
from orchestrator.documents.problems import Place
from tasks.errors import BadInput
from tasks.model import Host, Transport


def host(name: str, **labels: str) -> Host:
    return Host(name=name, transport=Transport.LOCAL, labels=labels)


def order(**values: str) -> Order:
    texts = {key: Text.at(value, Place(file="f"), plain=True) for key, value in values.items()}
    return Order.model_validate(texts)


FLEET = (
    host("web-1", region="eu", tier="canary", rank="3"),
    host("web-2", region="us", rank="1"),
    host("web-10", region="eu", rank="2"),
    host("db-1", region="us", tier="canary"),
)

ORDERS: list[tuple[str, Order | None, list[str]]] = [
    ("as chosen", None, ["web-1", "web-2", "web-10", "db-1"]),
    ("by name", order(by="name"), ["db-1", "web-1", "web-2", "web-10"]),
    ("by label", order(by="label", label="region"), ["web-1", "web-10", "db-1", "web-2"]),
    ("by a label only some have", order(by="label", label="tier"), ["db-1", "web-1", "web-2", "web-10"]),
    ("by rank", order(by="rank", label="rank"), ["web-2", "web-10", "web-1", "db-1"]),
]


@pytest.mark.parametrize(("by", "names"), [item[1:] for item in ORDERS], ids=[item[0] for item in ORDERS])
def test_hosts_go_in_the_order_asked_for(by: Order | None, names: list[str]) -> None:
    assert [item.name for item in arrange(FLEET, order=by)] == names


def test_a_shuffle_is_the_same_for_the_same_seed_and_on_every_machine() -> None:
    shuffled = [item.name for item in arrange(FLEET, order=order(by="shuffle", seed="7"))]
    assert shuffled == ["db-1", "web-2", "web-1", "web-10"]
    assert shuffled == [item.name for item in arrange(FLEET[::-1], order=order(by="shuffle", seed="7"))]


def test_canaries_go_first_in_their_own_order() -> None:
    by_name = arrange(FLEET, order=order(by="name"), canary=("tier", "canary"))
    assert [item.name for item in by_name] == ["db-1", "web-1", "web-2", "web-10"]
    assert canary_count(FLEET, ("tier", None)) == 2
    assert canary_count(FLEET, None) == 0


def test_a_canary_label_nobody_has_is_refused() -> None:
    with pytest.raises(BadInput, match='"tier=blue" chooses none of the 4 hosts'):
        arrange(FLEET, canary=("tier", "blue"))


def test_a_rank_that_is_no_number_is_refused_with_its_host() -> None:
    with pytest.raises(BadInput, match=r'rank of web-1 is "first", which is no number'):
        arrange([host("web-1", rank="first")], order=order(by="rank", label="rank"))


@pytest.mark.parametrize(
    ("hosts", "canaries", "waves", "result"),
    [
        (10, 2, None, "2,10%,rest"),
        (2, 2, None, "all"),
        (10, 2, "2,rest", "2,rest"),
        (10, 2, "5,rest", "5,rest"),
        (10, 1, "1%", "1%"),
    ],
)
def test_the_first_wave_holds_the_canaries(hosts: int, canaries: int, waves: str | None, result: str) -> None:
    fleet = [host(f"h{number}") for number in range(hosts)]
    assert waves_with_canaries(fleet, canaries, waves, "10%,rest") == result


@pytest.mark.parametrize("waves", ["1,rest", "10%,rest", "29%", "2"])
def test_more_canaries_than_the_first_wave_takes_are_refused_with_both_numbers(waves: str) -> None:
    fleet = [host(f"h{number}") for number in range(10)]
    with pytest.raises(BadInput, match=r"canary chooses 3 of 10 hosts, more than the [12] of the first wave"):
        waves_with_canaries(fleet, 3, waves, "rest")


labels = st.dictionaries(st.sampled_from(["region", "tier"]), st.sampled_from(["a", "b", "c"]))
fleets = st.lists(labels, max_size=40).map(
    lambda found: [host(f"h{number}", **each) for number, each in enumerate(found)]
)
orders = st.sampled_from(
    [None, order(by="name"), order(by="label", label="tier"), order(by="shuffle", seed="1")]
)


@settings(deadline=None)
@given(fleets, orders, st.sampled_from([None, "region", "nolabel"]))
def test_every_host_is_there_once(fleet: list[Host], by: Order | None, spread: str | None) -> None:
    arranged = arrange(fleet, order=by, spread=spread)
    assert Counter(item.name for item in arranged) == Counter(item.name for item in fleet)


@settings(deadline=None)
@given(fleets, orders)
def test_any_beginning_of_a_spread_order_has_its_share_of_every_value(
    fleet: list[Host], by: Order | None
) -> None:
    arranged = arrange(fleet, order=by, spread="region")
    whole = Counter(item.labels.get("region") for item in fleet)
    for size in range(len(arranged) + 1):
        seen = Counter(item.labels.get("region") for item in arranged[:size])
        for value, count in whole.items():
            assert abs(seen[value] - count * size / len(fleet)) <= len(whole)


@settings(deadline=None)
@given(fleets, st.sampled_from(["region", "tier"]))
def test_spreading_keeps_the_order_within_a_value(fleet: list[Host], label: str) -> None:
    arranged = arrange(fleet, order=order(by="name"), spread=label)
    for value in {item.labels.get(label) for item in fleet}:
        names = [int(item.name[1:]) for item in arranged if item.labels.get(label) == value]
        assert all(first < second for first, second in pairwise(names))
