"""The engine's account of its space, in every shape it has had."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.disk.accounting import Share, parse_accounting

#: captured from 20.10.24 (API 1.41), shortened
OLD: dict[str, Any] = {
    "LayersSize": 16432534,
    "Images": [
        {"Id": "sha256:aa", "RepoTags": ["bk:3"], "Size": 1982262, "SharedSize": 1982256, "Containers": 0},
        {"Id": "sha256:bb", "RepoTags": ["bk:2"], "Size": 7225136, "SharedSize": 1982256, "Containers": 2},
    ],
    "Containers": [
        {"Id": "c1", "Names": ["/web"], "State": "running", "SizeRw": 100},
        {"Id": "c2", "Names": ["/job"], "State": "exited", "SizeRw": 4194304},
        {"Id": "c3", "Names": ["/new"], "State": "created"},
    ],
    "Volumes": [
        {"Name": "data", "UsageData": {"RefCount": 1, "Size": 500}},
        {"Name": "old", "UsageData": {"RefCount": 0, "Size": 300}},
        {"Name": "remote", "UsageData": {"RefCount": 0, "Size": -1}},
    ],
    "BuildCache": [
        {
            "ID": "k4esxxw5yy542y687an2ztn2n",
            "Parent": "",
            "Type": "regular",
            "Description": "fileop target",
            "InUse": False,
            "Shared": True,
            "Size": 1982256,
            "CreatedAt": "2026-11-24T10:10:34.625372434Z",
            "LastUsedAt": "2026-11-24T10:27:09.963312827Z",
            "UsageCount": 3,
        },
        {
            "ID": "sr0ritl0la5zb53asglhi3my0",
            "Parents": ["k4esxxw5yy542y687an2ztn2n"],
            "InUse": False,
            "Shared": False,
            "Size": 3145728,
            "LastUsedAt": None,
        },
    ],
    "BuilderSize": 22302550,
}
#: API 1.52 and later with verbose=1; zero counts are left out
NEW: dict[str, Any] = {
    "ImageUsage": {
        "ActiveCount": 1,
        "TotalCount": 2,
        "Reclaimable": 6,
        "TotalSize": 16432534,
        "Items": OLD["Images"],
    },
    "ContainerUsage": {
        "ActiveCount": 1,
        "TotalCount": 3,
        "Reclaimable": 4194304,
        "TotalSize": 4194404,
        "Items": OLD["Containers"],
    },
    "VolumeUsage": {
        "TotalCount": 3,
        "ActiveCount": 1,
        "Reclaimable": 300,
        "TotalSize": 800,
        "Items": OLD["Volumes"],
    },
    "BuildCacheUsage": {
        "TotalCount": 2,
        "Reclaimable": 3145728,
        "TotalSize": 5127984,
        "Items": OLD["BuildCache"],
    },
}


def test_the_old_shape_is_counted_as_docker_counts_it() -> None:
    account = parse_accounting(OLD)
    assert account.images == Share(count=2, active=1, size_bytes=16432534, reclaimable_bytes=11189654)
    assert account.containers == Share(count=3, active=1, size_bytes=4194404, reclaimable_bytes=4194304)
    assert account.volumes == Share(count=3, active=1, size_bytes=800, reclaimable_bytes=300)
    assert account.build_cache == Share(count=2, active=0, size_bytes=22302550, reclaimable_bytes=3145728)
    assert account.complete


def test_the_new_shape_says_the_same() -> None:
    account = parse_accounting(NEW)
    assert account.images == Share(count=2, active=1, size_bytes=16432534, reclaimable_bytes=6)
    assert account.build_cache == Share(count=2, active=0, size_bytes=5127984, reclaimable_bytes=3145728)
    assert account.complete
    old = parse_accounting(OLD)
    for name in ("image_bytes", "image_shared_bytes", "container_bytes", "volume_bytes", "cache", "names"):
        assert getattr(account, name) == getattr(old, name)


def test_plural_names_of_the_new_fields_are_understood_too() -> None:
    plural = {
        "ImagesUsage": NEW["ImageUsage"],
        "ContainersUsage": NEW["ContainerUsage"],
        "VolumesUsage": NEW["VolumeUsage"],
        "BuildCacheUsage": NEW["BuildCacheUsage"],
    }
    assert parse_accounting(plural) == parse_accounting(NEW)


def test_totals_without_items_are_not_complete_unless_they_are_zero() -> None:
    bare = {name: {key: value for key, value in part.items() if key != "Items"} for name, part in NEW.items()}
    assert not parse_accounting(bare).complete
    assert parse_accounting({name: {"Reclaimable": 0, "TotalCount": 0} for name in NEW}).complete


def test_old_lists_beside_new_totals_are_their_items() -> None:
    both = {**OLD, **{name: {k: v for k, v in part.items() if k != "Items"} for name, part in NEW.items()}}
    assert parse_accounting(both).complete
    assert len(parse_accounting(both).cache) == 2


def test_what_is_missing_is_unknown_and_never_zero() -> None:
    account = parse_accounting({})
    assert account.images == Share(count=None, active=None, size_bytes=None, reclaimable_bytes=None)
    assert not account.complete


def test_an_engine_without_objects_says_null_and_is_complete() -> None:
    empty = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None, "BuildCache": None}
    account = parse_accounting(empty)
    assert account.complete
    assert account.images.count == 0


def test_a_size_the_engine_did_not_compute_is_left_out() -> None:
    assert parse_accounting(OLD).volume_bytes == {"data": 500, "old": 300}


def test_parents_come_from_either_field_and_idle_time_from_creation_when_never_used() -> None:
    layer, mount = parse_accounting(OLD).cache
    assert (layer.parents, mount.parents) == ((), (layer.id,))
    assert layer.idle_since_s == pytest.approx(1795516029.96, abs=0.01)
    assert mount.idle_since_s is None


def test_a_record_that_does_not_say_whether_it_is_in_use_counts_as_used() -> None:
    (record,) = parse_accounting({"BuildCache": [{"ID": "x", "Size": 1}]}).cache
    assert record.in_use
