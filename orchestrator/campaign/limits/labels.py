"""Labels a policy names that none of its hosts has: what is said of them would limit nothing, unnoticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.campaign.rollout import RolloutPolicy, Scope
from tasks.model import Host


def check_labels(policy: RolloutPolicy, hosts: Sequence[Host]) -> None:
    """ValueError when a budget or a stop rule names a label that none of these hosts has; no host has none at all."""
    known = {label for host in hosts for label in host.labels}
    for what, label in _named(policy):
        if hosts and label not in known:
            raise ValueError(
                f"{what} {label!r} limits nothing: none of the {len(hosts)} hosts has that label"
            )


def _named(policy: RolloutPolicy) -> Iterator[tuple[str, str]]:
    for budget in policy.budgets.labels if policy.budgets is not None else ():
        yield "budget of label", budget.label
    for rule in policy.stop_rules:
        if rule.scope is Scope.LABEL:
            yield "stop rule of label", rule.label
