"""`diff`: two campaigns by their ids, as a table or as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.campaign.states import HostState
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.reporting.samples import ended
from tests.orchestrator.scripted import ScriptedService, finished


@pytest.fixture
def two(service: ScriptedService) -> ScriptedService:
    """The same campaign twice; the second time one host ended well."""
    first = ended()
    service.kept["ca1"] = replace(first, id="ca1")
    run = finished(first.runs[2], HostState.SUCCEEDED, "1.1 GB freed")
    service.kept["cb1"] = replace(first, id="cb1", runs=(*first.runs[:2], run, *first.runs[3:]))
    return service


def test_the_table_says_what_differs_first(dockwave: Dockwave, two: ScriptedService) -> None:
    done = dockwave("diff", "ca", "cb")
    assert done.exit_code == 0, done.output
    assert "differs first  web-3: rolled back / succeeded" in done.stdout
    assert "1 host differs, 5 ended the same way" in done.stdout


def test_json_has_every_host(dockwave: Dockwave, two: ScriptedService) -> None:
    body = json.loads(dockwave("diff", "ca1", "cb1", "-o", "json").stdout)
    assert (body["a"], body["b"], len(body["hosts"])) == ("ca1", "cb1", 6)
    differing = [pair for pair in body["hosts"] if pair["differs"]]
    assert [(pair["host"], pair["a"]["state"], pair["b"]["state"]) for pair in differing] == [
        ("web-3", "ROLLED_BACK", "SUCCEEDED")
    ]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("ca1",), "Missing argument"),
        (("ca1", "ca"), "Both A and B are campaign ca1"),
        (("ca1", "cnone"), "names no campaign"),
        (("c", "cb1"), "names several campaigns"),
        (("ca1", "cb1", "-o", "yaml"), "table, json"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    dockwave: Dockwave, two: ScriptedService, argv: tuple[str, ...], said: str
) -> None:
    done = dockwave("diff", *argv)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
