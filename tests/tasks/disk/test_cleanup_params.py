"""What a person may ask of disk.cleanup; every refusal says what is wrong and how to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.catalog import parse_params
from tasks.disk.cleanup import PROCEDURE
from tasks.disk.cleanup_params import CleanupParams
from tasks.disk.rules import Preset, Target
from tasks.errors import BadInput


def read(**values: Any) -> CleanupParams:
    params = parse_params(PROCEDURE, values)
    assert isinstance(params, CleanupParams)
    return params


@pytest.mark.parametrize(
    ("values", "code", "says", "hint"),
    [
        ({}, "E_PARAM", "exactly one of targets and preset", "preset="),
        (
            {"targets": ["containers"], "preset": "safe"},
            "E_PARAM",
            "exactly one of targets and preset",
            "targets=",
        ),
        ({"targets": []}, "E_PARAM", "targets is empty", "containers"),
        ({"targets": ""}, "E_PARAM", "targets is empty", "containers"),
        ({"preset": "safe", "only_labels": []}, "E_PARAM", "only_labels is empty", "leave only_labels out"),
        (
            {"preset": "deep", "volume_names": ["data"]},
            "E_PARAM",
            "named_volumes is not among",
            "named_volumes",
        ),
        ({"targets": ["named_volumes"]}, "E_VOLUME_ALLOWLIST_REQUIRED", "one by one", "volume_names="),
        (
            {"targets": ["named_volumes"], "volume_names": [], "accept_data_loss": True},
            "E_VOLUME_ALLOWLIST_REQUIRED",
            "one by one",
            "volume_names=",
        ),
        (
            {"targets": ["named_volumes"], "volume_names": ["aa", "bb"], "backup_ids": {"aa": "x"}},
            "E_BACKUP_REQUIRED",
            "no backup is named for bb;",
            "accept_data_loss=true",
        ),
    ],
)
def test_a_contradictory_wish_is_refused_with_a_way_out(
    values: dict[str, Any], code: str, says: str, hint: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(**values)
    assert caught.value.code == code
    assert says in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"preset": "everything"}, "preset"),
        ({"targets": ["volumes"]}, "targets"),
        ({"preset": "safe", "min_age_s": -1}, "min_age_s"),
        ({"preset": "safe", "min_age_s": "old"}, "min_age_s"),
        ({"preset": "safe", "keep_last_tags": -1}, "keep_last_tags"),
        ({"preset": "safe", "build_cache_keep_bytes": -5}, "build_cache_keep_bytes"),
        ({"preset": "safe", "keep_labels": [""]}, "keep_labels"),
        ({"preset": "safe", "keep_labels": ["=x"]}, "keep_labels"),
        ({"preset": "safe", "keep_images": ["a b"]}, "keep_images"),
        ({"targets": ["named_volumes"], "volume_names": ["../x"]}, "volume_names"),
        ({"targets": ["named_volumes"], "volume_names": ["*"]}, "volume_names"),
        ({"preset": "safe", "min_age": 5}, "Did you mean min_age_s?"),
        ({"preset": "safe", "force": True}, "has no parameter 'force'"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(**values)
    assert says in caught.value.message


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        read(preset="safe", min_age_s=-1, keep_last_tags=-1, force=True)
    assert caught.value.message.count("parameter ") == 3


def test_lists_may_be_written_with_commas() -> None:
    params = read(targets="containers, build_cache", keep_labels="a,b=c")
    assert params.targets == (Target.CONTAINERS, Target.BUILD_CACHE)
    assert params.keep_labels == ("a", "b=c")


def test_parameters_survive_a_trip_as_json() -> None:
    params = read(preset="deep", only_labels=["a"])
    assert CleanupParams.model_validate_json(params.model_dump_json()) == params


def test_no_preset_contains_volumes() -> None:
    for preset in Preset:
        assert not {Target.ANONYMOUS_VOLUMES, Target.NAMED_VOLUMES} & read(preset=preset).ages.keys()


def test_a_preset_only_raises_ages() -> None:
    week = 7 * 86_400
    assert read(preset="deep", min_age_s=0).ages == {
        Target.BUILD_CACHE: 0,
        Target.DANGLING_IMAGES: 0,
        Target.CONTAINERS: 86_400,
        Target.NETWORKS: 0,
        Target.UNUSED_IMAGES: week,
    }
    assert set(read(preset="deep", min_age_s=2 * week).ages.values()) == {2 * week}
    assert read(preset="safe").ages == {Target.BUILD_CACHE: 86_400, Target.DANGLING_IMAGES: 86_400}
