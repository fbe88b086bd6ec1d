"""People: who may decide, by a token of their own, and which groups they are of.

The settings hold no token, only its SHA-256: a token is 256 random bits, so its hash says nothing about it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.settings.tables import entries_of

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
#: as campaign files write it
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_KEYS = frozenset({"token_sha256", "groups"})
_MOST_PEOPLE, _MOST_GROUPS = 100, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a token of their own."""

    name: str
    #: SHA-256 of the token, in hexadecimal
    token_sha256: str
    groups: frozenset[str]


def token_hash(token: str) -> str:
    """What the settings hold of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def parse_people(value: Any, _base: Path) -> str:
    """Canonical JSON of these people, as the environment of a child carries them; "" for nobody."""
    found = {
        person.name: {"token_sha256": person.token_sha256, "groups": sorted(person.groups)}
        for person in _people(value)
    }
    return json.dumps(found, sort_keys=True) if found else ""


def people_of(text: str) -> tuple[Person, ...]:
    """The people of a settled setting, by name."""
    return _people(text)


def members(people: Sequence[Person], group: str) -> tuple[str, ...]:
    """Who is of this group."""
    return tuple(person.name for person in people if group in person.groups)


def _people(value: Any) -> tuple[Person, ...]:
    entries = entries_of(value, setting="people", noun="person", nouns="people", most=_MOST_PEOPLE)
    people = tuple(_person(name, given) for name, given in entries)
    hashes = [person.token_sha256 for person in people]
    for person in people:
        if hashes.count(person.token_sha256) > 1:
            raise ValueError(f"{person.name} shares a token with somebody; each person has one of their own")
    return people


def _person(name: str, given: Any) -> Person:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:40]!r} is no name of a person (a lower-case letter, then letters, digits, . _ -; at most 32)"
        )
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} is no table; write token_sha256 and groups below [people.{name}]")  # noqa: TRY004 - one error kind for all
    unknown = sorted(str(key) for key in given.keys() - _KEYS)
    if unknown:
        raise ValueError(f"{name} has no {unknown[0][:40]!r}; known: {', '.join(sorted(_KEYS))}")
    token = given.get("token_sha256")
    if not isinstance(token, str) or not _HASH.fullmatch(token):
        # never quoted: it may be the token itself
        raise ValueError(
            f"{name}: token_sha256 is not 64 hexadecimal digits; `dockwave people token {name}` prints it"
        )
    return Person(name=name, token_sha256=token, groups=_groups(name, given.get("groups", [])))


def _groups(name: str, given: Any) -> frozenset[str]:
    if not isinstance(given, list) or len(given) > _MOST_GROUPS:
        raise ValueError(f"{name}: groups is a list of at most {_MOST_GROUPS} names")
    for item in given:
        if not isinstance(item, str) or not _GROUP.fullmatch(item):
            raise ValueError(f"{name}: {str(item)[:40]!r} is no name of a group")
    return frozenset(given)
