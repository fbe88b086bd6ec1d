"""Where a rollback goes, and what it takes away, follows from what was read of the host."""

from __future__ import annotations

from tests.tasks.engine.upgraded import AT_GOAL, BEFORE, FROM_ARCHIVE, from_archive, upgraded
from tests.tasks.engine.world import NEW, OLD


def test_both_ways_lead_to_the_same_versions() -> None:
    assert AT_GOAL.target() == FROM_ARCHIVE.target() == BEFORE.versions() == OLD


def test_only_a_companion_of_the_engine_goes_by_the_archive() -> None:
    assert FROM_ARCHIVE.going() == ("docker-cli",)
    assert from_archive("Remv postgresql [15]\n").going() == ()


def test_without_an_archive_that_was_asked_nothing_goes() -> None:
    assert upgraded().going() == ()
    assert AT_GOAL.going() == ()


def test_what_moves_or_goes_is_kept_for_an_undo_in_the_version_it_has_now() -> None:
    assert AT_GOAL.moving() == FROM_ARCHIVE.moving() == NEW


def test_what_stays_as_it_is_does_not_move() -> None:
    there = upgraded(goal=AT_GOAL.goal, installed=BEFORE.installed)
    assert there.moving() == {}
