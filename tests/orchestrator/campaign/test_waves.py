"""Shares and waves: rounding, refusals, and every host in exactly one wave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.rollout import Share
from orchestrator.campaign.waves import (
    REST,
    check_waves,
    cut_waves,
    parse_share,
    parse_waves,
    resolve,
    share_words,
)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("1", Share(value=1)),
        ("007", Share(value=7)),
        ("100000", Share(value=100_000)),
        ("10%", Share(value=10, percent=True)),
        ("12.5%", Share(value=12.5, percent=True)),
        ("100%", REST),
        ("0.1%", Share(value=0.1, percent=True)),
    ],
)
def test_a_count_or_a_percentage_is_read(text: str, share: Share) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize(
    "text",
    [
        "", " ", " 1", "1 ", "1 %", "0", "0%", "0.0%", "-1", "-5%", "+1", "101%", "100.0001%", "1e9", "1e2%",
        "nan", "NaN%", "inf", "-inf", "infinity%", "1.5", "1,5", "%", "%5", "5%%", "0x10", "1_000", "\u0663", "\uff11",
        "100001", "1000000000", "rest", "all", "half", "1\n", "\t1", "1;2", "{{ 1 }}", "$(id)", "null", "1/3",
    ],
)  # fmt: skip
def test_what_is_no_share_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|number|percentage") as caught:
        parse_share(text)
    assert repr(text) in str(caught.value)


def test_zero_may_be_tolerated_but_not_rolled_out_to() -> None:
    assert parse_share("0", zero=True) == Share(value=0)
    assert parse_share("0%", zero=True) == Share(value=0, percent=True)


@pytest.mark.parametrize("text", ["1,10%,rest", "all", "rest", "3", "1,2,4", "50%,100%"])
def test_lists_of_waves_are_read(text: str) -> None:
    shares = parse_waves(text)
    assert len(shares) == text.count(",") + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (",", "Wave 1"),
        ("1,,rest", "Wave 2"),
        ("1,rest,", "Wave 3"),
        ("rest,1", "put rest last"),
        ("1,100%,5", "nothing remains for wave 3"),
        ("1, 10%", "Wave 2"),
        ("all,1", "Wave 1"),
        ("1,all", "Wave 2"),
        ("1,0", "Wave 2"),
        (",".join(["1"] * 1001), "limit of 1000"),
    ],
)
def test_lists_nobody_can_follow_are_refused_with_the_wave(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_waves(text)


def test_no_waves_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        check_waves(())


@pytest.mark.parametrize(
    ("hosts", "text", "sizes"),
    [
        (0, "1,10%,rest", ()),
        (1, "1,10%,rest", (1,)),
        (2, "1,10%,rest", (1, 1)),
        (5, "1,2,rest", (1, 2, 2)),
        (100, "1,10%,rest", (1, 10, 89)),
        (19, "1,10%,rest", (1, 1, 17)),
        (7, "2", (2, 2, 2, 1)),
        (7, "1,3", (1, 3, 3)),
        (9, "50%", (4, 4, 1)),
        (3, "0.1%", (1, 1, 1)),
        (3, "5", (3,)),
        (10, "1,2,4", (1, 2, 4, 3)),
        (100, "7%,rest", (7, 93)),
        (1000, "0.7%,rest", (7, 993)),
        (2, "100%", (2,)),
    ],
)
def test_waves_round_down_never_below_one_host(hosts: int, text: str, sizes: tuple[int, ...]) -> None:
    assert cut_waves(hosts, parse_waves(text)) == sizes


_SHARES = st.one_of(
    st.integers(min_value=1, max_value=500).map(lambda n: Share(value=n)),
    st.floats(min_value=0.000001, max_value=100, allow_nan=False).map(lambda p: Share(value=p, percent=True)),
)


@given(hosts=st.integers(min_value=0, max_value=3_000), shares=st.lists(_SHARES, min_size=1, max_size=6))
def test_every_host_is_in_exactly_one_wave_and_no_wave_is_empty(hosts: int, shares: list[Share]) -> None:
    sizes = cut_waves(hosts, shares)
    assert sum(sizes) == hosts
    assert all(size >= 1 for size in sizes)


@given(percent=st.integers(min_value=0, max_value=100), hosts=st.integers(min_value=0, max_value=10**6))
def test_a_whole_percentage_is_floor_of_n_p_over_100(percent: int, hosts: int) -> None:
    assert resolve(Share(value=float(percent), percent=True), hosts) == hosts * percent // 100


@given(share=_SHARES)
def test_a_share_in_words_reads_back_as_itself(share: Share) -> None:
    text = share_words(share).replace(" ", "")
    if "e" not in text and len(text) < 9:
        assert abs(parse_share(text, zero=True).value - share.value) < 0.001
