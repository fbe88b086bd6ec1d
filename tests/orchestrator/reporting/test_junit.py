"""JUnit XML: a case per host, always well-formed, no pass that nobody proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.states import HostState
from orchestrator.reporting.junit import junit
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.reporting.samples import HEAD, ended, record, running
from tests.orchestrator.screens.test_report import campaign
from tests.orchestrator.scripted import NOON, finished


def parsed(text: str) -> ET.Element:
    """The suite."""
    root = ET.fromstring(text.encode())  # noqa: S314 - written by this very code
    suites = list(root)
    assert root.tag == "testsuites"
    assert [suite.tag for suite in suites] == ["testsuite"]
    return suites[0]


def test_there_is_one_case_per_host_and_the_counts_add_up() -> None:
    suite = parsed(junit(record(ended())))
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert list(cases) == [f"web-{number}" for number in range(1, 7)]
    verdicts = {
        name: [child.tag for child in case if child.tag != "system-out"] for name, case in cases.items()
    }
    assert verdicts == {
        "web-1": [], "web-2": [], "web-3": ["failure"], "web-4": ["failure"], "web-5": ["error"], "web-6": ["skipped"],
    }  # fmt: skip
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["6", "2", "1", "1"]
    assert suite.get("time") == "360.000"
    assert cases["web-1"].get("time") == "90.000"
    assert cases["web-3"].get("classname") == "disk.cleanup.wave-2"
    failure = cases["web-3"].find("failure")
    assert failure is not None
    assert failure.get("type") == "ROLLED_BACK"
    assert failure.get("message") == "rolled back: E_VERIFY_FAILED: 1.1 GB freed"
    assert failure.text == "next: 1.1 GB freed"
    facts = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert (facts["state"], facts["exit_code"], facts["audit_head"]) == ("HALTED", "4", HEAD)
    assert "a stop rule ended it" in (suite.findtext("system-out") or "")


@pytest.mark.parametrize("state", list(HostState))
def test_only_what_is_proven_passes(state: HostState) -> None:
    planned = campaign(1)
    of = replace(planned, runs=(finished(planned.runs[0], state),), started_at=NOON)
    (case,) = parsed(junit(record(of))).findall("testcase")
    passes = not any(case.find(verdict) is not None for verdict in ("failure", "error", "skipped"))
    assert passes == (state in {HostState.SUCCEEDED, HostState.ALREADY_RIGHT})


def test_a_campaign_that_goes_on_claims_nothing_for_hosts_at_work() -> None:
    suite = parsed(junit(record(running(), NOON + timedelta(seconds=30))))
    assert (suite.get("skipped"), suite.get("time")) == ("6", "30.000")


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_hostile_text_leaves_the_file_well_formed_with_the_same_elements(name: str, text: str) -> None:
    plain, hostile = (parsed(junit(record(ended(words)))) for words in ("harmless", text))
    assert [item.tag for item in hostile.iter()] == [item.tag for item in plain.iter()], name


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=30))
def test_any_text_at_all_makes_xml_that_is_read_again(text: str) -> None:
    suite = parsed(junit(record(ended(text))))
    assert len(suite.findall("testcase")) == 6
