"""`report`: files of one campaign, all or none, at the paths that were named."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from orchestrator.campaign.states import HostState
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.reporting.samples import ended
from tests.orchestrator.scripted import ScriptedService

ID = "c7h2k4m9p"


@pytest.fixture
def halted(service: ScriptedService) -> ScriptedService:
    """One campaign at its end, with a log of its own and another's."""
    service.kept[ID] = ended()
    service.say(ID, "applied", data={"by": "alice"})
    service.say("cother", "applied")
    service.move_host(ID, "web-3", state=HostState.ROLLED_BACK)
    return service


def test_all_three_formats_are_written_at_once(
    dockwave: Dockwave, halted: ScriptedService, tmp_path: Path
) -> None:
    html, data, junit = (tmp_path / name for name in ("r.html", "r.json", "r.xml"))
    done = dockwave("report", "c7h", "--html", str(html), "--json", str(data), "--junit", str(junit))
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert str(html) in done.stderr
    head = str(halted.audit_head())
    assert f"dockwave audit verify --head {head}" in html.read_text(encoding="utf-8")
    body = json.loads(data.read_text(encoding="utf-8"))
    assert body["campaign"] == json.loads(dockwave("show", ID, "-o", "json").stdout)
    assert [(event["kind"], event["host"]) for event in body["events"]] == [
        ("applied", ""),
        ("moved", "web-3"),
    ]
    assert body["audit_head"] == head
    root = ET.fromstring(junit.read_bytes())  # noqa: S314 - written by this very code
    assert root.get("tests") == "6"


def test_a_file_that_is_there_is_replaced(
    dockwave: Dockwave, halted: ScriptedService, tmp_path: Path
) -> None:
    path = tmp_path / "r.xml"
    path.write_text("old" * 100_000)
    assert dockwave("report", ID, "--junit", str(path)).exit_code == 0
    assert "old" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "--html FILE, --json FILE or --junit FILE"),
        (("--html", "{}/a", "--junit", "{}/a"), "--html and --junit name the same file"),
        (("--html", "{}/a", "--json", "{}/./a"), "name the same file"),
        (("--html", "{}/none/a"), "cannot be written: No such file or directory"),
        (("--json", "{}"), "cannot be written: Is a directory"),
        (("--pdf", "{}/a"), "No such option"),
    ],
)
def test_what_cannot_be_written_is_refused(
    dockwave: Dockwave, halted: ScriptedService, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    place = tmp_path / "reports"
    place.mkdir()
    done = dockwave("report", ID, *(flag.format(place) for flag in flags))
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.split())
    assert list(place.iterdir()) == []


def test_a_campaign_nobody_knows_writes_nothing(
    dockwave: Dockwave, halted: ScriptedService, tmp_path: Path
) -> None:
    done = dockwave("report", "cnone", "--html", str(tmp_path / "r.html"))
    assert done.exit_code == 2
    assert "names no campaign" in done.stderr
    assert not (tmp_path / "r.html").exists()
