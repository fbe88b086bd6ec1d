"""Which networks go: custom ones that nothing is attached to and no container is set to join."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.disk import keys
from tasks.disk.choice import Choice, first_objection, strange, used_by
from tasks.disk.objects import ContainerObject, NetworkObject
from tasks.disk.rules import Rules, Target
from tasks.disk.survey import DiskFacts
from tasks.model import UndoClass
from tasks.procedure import EngineStep, EngineVerb, Kept

#: made by the engine or by a swarm; the engine needs them back at its next start
PREDEFINED = frozenset({"bridge", "host", "none", "default", "nat", "ingress", "docker_gwbridge"})
_DEFAULT_BRIDGE_DRIVERS = frozenset({"host", "null"})


def choose_networks(facts: DiskFacts, remaining: Sequence[ContainerObject], rules: Rules) -> Choice:
    """Removes networks that no remaining container could want, running or not.

    A stopped container has no endpoint, yet it cannot start again without its network.
    """
    steps: list[EngineStep] = []
    kept: list[Kept] = []
    for network in facts.networks:
        reason = _objection(network, remaining, rules)
        key = keys.key(keys.NETWORK, network.id)
        if reason is not None:
            kept.append(Kept(key=key, title=f"network {network.name}", reason=reason))
            continue
        steps.append(
            EngineStep(
                key=key,
                title=f"remove network {network.name} ({network.driver})",
                undo=UndoClass.ONE_WAY,
                verb=EngineVerb.REMOVE_NETWORK,
                object_id=network.id,
                size_bytes=0,
                keep_labels=rules.all_keep_labels,
            )
        )
    return Choice(steps=tuple(steps), kept=tuple(kept))


def network_users(network: NetworkObject, containers: Sequence[ContainerObject]) -> list[ContainerObject]:
    """The containers set to join a network, by its name or its id."""
    return [item for item in containers if network.id in item.networks or network.name in item.networks]


def belongs_to_engine(network: NetworkObject) -> str | None:
    """Why a network is not a custom one of this host."""
    if network.name in PREDEFINED or network.driver in _DEFAULT_BRIDGE_DRIVERS:
        return "it is predefined"
    if network.scope != "local" or network.ingress:
        return "it belongs to a swarm"
    return "other networks take their settings from it" if network.config_only else None


def _objection(network: NetworkObject, remaining: Sequence[ContainerObject], rules: Rules) -> str | None:
    return first_objection(
        (
            lambda: belongs_to_engine(network),
            lambda: strange(keys.NETWORK, network.id),
            lambda: None if network.inspected else "the engine could not say what is attached to it",
            lambda: f"in use: {network.endpoints[0]} is attached to it" if network.endpoints else None,
            lambda: used_by(network_users(network, remaining)),
            lambda: rules.label_reason(network.labels),
            lambda: rules.age_reason(network.created_at_s, (Target.NETWORKS,)),
        )
    )
