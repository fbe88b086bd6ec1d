"""Which hosts go first: canaries, then the order asked for, spread over a label; the same input, the same order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from orchestrator.campaign.waves import cut_waves, parse_waves
from orchestrator.campaignfile.rollout import Order
from orchestrator.documents.problems import shown
from orchestrator.inventory.names import natural_key
from tasks.errors import BadInput
from tasks.model import Host

_RANK = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


def arrange(
    hosts: Sequence[Host],
    *,
    order: Order | None = None,
    spread: str | None = None,
    canary: tuple[str, str | None] | None = None,
) -> tuple[Host, ...]:
    """The same hosts, in the order they are put into waves."""
    first, rest = _canaries(hosts, canary)
    return (*_spread(_ordered(first, order), spread), *_spread(_ordered(rest, order), spread))


def canary_count(hosts: Sequence[Host], canary: tuple[str, str | None] | None) -> int:
    """How many of the hosts go first; BadInput when a label is named that none of them has."""
    return len(_canaries(hosts, canary)[0])


def waves_with_canaries(hosts: Sequence[Host], canaries: int, waves: str | None, default: str) -> str:
    """The waves, the first of which holds the canaries; BadInput when one was asked for that cannot."""
    if waves is None:
        return f"{canaries},{default}" if canaries < len(hosts) else "all"
    size = cut_waves(len(hosts), parse_waves(waves))[0]
    if canaries > size:
        raise BadInput(
            f"canary chooses {canaries} of {len(hosts)} hosts, more than the {size} of the first wave ({waves})",
            hint="Make the first wave larger, or choose fewer canaries; without waves the first one fits them.",
        )
    return waves


def _canaries(hosts: Sequence[Host], canary: tuple[str, str | None] | None) -> tuple[list[Host], list[Host]]:
    if canary is None:
        return [], list(hosts)
    key, value = canary
    chosen = [host for host in hosts if key in host.labels and value in (None, host.labels[key])]
    if not chosen:
        wanted = key if value is None else f"{key}={value}"
        raise BadInput(
            f"canary {shown(wanted)} chooses none of the {len(hosts)} hosts",
            hint="Give one of the chosen hosts that label in the inventory, or remove canary.",
        )
    names = {host.name for host in chosen}
    return chosen, [host for host in hosts if host.name not in names]


def _ordered(hosts: list[Host], order: Order | None) -> list[Host]:
    by_name = sorted(hosts, key=lambda host: natural_key(host.name))
    if order is None:
        return hosts
    match order.by:
        case "shuffle":
            return sorted(by_name, key=lambda host: _dice(order.seed, host.name))
        case "rank":
            return sorted(by_name, key=lambda host: _rank(host, str(order.label)))
        case "label":
            return sorted(by_name, key=lambda host: _value(host, str(order.label)))
        case _:
            return by_name


def _dice(seed: int | None, name: str) -> bytes:
    """A number nobody chose: the same for a seed and a host in every version and on every machine."""
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _rank(host: Host, label: str) -> tuple[bool, float]:
    """Lower numbers first, hosts without one last."""
    text = host.labels.get(label)
    if text is None:
        return (True, 0.0)
    if not _RANK.fullmatch(text):
        raise BadInput(
            f"order by rank: the label {label} of {host.name} is {shown(text)}, which is no number",
            hint="Correct it in the inventory; lower numbers go first, hosts without the label last.",
        )
    return (False, float(text))


def _value(host: Host, label: str) -> tuple[bool, tuple[tuple[int, int, str], ...]]:
    """By the label's value as people sort names, hosts without it last."""
    text = host.labels.get(label)
    return (True, ()) if text is None else (False, natural_key(text))


def _spread(hosts: list[Host], label: str | None) -> list[Host]:
    """Hosts of one value as far from each other as they can be, each value in the order it had."""
    if label is None:
        return hosts
    groups: dict[str | None, list[Host]] = {}
    for host in hosts:
        groups.setdefault(host.labels.get(label), []).append(host)
    placed = [
        ((2 * number + 1) / (2 * len(group)), rank, host)
        for rank, group in enumerate(groups.values())
        for number, host in enumerate(group)
    ]
    return [host for _, _, host in sorted(placed, key=lambda item: item[:2])]
