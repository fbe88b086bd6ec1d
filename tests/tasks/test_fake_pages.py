"""The model engine writes its objects as the Engine API does, with the traps it has for whoever reads them."""

from __future__ import annotations

import pytest

from tasks.fake_pages import account_page, cache_entry, container_entry, container_page, network_page, stamp
from tests.tasks.disk.world import cache, container, image, network, running, volume


def test_a_moment_that_never_was_is_the_year_one() -> None:
    assert stamp(None) == "0001-01-01T00:00:00Z"
    assert stamp(0.0) == "1970-01-01T00:00:00Z"


def test_a_container_that_was_never_started_has_no_start() -> None:
    assert container_page(container("c", state="created"))["State"]["StartedAt"] == stamp(None)
    assert container_page(running("c"))["State"]["StartedAt"] != stamp(None)


@pytest.mark.parametrize(
    ("state", "health", "said"),
    [
        ("running", "unhealthy", "Up 3 minutes (unhealthy)"),
        ("running", "", "Up 3 minutes"),
        ("exited", "unhealthy", "exited"),
    ],
)
def test_health_stands_in_the_sentence_about_a_container_that_runs(
    state: str, health: str, said: str
) -> None:
    assert container_entry(container("c", state=state, health=health))["Status"] == said


def test_the_list_knows_a_network_by_its_name_and_its_page_what_is_attached() -> None:
    net = network("net")
    item = running("c", networks=("net",))
    assert container_entry(item)["NetworkSettings"] == {"Networks": {"net": {"NetworkID": ""}}}
    assert network_page(net, [item])["Containers"] == {item.id: {"Name": "c"}}


def test_several_parents_of_a_cache_record_are_a_list_and_one_is_not() -> None:
    base, other = cache("base"), cache("other")
    assert "Parents" not in cache_entry(cache("one", base))
    assert cache_entry(cache("two", base, other))["Parents"] == [base.id, other.id]
    assert cache_entry(cache("secret", base, parents_told=False))["Parent"] == ""


def test_the_account_says_who_uses_what() -> None:
    page = account_page(
        images=[(image("app", "app:1", size_bytes=7, shared_bytes=3), 2)],
        layers_bytes=7,
        containers=[running("c", size_bytes=1)],
        volumes=[(volume("data", size_bytes=5), 1)],
        cache=[cache("a", size_bytes=2), cache("b", size_bytes=4)],
    )
    assert (page["LayersSize"], page["BuilderSize"]) == (7, 6)
    assert (page["Images"][0]["SharedSize"], page["Images"][0]["Containers"]) == (3, 2)
    assert page["Containers"][0]["SizeRw"] == 1
    assert page["Volumes"][0]["UsageData"] == {"Size": 5, "RefCount": 1}
