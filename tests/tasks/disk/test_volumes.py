"""Which volumes a clean-up takes: what the engine named itself, and what a person named."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.fake_objects import fake_id
from tasks.model import Protect
from tests.tasks.disk.world import (
    chosen,
    clean,
    container,
    engine_with,
    make_params,
    plan,
    reason,
    running,
    volume,
)

GENERATED = fake_id("volume")
ANONYMOUS: dict[str, Any] = {"targets": "anonymous_volumes"}
MARK = {"com.docker.volume.anonymous": ""}


@pytest.mark.parametrize(
    ("api", "name", "more", "anonymous"),
    [
        ((1, 41), GENERATED, {}, True),
        ((1, 41), "data", {}, False),
        ((1, 41), GENERATED, {"labels": {"team": "db"}}, False),
        ((1, 41), GENERATED, {"options": {"type": "nfs"}}, False),
        ((1, 41), GENERATED, {"driver": "rexray"}, False),
        ((1, 41), GENERATED[:63], {}, False),
        ((1, 41), GENERATED.upper(), {}, False),
        ((1, 41), "data", {"labels": MARK}, True),
        ((1, 42), GENERATED, {}, False),
        ((1, 45), GENERATED, {"labels": MARK}, True),
        ((1, 45), "data", {"labels": MARK}, True),
    ],
)
def test_in_doubt_a_volume_is_a_named_one(
    api: tuple[int, int], name: str, more: dict[str, Any], anonymous: bool
) -> None:
    engine = engine_with(volume(name, **more), api_version=api)
    assert chosen(plan(engine, make_params(**ANONYMOUS))) == ([f"volume:{name}"] if anonymous else [])


@pytest.mark.parametrize("state", ["running", "exited", "created", "dead"])
def test_a_volume_of_any_container_in_any_state_stays(state: str) -> None:
    user = container("db", state=state, volumes=(GENERATED,))
    draft = plan(engine_with(volume(GENERATED), user), make_params(**ANONYMOUS))
    assert reason(draft, GENERATED) == f"in use by container db ({state})"


def test_an_anonymous_volume_goes_with_the_only_container_that_used_it() -> None:
    engine = engine_with(volume(GENERATED), container("db", volumes=(GENERATED,)))
    params = make_params(targets="containers,anonymous_volumes")
    draft, _, verdict = clean(engine, params)
    assert [key.partition(":")[0] for key in chosen(draft)] == ["container", "volume"]
    assert verdict.ok
    assert chosen(plan(engine, params)) == []


def test_a_volume_shared_with_a_container_that_stays_stays() -> None:
    engine = engine_with(
        volume(GENERATED), container("old", volumes=(GENERATED,)), running("new", volumes=(GENERATED,))
    )
    draft = plan(engine, make_params(targets="containers,anonymous_volumes"))
    assert reason(draft, GENERATED) == "in use by container new (running)"


def test_named_volumes_go_only_when_named_one_by_one() -> None:
    engine = engine_with(volume("data"), volume("other"), volume(GENERATED))
    params = make_params(targets="named_volumes", volume_names=["data"], accept_data_loss=True)
    draft = plan(engine, params)
    assert chosen(draft) == ["volume:data"]
    assert reason(draft, "other") == "not in volume_names, the list of volumes that may go"
    assert reason(draft, GENERATED) == "anonymous volumes were not asked for"


def test_a_named_volume_is_kept_by_the_inventory_even_when_it_is_named() -> None:
    params = make_params(targets="named_volumes", volume_names=["pgdata"], accept_data_loss=True)
    draft = plan(engine_with(volume("pgdata")), params, Protect(volumes=("pg*",)))
    assert chosen(draft) == []
    assert reason(draft, "pgdata") == "protected by the inventory: its name matches pg*"


def test_a_volume_that_is_not_there_is_told_and_no_error() -> None:
    params = make_params(targets="named_volumes", volume_names=["gone"], accept_data_loss=True)
    draft = plan(engine_with(), params)
    assert chosen(draft) == []
    assert [(found.code, found.object) for found in draft.findings] == [("W_VOLUME_ABSENT", "gone")]


@pytest.mark.parametrize("name", ["../etc", "a/b", "-rf", "a b", "a\nb", "[red]x", "x", ""])
def test_a_name_docker_does_not_give_is_never_touched(name: str) -> None:
    odd = volume(name, labels=MARK)
    draft = plan(engine_with(odd, api_version=(1, 45)), make_params(**ANONYMOUS))
    assert chosen(draft) == []
    assert "not of the form Docker gives" in reason(draft, name)


def test_a_young_volume_stays() -> None:
    draft = plan(engine_with(volume(GENERATED, age=60)), make_params(**ANONYMOUS, min_age_s=3600))
    assert reason(draft, GENERATED) == "younger than min_age: 60 s of 60 min"
