"""Checks ask the worker side as a program; what it does not say stays unknown, what it says is not trusted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.inventory import probe
from orchestrator.inventory.probe import HostCheck, check_hosts, probe_by_gateway
from tasks.errors import DockwaveError, Unreachable
from tasks.model import Host, SshHop, Transport

A1 = Host(name="a1", transport=Transport.SSH, ssh=SshHop(address="10.0.0.1"))
B1 = Host(name="b1", transport=Transport.SSH, ssh=SshHop(address="10.0.0.2"))
HERE = Host(name="here", transport=Transport.LOCAL)


def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    script = tmp_path / "workers.py"
    script.write_text(
        f"import json, sys\nhosts = [h['name'] for h in json.load(sys.stdin)['hosts']]\n{body}\n"
    )
    monkeypatch.setattr(probe, "WORKERS", (sys.executable, str(script)))


def test_answers_come_in_the_order_of_the_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(
        monkeypatch,
        tmp_path,
        "assert sys.argv[1:] == ['probe'] and hosts == ['a1', 'b1']\n"
        "print(json.dumps({'host': 'b1', 'ok': True, 'checks': [{'name': 'root', 'ok': True, 'detail': ''}]}))\n"
        "print(json.dumps({'host': 'a1', 'ok': False, 'error': {'code': 'E_X', 'message': 'm', 'new': 1}}))\n"
        "print(json.dumps({'host': 'stranger', 'ok': True}))",
    )

    found = check_hosts([A1, HERE, B1])

    assert [(one.host, one.ok) for one in found] == [("a1", False), ("here", None), ("b1", True)]
    assert found[0].error is not None
    assert found[0].error.code == "E_X"


def test_a_host_without_an_answer_is_unknown_not_fit() -> None:
    def silent(hosts: Sequence[Host], /) -> tuple[HostCheck, ...]:
        return (HostCheck(host=hosts[1].name, ok=True),)

    first, second = check_hosts([A1, B1], silent)

    assert (first.ok, second.ok) == (None, True)
    assert first.error is not None
    assert first.error.code == "E_TIMEOUT"


def test_a_program_that_hangs_is_ended_and_its_answers_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(probe, "_BATCH_S", 2.0)
    program(
        monkeypatch,
        tmp_path,
        "print(json.dumps({'host': 'a1', 'ok': True}), flush=True)\nimport time\ntime.sleep(60)",
    )

    assert [one.ok for one in check_hosts([A1, B1])] == [True, None]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("print('not json')", Unreachable, "unreadable"),
        ("print(json.dumps({'host': 'a1', 'ok': 'perhaps'}))", Unreachable, "unreadable"),
        ("sys.exit(json.dumps({'message': 'no paramiko'}))", DockwaveError, "no paramiko"),
        ("raise RuntimeError('odd')", DockwaveError, "RuntimeError: odd"),
        ("sys.exit(3)", DockwaveError, "status 3"),
    ],
)
def test_a_program_that_fails_is_an_error_with_its_reason(
    body: str, kind: type[DockwaveError], text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(monkeypatch, tmp_path, body)

    with pytest.raises(kind, match=text):
        list(probe_by_gateway([A1]))


def test_no_program_runs_where_every_host_has_its_own_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "WORKERS", ("/nonexistent",))

    (found,) = check_hosts([HERE])

    assert found.ok is None
    assert found.error is None
