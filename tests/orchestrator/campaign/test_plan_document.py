"""The document of a plan: JSON, the same after a file, another hash for every edit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.plan_document import canonical_json, plan_document, plan_hash, seal
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState, HostState
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import (
    START,
    draft,
    planned,
)


def test_the_document_is_json_and_its_hash_survives_a_file() -> None:
    campaign = planned(4, answers={"h3": draft()})
    document = plan_document(campaign)
    again = json.loads(json.dumps(document, indent=4))
    assert again == document
    assert plan_hash(again) == campaign.plan_hash
    assert len(campaign.plan_hash) == 64
    assert [item["host"]["name"] for item in document["hosts"]] == ["h1", "h2", "h3", "h4"]
    assert document["hosts"][0]["approved"] == ["install"]
    assert document["policy"]["parallelism"] == 1


_EDITS: list[tuple[str, Any]] = [
    ("procedure", "disk.cleanup"),
    ("params", {"version": "27"}),
    ("timeout_s", 5.0),
    ("plan_expires_at", START + timedelta(hours=25)),
    ("author", "mallory"),
    ("id", "c2"),
    ("waves", 1),
    ("kind", Kind.DESTRUCTIVE),
    ("policy", replace(make_policy(Kind.CHANGING), parallelism=2)),
]


@pytest.mark.parametrize(("field", "value"), _EDITS, ids=[field for field, _ in _EDITS])
def test_whatever_is_edited_changes_the_hash(field: str, value: Any) -> None:
    campaign = planned(3)
    assert seal(replace(campaign, **{field: value})).plan_hash != campaign.plan_hash


@pytest.mark.parametrize(
    "edit",
    [
        {"approved": ("install", "more")},
        {"digest": "f" * 64},
        {"wave": 2},
        {"machine_id": "m2"},
        {"state": HostState.SKIPPED},
    ],
)
def test_whatever_is_edited_about_a_host_changes_the_hash(edit: dict[str, Any]) -> None:
    campaign = planned(3)
    runs = (replace(campaign.runs[0], **edit), *campaign.runs[1:])
    assert seal(replace(campaign, runs=runs)).plan_hash != campaign.plan_hash


def test_what_happens_later_does_not_change_the_document() -> None:
    campaign = planned(2)
    later = replace(campaign, state=CampaignState.RUNNING, version=7, started_at=START, wave=1)
    assert plan_document(later) == plan_document(campaign)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": value})
