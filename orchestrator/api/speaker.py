"""Who sends a request: a person, by a token of their own, or whoever holds the shared one.

Where the settings name people, `by` and `author` of a person's request are the person, whatever the request says. The
shared token names nobody: what it says of itself is kept with an @ in it, which no person's name has.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi import Request

from orchestrator.api.problem import Problem
from orchestrator.api.token import given_token, matches
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import GateKind
from orchestrator.campaign.limits.approval import group_asked
from orchestrator.campaign.rollout import Approval, RolloutPolicy
from orchestrator.campaign.wording import plural
from orchestrator.settings.people import Person, members, token_hash
from tasks.connection import Secret
from tasks.errors import Refused

#: where a request carries its speaker from the guard to the routes
_KEY = "dockwave.speaker"
_SIGNED = ("by", "author")
#: what a name gets that only the shared token stands for
_UNPROVEN = "@shared-token"
#: where people are asked, of which group, how many, of how many, and whether the author counts
_Question: TypeAlias = tuple[str, str, int, int | None, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who speaks, and who else there is."""

    #: None for the shared token
    person: Person | None
    #: everybody the settings name; () where the shared token is all there is
    people: tuple[Person, ...] = ()

    def signed(self, body: Any, fields: Sequence[str]) -> Any:
        """The body with the name of whoever sends it; a body that is none is left to its checks."""
        if not isinstance(body, dict) or not self.people:
            return body
        names = {field: self._name(body.get(field, "")) for field in _SIGNED if field in fields}
        return body | {field: name for field, name in names.items() if name is not None}

    def _name(self, claimed: Any) -> str | None:
        if self.person is not None:
            return self.person.name
        if not isinstance(claimed, str) or "@" in claimed:
            return None
        return claimed[:200] + _UNPROVEN

    def objection(self, campaign: Campaign, gate: str) -> Refused | None:
        """Why they cannot agree to this: an unproven name, a plan of an unproven author, a person of another group."""
        if not self.people:
            return None
        if self.person is None:
            return Refused(
                "An approval needs the token of a person: the shared token names nobody",
                code="E_NOT_A_PERSON",
                hint="Send your own, by --token-file FILE or DOCKWAVE_TOKEN_FILE",
            )
        if campaign.author not in {person.name for person in self.people}:
            return Refused(
                f"Campaign {campaign.id} was not planned with the token of a person: its author is not proven",
                code="E_AUTHOR_UNPROVEN",
                hint="Plan it again with the token of a person",
            )
        group = group_asked(campaign, gate)
        if group and group not in self.person.groups:
            known = ", ".join(members(self.people, group)) or "nobody"
            return Refused(
                f"{self.person.name} is not of group {group}: {known}",
                code="E_NOT_IN_GROUP",
                hint="Ask one of them",
            )
        return None

    def require_groups(self, policy: RolloutPolicy) -> None:
        """Refuse a policy that asks for more people than its groups have, or miscounts them."""
        for question in _questions(policy):
            self._require(question)

    def require_group(self, asked: Approval | None) -> None:
        """The same of an approval alone; None asks nobody."""
        if asked is not None:
            self._require(_question(asked))

    def _require(self, question: _Question) -> None:
        if self.people:
            where, group, required, among, alone = question
            known = members(self.people, group)
            able = [name for name in known if alone or self.person is None or name != self.person.name]
            if len(able) < required:
                but = "" if len(able) == len(known) else " besides the author"
                raise _group_problem(
                    where, f"asks {required} of group {group}, which has {plural(len(able), 'member')}{but}"
                )
            if among is not None and among != len(known):
                raise _group_problem(
                    where, f"says that group {group} has {plural(among, 'member')}; it has {len(known)}"
                )


def speaker_of(request: Request) -> Speaker:
    """Whoever the guard let through."""
    speaker = request.scope.get(_KEY)
    if not isinstance(speaker, Speaker):
        raise TypeError("a request came past the guard")
    return speaker


def recognise(header: str, token: Secret, people: tuple[Person, ...]) -> dict[str, Speaker] | None:
    """What a request carries whose Authorization header is this; None when nobody has that token."""
    if matches(token, header):
        return {_KEY: Speaker(person=None, people=people)}
    digest = token_hash(given_token(header))
    found = [person for person in people if hmac.compare_digest(person.token_sha256, digest)]
    return {_KEY: Speaker(person=found[0], people=people)} if found else None


def _questions(policy: RolloutPolicy) -> Iterator[_Question]:
    if policy.approval is not None:
        yield _question(policy.approval)
    for gate in policy.gates:
        if gate.kind is GateKind.HUMAN:
            yield f"gate {gate.name}", gate.group, gate.required, gate.among, gate.required == 1


def _question(asked: Approval) -> _Question:
    return "approval", asked.group, asked.required, asked.among, False


def _group_problem(where: str, what: str) -> Problem:
    return Problem(
        422,
        "E_GROUP",
        f"{where} {what}",
        where="body",
        fix="Ask for fewer or another group; `dockwave people list`, where the orchestrator runs, shows who is in it.",
    )
