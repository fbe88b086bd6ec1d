"""What hosts with one cause have more often than healthy ones, in numbers; a hint where to look, never a proof."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.campaign.campaign import HostRun
from orchestrator.campaign.explaining.traits import facts, traits
from orchestrator.campaign.wording import plural

#: a trait is named when as many hosts with it, or more, would fail by chance alone at most this often
_CHANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One trait, counted on both sides."""

    #: "label rack=r7", "engine 20.10.24 before", "gateway gw-dmz-1@c2"
    trait: str
    #: hosts with this cause that have it, of those where it is known
    hosts: int
    of_hosts: int
    #: the same of the healthy hosts
    healthy: int
    of_healthy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Hosts that are compared with others: how many have what."""

    hosts: int
    traits: Counter[str]
    #: by kind; a host counts in those kinds that are known of it
    facts: Mapping[str, Counter[str]]


def side(runs: Sequence[HostRun]) -> Side:
    """Count once; a fleet has many causes and one healthy side."""
    known: dict[str, Counter[str]] = {}
    for run in runs:
        for kind, fact in facts(run).items():
            known.setdefault(kind, Counter())[fact] += 1
    return Side(
        hosts=len(runs),
        traits=Counter(trait for run in runs for trait in traits(run.host)),
        facts=known,
    )


def in_words(item: Contrast, kind: str) -> str:
    """The numbers first: 4 of 5 failed hosts, 1 of 40 healthy hosts: label rack=r7."""
    theirs = f"{item.hosts} of {item.of_hosts} {kind} hosts"
    return f"{theirs}, {item.healthy} of {plural(item.of_healthy, 'healthy host')}: {item.trait}"


def in_common(these: Side, healthy: Side) -> frozenset[str]:
    """What the inventory says of all of them and of no healthy host; nothing when there is none to compare with."""
    if not healthy.hosts:
        return frozenset()
    return frozenset(
        trait
        for trait, number in these.traits.items()
        if number == these.hosts and trait not in healthy.traits
    )


def contrast(these: Side, healthy: Side) -> tuple[Contrast, ...]:
    """Traits at least half of these hosts have, and too many of them for chance; the strongest first."""
    if these.hosts < 2 or not healthy.hosts:
        return ()
    found = [item for item in _counted(these, healthy) if _tells(item)]
    return tuple(sorted(found, key=lambda item: (chance(item), -item.hosts, item.trait)))


def chance(item: Contrast) -> float:
    """How often as many hosts with the trait, or more, are among the failed ones when the trait plays no part.

    The upper tail of the hypergeometric distribution (Fisher's exact test, one-sided).
    """
    every, having = item.of_hosts + item.of_healthy, item.hosts + item.healthy
    ways = _ways(every, item.of_hosts)
    most = min(item.of_hosts, having)
    return min(
        math.fsum(
            math.exp(_ways(having, number) + _ways(every - having, item.of_hosts - number) - ways)
            for number in range(item.hosts, most + 1)
            if item.of_hosts - number <= every - having
        ),
        1.0,
    )


def _ways(of: int, chosen: int) -> float:
    """The logarithm of the number of ways to choose; fleets of ten thousand have too many to multiply out."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _tells(item: Contrast) -> bool:
    if item.hosts < 2 or 2 * item.hosts < item.of_hosts:
        return False
    if item.hosts == item.of_hosts and not item.healthy and item.of_healthy >= 2:
        return True
    return chance(item) <= _CHANCE


def _counted(these: Side, healthy: Side) -> Iterator[Contrast]:
    yield from _beside(these.traits, these.hosts, healthy.traits, healthy.hosts)
    for kind, found in these.facts.items():
        theirs = healthy.facts.get(kind, Counter())
        # hosts of which it is not known say nothing, on either side
        yield from _beside(found, found.total(), theirs, theirs.total())


def _beside(these: Counter[str], of_these: int, healthy: Counter[str], of_healthy: int) -> Iterator[Contrast]:
    for trait, number in these.items():
        yield Contrast(
            trait=trait, hosts=number, of_hosts=of_these, healthy=healthy[trait], of_healthy=of_healthy
        )
