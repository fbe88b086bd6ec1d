"""Which networks a clean-up takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tasks.disk.world import (
    chosen,
    clean,
    container,
    engine_with,
    make_params,
    network,
    plan,
    reason,
    running,
)

ONLY: dict[str, Any] = {"targets": "networks"}


def test_a_custom_network_nobody_wants_goes() -> None:
    lonely = network("lonely")
    assert chosen(plan(engine_with(lonely), make_params(**ONLY))) == [f"network:{lonely.id}"]


def test_predefined_networks_stay() -> None:
    draft = plan(engine_with(), make_params(**ONLY))
    assert chosen(draft) == []
    assert {kept.reason for kept in draft.kept} == {"it is predefined"}


@pytest.mark.parametrize("state", ["exited", "created", "dead"])
def test_a_network_of_a_stopped_container_stays_although_it_has_no_endpoint(state: str) -> None:
    wanted = network("wanted")
    draft = plan(engine_with(wanted, container("c", state=state, networks=("wanted",))), make_params(**ONLY))
    assert reason(draft, wanted.id) == f"in use by container c ({state})"


def test_a_network_with_something_attached_stays() -> None:
    wanted = network("wanted")
    draft = plan(engine_with(wanted, running("c", networks=("wanted",))), make_params(**ONLY))
    assert reason(draft, wanted.id) == "in use: c is attached to it"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"scope": "swarm"}, "it belongs to a swarm"),
        ({"name": "docker_gwbridge"}, "it is predefined"),
        ({"name": "ingress", "scope": "swarm"}, "it is predefined"),
        ({"labels": {"dockwave.protect": "1"}}, "protected by the inventory"),
        ({"id": "short"}, "not of the form Docker gives"),
    ],
)
def test_a_network_that_is_not_this_hosts_own_stays(more: dict[str, Any], expected: str) -> None:
    other = network("other", **more)
    draft = plan(engine_with(other), make_params(**ONLY))
    assert chosen(draft) == []
    assert expected in reason(draft, other.id)


def test_a_network_goes_with_the_only_container_set_to_join_it() -> None:
    engine = engine_with(network("n"), container("c", networks=("n",)))
    params = make_params(targets="containers,networks")
    draft, _, verdict = clean(engine, params)
    assert [key.partition(":")[0] for key in chosen(draft)] == ["container", "network"]
    assert verdict.ok
    assert chosen(plan(engine, params)) == []
