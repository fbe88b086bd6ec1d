"""Services with replicas on several hosts: the policy says which of them are never away on two hosts at once.

Dry runs name the services of the running containers an engine procedure may stop: by the label `dockwave.service`,
which a person gave, and as "project/service" by those of Compose. Hosts that share one are a group of which one may
be away, over all campaigns; disruption.py counts them as it counts budgets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.rollout import Quorum
from orchestrator.campaign.wording import names
from tasks.model import Kind

#: services named in a plan, the rest as a number
_SHOWN = 10


def services_in(plan: Mapping[str, object] | None) -> tuple[str, ...]:
    """The services a dry run names."""
    found = plan.get("services") if plan else None
    return tuple(str(item) for item in found) if found and isinstance(found, list | tuple) else ()


def kept_apart(services: Iterable[str], quorum: Quorum) -> tuple[str, ...]:
    """Those of them the policy keeps apart; a name with a slash is Compose's."""
    if quorum is Quorum.OFF:
        return ()
    return tuple(item for item in services if quorum is Quorum.COMPOSE or "/" not in item)


def services_of(run: HostRun, quorum: Quorum) -> tuple[str, ...]:
    """What this host shares with others and must not be away together with."""
    return kept_apart(services_in(run.plan), quorum)


def keeps_apart(campaign: Campaign) -> bool:
    """Whether this campaign has a host that must not be away together with another one."""
    quorum = campaign.policy.quorum
    if quorum is Quorum.OFF:
        return False
    # asked in every turn: hosts whose dry run names none are passed over without a call
    return any(run.plan and run.plan.get("services") and services_of(run, quorum) for run in campaign.runs)


def quorum_words(campaign: Campaign) -> Iterator[str]:
    """What the plan says about replicas on several of its hosts: which are kept apart, and which are not."""
    if campaign.kind is Kind.READ_ONLY:
        return
    hosts = Counter(item for run in campaign.runs if run.wave for item in services_in(run.plan))
    spread = {item: count for item, count in sorted(hosts.items()) if count > 1}
    apart = kept_apart(spread, campaign.policy.quorum)
    if apart:
        yield (
            f"replicas kept apart, so that one of their hosts is away at a time, all campaigns together: "
            f"{_listed(apart, spread)}"
        )
    loose = [item for item in spread if item not in frozenset(apart)]
    if loose:
        needed = "compose" if any("/" in item for item in loose) else "label"
        yield f"replicas that may be away together (--quorum {needed} keeps them apart): {_listed(loose, spread)}"


def _listed(services: Iterable[str], hosts: Mapping[str, int]) -> str:
    return names((f"{item} on {hosts[item]} hosts" for item in services), most=_SHOWN)
