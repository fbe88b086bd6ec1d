"""How many hosts go together: "1,10%,rest" to shares, shares to wave sizes; nothing is ever rounded up but to 1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import floor

from orchestrator.campaign.rollout import Share

#: what is left; the same as 100 %
REST = Share(value=100, percent=True)

#: largest count and largest number of waves a person may write
MAX_COUNT = 100_000
MAX_WAVES = 1_000

_SHARE = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,6})?)(?P<percent>%?)", re.ASCII)


def parse_share(text: str, *, zero: bool = False) -> Share:
    """Read "3" or "10%"; zero is refused unless asked for; ValueError says what, and how to write it."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no count and no percentage; write a whole number such as 3, or 10%")
    percent = match["percent"] == "%"
    if not percent and "." in match["number"]:
        raise ValueError(
            f"{text!r} is no whole number of hosts; write {match['number'].partition('.')[0]} or {text}%"
        )
    value = float(match["number"])
    if value == 0 and not zero:
        raise ValueError(f"{text!r} would be no host at all; the least is 1 or any percentage above 0")
    if percent and value > 100:
        raise ValueError(f"{text!r} is more than all hosts; the most is 100%")
    if not percent and value > MAX_COUNT:
        raise ValueError(f"{text!r} is above the limit of {MAX_COUNT} hosts")
    return Share(value=value, percent=percent)


def parse_waves(text: str) -> tuple[Share, ...]:
    """Read "1,10%,rest": sizes of the waves, of which the last repeats; "all" and "rest" alone are one wave."""
    if not text.strip():
        raise ValueError("The list of waves is empty; write for example 1,10%,rest, or all for a single wave")
    parts = text.split(",")
    if len(parts) > MAX_WAVES:
        raise ValueError(
            f"{len(parts)} waves are above the limit of {MAX_WAVES}; the last size repeats by itself"
        )
    if parts == ["all"]:
        return (REST,)
    return check_waves(tuple(_wave(part, number) for number, part in enumerate(parts, start=1)))


def check_waves(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Give the shares back when every wave can have a host; ValueError when there is none, or one comes too late."""
    if not shares:
        raise ValueError("The list of waves is empty; give at least one size, or rest for a single wave")
    for number, share in enumerate(shares[:-1], start=1):
        if share.percent and share.value >= 100:
            raise ValueError(
                f"Wave {number} takes all hosts that are left, so nothing remains for wave {number + 1}; put rest last"
            )
    return shares


def _wave(part: str, number: int) -> Share:
    if part == "rest":
        return REST
    try:
        return parse_share(part)
    except ValueError as error:
        raise ValueError(f"Wave {number}: {error}") from None


def resolve(share: Share, hosts: int) -> int:
    """The share of so many hosts as a number, rounded down; exact, so 7 % of 100 is 7."""
    if not share.percent:
        return int(share.value)
    return floor(Fraction(repr(share.value)) * hosts / 100)


def cut_waves(hosts: int, shares: Sequence[Share]) -> tuple[int, ...]:
    """Sizes of the waves of so many hosts: percentages are of all hosts, no wave is empty, every host is in one."""
    sizes: list[int] = []
    left = hosts
    while left > 0:
        share = shares[min(len(sizes), len(shares) - 1)]
        size = min(left, max(1, resolve(share, hosts)))
        sizes.append(size)
        left -= size
    return tuple(sizes)


def share_words(share: Share) -> str:
    """The share as a person would write it."""
    return f"{share.value:g} %" if share.percent else f"{share.value:.0f}"
