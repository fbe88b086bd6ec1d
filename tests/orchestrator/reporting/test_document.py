"""The report as JSON: the very campaign `show -o json` prints, with its explanation and events."""

from __future__ import annotations

import json

import jsonschema
import pytest

from orchestrator.cli.config import schemas
from orchestrator.reporting.document import document
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.reporting.samples import HEAD, ended, record


def test_the_campaign_in_it_is_as_the_schema_says() -> None:
    of = record(ended())
    body = json.loads(document(of))
    jsonschema.validate(body["campaign"], schemas()["campaign"])
    assert body["campaign"] == of.view.model_dump(mode="json")
    assert body["why"]["rule"] == "1.1 GB freed"
    assert [event["kind"] for event in body["events"]] == ["applied"]
    assert (body["dockwave_report"], body["audit_head"]) == (1, HEAD)


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_hostile_text_is_kept_as_data(name: str, text: str) -> None:
    raw = document(record(ended(text)))
    assert raw.isascii(), name
    reason = json.loads(raw)["campaign"]["reason"]
    assert reason == text.encode("utf-8", "replace").decode()
