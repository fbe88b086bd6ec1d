"""The snapshot to return to is found on the host by the name of the campaign or attempt that left it."""

from __future__ import annotations

import pytest

from tasks.connection import Command
from tasks.engine.goal import find_goal, latest_first, parse_snapshot
from tasks.engine.host_facts import HostFacts
from tasks.fake import FakeHost
from tests.tasks.engine.upgraded import AT_GOAL, BEFORE
from tests.tasks.engine.world import NEW


def test_the_latest_attempt_of_a_campaign_comes_first() -> None:
    directories = ["/a/c1-2-00ff", "/a/c1-10-00ff", "/a/c11-3-00ff", "/a/xc1-1-00ff", "/a/c1-9-zz", ""]
    assert latest_first(directories, "c1") == ("/a/c1-10-00ff", "/a/c1-2-00ff")
    assert latest_first(directories, "c1/web-1/2") == ("/a/c1-2-00ff",)


def test_a_snapshot_is_found_on_the_host_and_our_own_is_no_goal() -> None:
    listed = "/var/lib/dockwave/attempts/c1-1-0123abcd\0/var/lib/dockwave/attempts/c1-2-99990000\0"

    def show(command: Command) -> str:
        return BEFORE.model_dump_json()

    host = FakeHost(answers={"find": lambda c: listed if "before.json" in c.argv else "", "cat": show})
    goal = find_goal(host, "c1", "/var/lib/dockwave/attempts/c1-2-99990000/snapshot")
    assert goal is not None
    assert goal.attempt == "c1-1-0123abcd"
    assert goal.snapshot == BEFORE
    assert goal.cache.directory == "/var/lib/dockwave/attempts/c1-1-0123abcd/snapshot"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"disk": 1}', '{"units": 7}', "\x00"])
def test_what_is_no_snapshot_of_an_engine_is_none(text: str) -> None:
    assert parse_snapshot(text) is None


def test_a_snapshot_of_an_earlier_rollback_is_one_too() -> None:
    found = parse_snapshot(AT_GOAL.model_dump_json())
    assert isinstance(found, HostFacts)
    assert found.versions() == NEW
