"""Which build cache records a clean-up takes, and in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.fake_objects import FakeCache
from tests.tasks.disk.world import DAY, NOW, cache, chosen, clean, engine_with, make_params, plan, reason

ONLY: dict[str, Any] = {"targets": "build_cache"}


def test_a_child_goes_before_its_parents() -> None:
    base = cache("base", age=30 * DAY)
    middle = cache("middle", base, age=20 * DAY)
    top = cache("top", middle, age=10 * DAY)
    assert chosen(plan(engine_with(base, middle, top), make_params(**ONLY))) == [
        f"cache:{top.id}",
        f"cache:{middle.id}",
        f"cache:{base.id}",
    ]


def test_a_record_in_use_keeps_itself_and_what_it_is_built_on() -> None:
    base = cache("base")
    top = cache("top", base, in_use=True)
    draft = plan(engine_with(base, top), make_params(**ONLY))
    assert chosen(draft) == []
    assert reason(draft, top.id) == "in use by a build"
    assert reason(draft, base.id) == f"build cache {top.id[:12]}, which stays, is built on it"


def test_the_least_recently_used_go_until_the_rest_fits() -> None:
    records = [cache(f"r{n}", age=n * DAY, size_bytes=100) for n in range(1, 6)]
    draft = plan(engine_with(*records), make_params(**ONLY, build_cache_keep_bytes=250))
    assert set(chosen(draft)) == {f"cache:{records[n].id}" for n in (4, 3, 2)}
    assert reason(draft, records[0].id) == "within build_cache_keep_bytes"


def test_records_shared_with_an_image_count_so_that_a_second_run_finds_nothing() -> None:
    records = [cache("a", shared=True, size_bytes=100), cache("b", age=5 * DAY, size_bytes=100)]
    draft = plan(engine_with(*records), make_params(**ONLY, build_cache_keep_bytes=100))
    assert chosen(draft) == [f"cache:{records[0].id}"]
    # nothing of a shared record comes free while its image is there
    assert (draft.reclaim_low_bytes, draft.reclaim_high_bytes) == (0, 0)


def test_where_the_engine_does_not_tell_parents_the_latest_made_goes_first() -> None:
    base = cache("base", age=1 * DAY, created_s=NOW - 30 * DAY, parents_told=False)
    middle = cache("middle", base, age=5 * DAY, created_s=NOW - 20 * DAY, parents_told=False)
    top = cache("top", middle, age=3 * DAY, created_s=NOW - 10 * DAY, parents_told=False)
    engine = engine_with(base, middle, top)
    draft, _, verdict = clean(engine, make_params(**ONLY))
    assert chosen(draft) == [f"cache:{record.id}" for record in (top, middle, base)]
    assert (engine.cache, verdict.data["skipped"]) == ({}, [])


def test_of_records_used_by_one_build_the_latest_made_goes_first() -> None:
    base = cache("base", age=DAY + 0.002, created_s=NOW - 9 * DAY, parents_told=False)
    top = cache("top", base, age=DAY + 0.001, created_s=NOW - 8 * DAY, parents_told=False)
    engine = engine_with(base, top)
    clean(engine, make_params(**ONLY, build_cache_keep_bytes=100))
    assert set(engine.cache) == {base.id}


def test_a_record_used_lately_stays() -> None:
    fresh = cache("fresh", age=60)
    draft = plan(engine_with(fresh), make_params(**ONLY, min_age_s=3600))
    assert reason(draft, fresh.id) == "younger than min_age: 60 s of 60 min"


def test_the_cache_has_no_labels_so_only_labels_leaves_it_alone() -> None:
    assert chosen(plan(engine_with(cache("a")), make_params(**ONLY, only_labels=["x"]))) == []


@st.composite
def caches(draw: st.DrawFn) -> list[FakeCache]:
    """Records in which each may be built on earlier ones."""
    records: list[FakeCache] = []
    for number in range(draw(st.integers(0, 12))):
        parents = draw(st.lists(st.sampled_from(records), max_size=3, unique_by=id)) if records else []
        age = draw(st.integers(0, 20)) * DAY / 4
        in_use, size = draw(st.booleans()) and draw(st.booleans()), draw(st.integers(0, 500))
        records.append(cache(f"r{number}", *parents, age=age, in_use=in_use, size_bytes=size))
    return records


@given(caches(), st.integers(0, 3000), st.sampled_from([0, 86_400]))
def test_every_choice_works_on_an_engine_that_refuses_parents_and_needs_no_second_one(
    records: list[FakeCache], keep: int, min_age_s: int
) -> None:
    engine = engine_with(*records)
    params = make_params(**ONLY, build_cache_keep_bytes=keep, min_age_s=min_age_s)
    used = {record.id for record in records if record.in_use}
    draft, _, verdict = clean(engine, params)
    assert verdict.ok, verdict.evidence
    assert used <= engine.cache.keys()
    assert engine.cache.keys() == {record.id for record in records} - {
        key.partition(":")[2] for key in chosen(draft)
    }
    assert chosen(plan(engine, params)) == []
