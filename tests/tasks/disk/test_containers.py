"""Which containers a clean-up takes."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.model import Protect
from tests.tasks.disk.world import (
    DAY,
    HOUR,
    NOW,
    chosen,
    clean,
    container,
    engine_with,
    make_params,
    plan,
    reason,
    running,
)

ONLY: dict[str, Any] = {"targets": "containers", "min_age_s": 86_400}


@pytest.mark.parametrize("state", ["created", "exited", "dead"])
def test_a_container_idle_for_long_enough_goes(state: str) -> None:
    old = container("old", state=state)
    assert chosen(plan(engine_with(old), make_params(**ONLY))) == [f"container:{old.id}"]


@pytest.mark.parametrize("state", ["running", "paused", "restarting", "removing", "something-new"])
def test_a_container_in_any_other_state_stays_whatever_its_age(state: str) -> None:
    busy = container("busy", state=state)
    draft = plan(engine_with(busy), make_params(targets="containers", min_age_s=0))
    assert chosen(draft) == []
    assert reason(draft, busy.id) == f"it is {state}"


def test_age_counts_from_the_end_of_the_last_run_and_not_from_creation() -> None:
    ended_now = container("ended-now", created_s=NOW - 300 * DAY, finished_s=NOW - HOUR)
    draft = plan(engine_with(ended_now), make_params(**ONLY))
    assert chosen(draft) == []
    assert reason(draft, ended_now.id) == "younger than min_age: 60 min of 24 h"


def test_a_container_that_never_ran_is_as_old_as_its_creation() -> None:
    old = container("old", state="created", created_s=NOW - 2 * DAY, finished_s=None)
    young = container("young", state="created", created_s=NOW - HOUR, finished_s=None)
    assert chosen(plan(engine_with(old, young), make_params(**ONLY))) == [f"container:{old.id}"]


def test_an_unknown_age_is_not_an_old_one() -> None:
    ageless = container("ageless", state="created", created_s=0.0, finished_s=None)
    draft = plan(engine_with(ageless), make_params(targets="containers", min_age_s=0))
    assert reason(draft, ageless.id) == "its age is unknown"


def test_a_date_in_the_future_is_no_age() -> None:
    ahead = container("ahead", finished_s=NOW + HOUR)
    draft = plan(engine_with(ahead), make_params(targets="containers", min_age_s=0))
    assert "future" in reason(draft, ahead.id)


@pytest.mark.parametrize(
    ("labels", "keep", "protect", "expected"),
    [
        (
            {"dockwave.protect": "anything"},
            ["dockwave.protect"],
            (),
            "protected by its label dockwave.protect",
        ),
        ({"tier": "db"}, ["tier=db"], (), "protected by its label tier=db"),
        ({"tier": "db"}, [], ("tier=db",), "protected by the inventory: it carries the label tier=db"),
        ({"dockwave.protect": ""}, [], ("dockwave.protect",), "protected by the inventory"),
    ],
)
def test_a_protecting_label_keeps_it(
    labels: dict[str, str], keep: list[str], protect: tuple[str, ...], expected: str
) -> None:
    kept = container("kept", labels=labels)
    draft = plan(engine_with(kept), make_params(**ONLY, keep_labels=keep), Protect(labels=protect))
    assert chosen(draft) == []
    assert expected in reason(draft, kept.id)


def test_a_label_with_another_value_does_not_protect() -> None:
    web = container("web", labels={"tier": "web"})
    assert chosen(plan(engine_with(web), make_params(**ONLY, keep_labels=["tier=db"]))) == [
        f"container:{web.id}"
    ]


def test_only_labels_asks_for_every_label_named() -> None:
    both, one = container("both", labels={"a": "1", "b": "2"}), container("one", labels={"a": "1"})
    draft = plan(engine_with(both, one), make_params(**ONLY, only_labels=["a", "b=2"]))
    assert chosen(draft) == [f"container:{both.id}"]
    assert "b=2" in reason(draft, one.id)


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_stopped_container_that_lends_its_network_stays(by: str) -> None:
    lender = container("vpn")
    borrower = running("app", networks=(f"container:{lender.name if by == 'name' else lender.id}",))
    draft = plan(engine_with(lender, borrower), make_params(**ONLY))
    assert chosen(draft) == []
    assert reason(draft, lender.id) == "container app shares its network"


def test_stopped_containers_that_share_a_network_go_together_the_lender_last() -> None:
    lender = container("a-vpn")
    borrower = container("b-app", networks=("container:a-vpn",))
    third = container("c-app", networks=("container:b-app",))
    engine = engine_with(lender, borrower, third)
    draft, results, _ = clean(engine, make_params(**ONLY))
    assert chosen(draft) == [f"container:{item.id}" for item in (third, borrower, lender)]
    assert {result.state for result in results} == {"done"}
