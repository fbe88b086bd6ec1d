"""A question about a host says its name and address and nothing else; what is no plain name is not asked at all."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.gates.about import Unanswerable, about
from orchestrator.gates.asker import answer_of
from tasks.model import Host, SshHop, Transport

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GATE = Gate(
    name="g",
    kind=GateKind.COMMAND,
    at=Moment.HOST,
    url="http://{address}:9100/ready?name={host}&all={hosts}",
    query='up{instance="{host}:9100"} == 1',
    argv=("check", "--host={host}", "{address}", "$(id) {other}"),
)


def ssh(name: str, address: str) -> Host:
    """A host reached over SSH."""
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=address))


def test_name_and_address_are_filled_in_and_all_else_stays_as_it_is() -> None:
    asked = about(GATE, ssh("web-1", "10.0.0.1"))
    assert asked.url == "http://10.0.0.1:9100/ready?name=web-1&all={hosts}"
    assert asked.query == 'up{instance="web-1:9100"} == 1'
    assert asked.argv == ("check", "--host=web-1", "10.0.0.1", "$(id) {other}")


def test_an_ipv6_address_is_in_brackets_in_a_url_only() -> None:
    asked = about(GATE, ssh("web-1", "fd00::1"))
    assert asked.url.startswith("http://[fd00::1]:9100/")
    assert asked.argv[2] == "fd00::1"


def test_a_host_with_an_agent_has_no_address_and_says_so() -> None:
    agent = Host(name="web-1", transport=Transport.LOCAL)
    with pytest.raises(Unanswerable, match="no address"):
        about(GATE, agent)
    said = answer_of(GATE, NOW, agent)
    assert (said.verdict, "no address in the inventory" in said.detail) == (Verdict.ERROR, True)
    assert about(replace(GATE, url="", argv=("check", "{host}")), agent).argv == ("check", "web-1")


@pytest.mark.parametrize(
    "hostile", ["-rf", "a b", "x\ny", 'a"} or up{', "a/../b", "$(id)", "", "a@b", "é", "x" * 300, "{address}"]
)
def test_what_is_no_plain_name_or_address_is_asked_nowhere(hostile: str) -> None:
    for host in (ssh(hostile, "10.0.0.1"), ssh("web-1", hostile)):
        assert answer_of(GATE, NOW, host).verdict is Verdict.ERROR


@given(name=st.text(max_size=12), address=st.text(max_size=12))
def test_whatever_a_name_is_the_question_has_as_many_parts_as_before(name: str, address: str) -> None:
    try:
        asked = about(GATE, ssh(name, address))
    except Unanswerable:
        return
    assert len(asked.argv) == len(GATE.argv)
    assert not asked.argv[2].startswith("-")
    assert asked.query.count('"') == GATE.query.count('"')
    assert asked.url.count("/") == GATE.url.count("/")
    assert asked.url.count("&") == GATE.url.count("&")


def test_a_program_gets_the_name_as_one_argument(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"import sys; open({str(told)!r}, 'w').write(repr(sys.argv[1:])); sys.exit(2)"
    gate = replace(GATE, url="", query="", argv=(sys.executable, "-c", script, "{host}", "at {address}"))
    assert answer_of(gate, NOW, ssh("web-1", "10.0.0.1")).verdict is Verdict.INCONCLUSIVE
    assert told.read_text() == "['web-1', 'at 10.0.0.1']"
