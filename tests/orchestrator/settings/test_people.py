"""People are read the same from TOML, YAML and the environment; a bad entry is refused by name, no token quoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.settings.people import Person, members, parse_people, people_of, token_hash
from orchestrator.settings.settings import environment_of, resolve
from tasks.errors import BadInput

HASHES = [token_hash(text) for text in ("one", "two")]
TOML = f"""\
log_level = "info"
[people.alice]
token_sha256 = "{HASHES[0]}"
groups = ["sre", "dba"]
[people.bob]
token_sha256 = "{HASHES[1]}"
"""
YAML = f"""\
log_level: info
people:
  alice: {{token_sha256: "{HASHES[0]}", groups: [sre, dba]}}
  bob: {{token_sha256: "{HASHES[1]}"}}
"""
BOTH = (
    Person(name="alice", token_sha256=HASHES[0], groups=frozenset({"sre", "dba"})),
    Person(name="bob", token_sha256=HASHES[1], groups=frozenset()),
)


@pytest.mark.parametrize(("name", "text"), [("c.toml", TOML), ("c.yaml", YAML)])
def test_a_file_names_people_and_children_get_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = resolve(None, {"HOME": str(tmp_path)}, tmp_path / name)
    assert people_of(found.settings.people) == BOTH
    again = resolve(None, {"HOME": str(tmp_path), **environment_of(found.settings)})
    assert again.settings == found.settings
    assert found.sources["people"].startswith(f"file {tmp_path / name}:2")


def test_without_people_there_is_nobody(tmp_path: Path) -> None:
    assert people_of(resolve(None, {"HOME": str(tmp_path)}).settings.people) == ()
    assert parse_people({}, tmp_path) == ""


def test_members_are_those_of_that_very_group() -> None:
    assert members(BOTH, "sre") == ("alice",)
    assert members(BOTH, "SRE") == ()
    assert members(BOTH, "") == ()


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ("alice", "not JSON"),
        (["alice"], "no table of people"),
        ({"Alice": {"token_sha256": HASHES[0]}}, "no name of a person"),
        ({"alice@desk": {"token_sha256": HASHES[0]}}, "no name of a person"),
        ({"": {"token_sha256": HASHES[0]}}, "no name of a person"),
        ({"alice": HASHES[0]}, "alice is no table"),
        ({"alice": {}}, "token_sha256 is not 64"),
        ({"alice": {"token_sha256": "hunter2hunter2hunter2"}}, "token_sha256 is not 64"),
        ({"alice": {"token_sha256": HASHES[0].upper()}}, "token_sha256 is not 64"),
        ({"alice": {"token_sha256": HASHES[0], "token": "hunter2hunter2"}}, "no 'token'"),
        ({"alice": {"token_sha256": HASHES[0], "groups": "sre"}}, "groups is a list"),
        ({"alice": {"token_sha256": HASHES[0], "groups": ["a b"]}}, "'a b' is no name of a group"),
        ({"alice": {"token_sha256": HASHES[0]}, "bob": {"token_sha256": HASHES[0]}}, "shares a token"),
        ({f"p{number}": {} for number in range(101)}, "101 people"),
    ],
)
def test_a_bad_entry_is_refused_by_name_and_no_token_is_quoted(
    tmp_path: Path, people: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_people(people, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_bad_entry_of_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TOML.replace(HASHES[1], "short"))
    with pytest.raises(BadInput, match=r"c\.toml:2.*bob: token_sha256"):
        resolve(None, {"HOME": str(tmp_path)}, tmp_path / "c.toml")
