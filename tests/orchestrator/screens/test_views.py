"""The JSON of a campaign is stable, adds up, and is what its published schema says."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import EXIT_CODES, FINAL_CAMPAIGN, CampaignState, HostState
from orchestrator.cli.config import schemas
from orchestrator.screens.viewing import campaign_line, campaign_view, totals
from orchestrator.screens.views import CampaignView
from orchestrator.screens.views_catalogue import procedure_view
from tasks import catalog
from tests.orchestrator.screens.test_report import campaign, half_way
from tests.orchestrator.scripted import NOON, finished
from tests.support.campaigns import campaigns


@settings(max_examples=40, deadline=None)
@given(campaigns())
def test_the_states_of_any_campaign_add_up(any_campaign: Campaign) -> None:
    counted = totals(any_campaign)
    assert sum(counted.states.values()) == counted.hosts == len(any_campaign.runs)
    assert counted.finished <= counted.hosts
    assert campaign_line(any_campaign).exit_code == EXIT_CODES.get(any_campaign.state)


def test_show_is_what_its_schema_says() -> None:
    schema = schemas()["campaign"]
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in (campaign(), half_way(campaign())):
        for full in (True, False):
            body = json.loads(campaign_view(example, NOON, full=full).model_dump_json())
            jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)
            assert CampaignView.model_validate(body).id == example.id


def test_a_client_ignores_fields_it_does_not_know() -> None:
    body = json.loads(campaign_view(campaign(), NOON).model_dump_json()) | {"new": 1}
    assert CampaignView.model_validate(body, extra="ignore").state == "PLANNED"


def test_every_host_is_in_exactly_one_wave_of_the_view() -> None:
    view = campaign_view(campaign(11), NOON)
    names = [host.host for wave in view.waves for host in wave.hosts]
    assert len(names) == len(set(names)) == 11


def test_hosts_no_wave_touches_are_shown_under_wave_0() -> None:
    view = campaign_view(campaign(3, steps=[]), NOON)
    assert [(wave.number, wave.state, len(wave.hosts)) for wave in view.waves] == [(0, "done", 3)]
    assert {host.outcome for host in view.waves[0].hosts} == {"ok"}


def test_a_host_shows_its_latest_answer_and_all_attempts() -> None:
    run = finished(campaign().runs[0], HostState.SUCCEEDED, "freed")
    view = campaign_view(half_way(campaign()), NOON)
    host = view.waves[0].hosts[0]
    assert host.result is not None
    assert (host.outcome, host.attempt, host.changed) == ("changed", 1, True)
    assert [attempt.worker for attempt in host.attempts] == [run.attempts[0].worker]
    assert host.result["steps"][0]["output"]


@pytest.mark.parametrize("state", list(CampaignState))
def test_final_states_and_only_they_are_final(state: CampaignState) -> None:
    from dataclasses import replace

    view = campaign_view(replace(campaign(), state=state), NOON)
    assert view.final is (state in FINAL_CAMPAIGN)
    assert view.exit_code == EXIT_CODES.get(state)


@pytest.mark.parametrize("name", list(catalog.load_all()))
def test_every_procedure_is_described_with_its_parameters(name: str) -> None:
    view = procedure_view(catalog.find(name))
    assert view["name"] == name
    assert view["kind"] in {"RO", "CH", "DX"}
    assert {item["name"] for item in view["parameters"]} == set(view["schema"].get("properties", {}))
    assert all(item["type"] != "any" for item in view["parameters"]), "every parameter has a type in words"
    json.dumps(view)
