"""Services are named by labels, which anybody may have written: what is no plain name is no service."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.engine.running import services_of
from tasks.facts.engine import Container, Daemon, parse_container
from tasks.facts.services import services_named
from tasks.procedure import MOST_SERVICES, Draft

COMPOSE = {"com.docker.compose.project": "web", "com.docker.compose.service": "front"}


@pytest.mark.parametrize(
    ("labels", "services"),
    [
        ({"dockwave.service": "shop"}, ("shop",)),
        (COMPOSE, ("web/front",)),
        (COMPOSE | {"dockwave.service": "shop"}, ("shop", "web/front")),
        (COMPOSE | {"com.docker.compose.oneoff": "False"}, ("web/front",)),
        (COMPOSE | {"com.docker.compose.oneoff": "True"}, ()),
        ({"com.docker.compose.project": "web"}, ()),
        ({"dockwave.service": "a/b"}, ()),
        ({"dockwave.service": "\x1b[31mshop"}, ()),
        ({"dockwave.service": "x" * 101}, ()),
        ({"dockwave.service": ""}, ()),
        ({}, ()),
        (None, ()),
        ("shop", ()),
    ],
)
def test_labels_name_services(labels: Any, services: tuple[str, ...]) -> None:
    assert services_named(labels) == services


@given(labels=st.dictionaries(st.sampled_from([*COMPOSE, "dockwave.service"]), st.text(max_size=120)))
def test_whatever_labels_say_a_dry_run_can_carry_it(labels: dict[str, str]) -> None:
    assert Draft(services=services_named(labels)).services == services_named(labels)


def test_only_running_containers_count_each_service_once_and_not_without_end() -> None:
    def container(number: int, state: str, *services: str) -> Container:
        return Container(id=f"c{number}", name=f"n{number}", state=state, services=services)

    daemon = Daemon(
        server_version="26.1.5",
        api_version="1.45",
        containers=(
            container(1, "running", "shop", "web/front"),
            container(2, "paused", "shop"),
            container(3, "exited", "cart"),
        ),
    )
    assert services_of(daemon) == ("shop", "web/front")
    assert services_of(None) == ()
    many = tuple(container(number, "running", f"s{number}") for number in range(MOST_SERVICES + 5))
    assert len(services_of(daemon.model_copy(update={"containers": many}))) == MOST_SERVICES


def test_a_container_is_read_with_its_services() -> None:
    page = {"Id": "c1", "Name": "/front-1", "State": {"Status": "running"}, "Config": {"Labels": COMPOSE}}
    assert parse_container(page).services == ("web/front",)
    assert parse_container({"Id": "c1", "Config": {"Labels": None}}).services == ()
