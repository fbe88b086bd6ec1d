"""Two running sets are equal when every container is there by id, or made anew under its name from its image."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.running_set import RunningContainer, not_among, parse_running
from tests.tasks.disk.world import container, engine_with, image, running

WEB, DB = image("web"), image("db")


def test_only_what_runs_is_in_the_set() -> None:
    engine = engine_with(
        WEB,
        running("a", WEB),
        running("b", WEB, state="paused"),
        running("c", WEB, state="restarting"),
        container("d", WEB),
    )
    (found,) = parse_running(engine.containers())
    assert (found.name, found.image_id) == ("a", WEB.id)


def one(name: str, number: int = 0, image_id: str = "i") -> RunningContainer:
    """A container of this name, made for the nth time."""
    return RunningContainer(id=f"{name}{number}", name=name, image_id=image_id)


def test_made_anew_is_the_same_and_from_another_image_is_not() -> None:
    assert not_among([one("a")], [one("a", 1)]) == ()
    assert not_among([one("a")], [one("a", 1, "j")]) == ("a",)
    assert not_among([one("a")], [RunningContainer(id="a0", name="b", image_id="i")]) == (), "renamed"
    assert not_among([one("b"), one("a")], []) == ("a", "b")


_SETS = st.lists(
    st.builds(one, st.sampled_from("abcdef"), st.integers(0, 2), st.sampled_from("ij")), max_size=8
)


@given(before=_SETS, now=_SETS)
def test_nothing_is_missing_of_what_is_there_and_what_is_missing_was_there(
    before: list[RunningContainer], now: list[RunningContainer]
) -> None:
    assert not_among(before, before) == ()
    assert not_among(before, [*before, *now]) == ()
    missing = not_among(before, now)
    assert set(missing) <= {item.name for item in before}
    assert not_among(before, []) == tuple(sorted(item.name for item in before))
    assert {item.name for item in before} - {item.name for item in now} <= set(missing) | {
        item.name for item in before if item.id in {other.id for other in now}
    }
