"""Tokens of people are made into private files; what is printed goes into the settings as it is."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from orchestrator.settings.people import parse_people, people_of, token_hash
from tests.orchestrator.cli.conftest import Dockwave


def test_what_is_printed_makes_the_token_known_and_does_not_tell_it(bare: Dockwave, tmp_path: Path) -> None:
    out = tmp_path / "alice.token"
    result = bare("people", "token", "alice", "--group", "sre", "--group", "dba", "--out", str(out))
    assert result.exit_code == 0, result.stderr
    token = out.read_text().strip()
    assert out.stat().st_mode & 0o777 == 0o600
    assert token not in result.stdout + result.stderr
    (person,) = people_of(parse_people(tomllib.loads(result.stdout)["people"], tmp_path))
    assert (person.name, sorted(person.groups)) == ("alice", ["dba", "sre"])
    assert person.token_sha256 == token_hash(token)


def test_people_of_the_settings_are_listed(bare: Dockwave, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = json.dumps({"alice": {"token_sha256": token_hash("x"), "groups": ["sre"]}})
    monkeypatch.setenv("DOCKWAVE_PEOPLE", entry)
    result = bare("people", "list", "-o", "json")
    assert json.loads(result.stdout) == {"people": [{"name": "alice", "groups": ["sre"]}]}
    assert "alice: sre" in bare("people", "list").stdout


@pytest.mark.parametrize("name", ["Alice", "alice@desk", "", "a b", "x" * 33])
def test_a_name_nobody_can_have_is_refused_and_no_token_made(
    bare: Dockwave, tmp_path: Path, name: str
) -> None:
    result = bare("people", "token", name, "--out", str(tmp_path / "t"))
    assert result.exit_code == 2
    assert "no name of a person" in result.stderr
    assert not (tmp_path / "t").exists()


def test_a_file_that_exists_is_left_as_it_is(bare: Dockwave, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("mine")
    result = bare("people", "token", "alice", "--out", str(tmp_path / "t"))
    assert (result.exit_code, (tmp_path / "t").read_text()) == (2, "mine")
