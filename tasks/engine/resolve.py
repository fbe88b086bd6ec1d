"""Turns what was asked for ("candidate", "26.1", a map) into the exact version of every engine package.

Done while gathering, because only the host's own apt and dpkg can answer. A request that cannot be met is kept as
data: the plan refuses with it, while an undo of the same host is not held up by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from pydantic import Field

from tasks.connection import Connection
from tasks.engine.family import COMPANIONS, MEMBERS, SAME_VERSION, Family, main_package, members_of
from tasks.engine.transaction import Simulation, simulate
from tasks.engine.version import core, matches
from tasks.facts.packages import Available, Installed, newer, read_available
from tasks.record import Record

#: exact versions, a prefix of the main package's version, or the newest apt would take
Request: TypeAlias = Mapping[str, str] | str | Literal["candidate"]


class Resolution(Record):
    """What a request means on this host."""

    #: version of every engine package afterwards, unchanged ones included
    target: dict[str, str] = Field(default_factory=dict)
    #: what apt said about the packages that change; None when none does
    simulation: Simulation | None = None
    #: packages whose target is older than what is installed
    downgrades: tuple[str, ...] = ()
    #: why the request cannot be met: stable code, sentence, next step
    error_code: str = ""
    error: str = ""
    hint: str = ""


class _CannotMeet(Exception):
    """The request names something this host's archive does not have."""

    def __init__(self, code: str, error: str, hint: str) -> None:
        super().__init__(error)
        self.resolution = Resolution(error_code=code, error=error, hint=hint)


class Resolver:
    """Resolves requests on one host whose packages and archive were read."""

    def __init__(
        self,
        host: Connection,
        installed: Installed,
        family: Family,
        available: Mapping[str, Sequence[Available]],
        candidates: Mapping[str, str],
    ) -> None:
        """Look at what is installed and what the archive offers."""
        self._host = host
        self._installed = installed
        self._family = family
        self._main = main_package(family)
        self._available = available
        self._candidates = candidates
        self._have = {
            name: version
            for name in members_of(family, installed.packages)
            if (version := installed.version(name)) is not None
        }

    def resolve(self, request: Request, *, downgrade: bool = False) -> Resolution:
        """Exact versions for a request; a Resolution with an error code when it cannot be met."""
        try:
            wanted = self._wanted(request)
        except _CannotMeet as refusal:
            return refusal.resolution
        older = tuple(
            name
            for name, version in sorted(wanted.items())
            if name in self._have and newer(self._host, self._have[name], version)
        )
        if not isinstance(request, Mapping) and not downgrade:
            # a companion that is ahead of its main package already is left where it is
            wanted = {
                name: version for name, version in wanted.items() if name not in set(older) - {self._main}
            }
            older = tuple(name for name in older if name == self._main)
        return self._simulated(wanted, older, downgrade=downgrade)

    def _simulated(self, wanted: dict[str, str], older: tuple[str, ...], *, downgrade: bool) -> Resolution:
        target = {**self._have, **wanted}
        changing = {name: version for name, version in wanted.items() if self._have.get(name) != version}
        if not changing:
            return Resolution(target=target, downgrades=older)
        simulation = simulate(self._host, changing, downgrade=downgrade or bool(older))
        if not simulation.ok:
            return Resolution(
                target=target,
                simulation=simulation,
                downgrades=older,
                error_code="E_TXN_UNEXPECTED",
                error=f"apt cannot bring the host to these versions: {simulation.error}",
                hint="Run `apt-get -s install` with the versions of the plan on the host to see why.",
            )
        return Resolution(
            target={**target, **simulation.target(self._family)}, simulation=simulation, downgrades=older
        )

    def _wanted(self, request: Request) -> dict[str, str]:
        if isinstance(request, Mapping):
            wanted = self._from_map(request)
        elif request == "candidate":
            wanted = {name: self._candidates[name] for name in self._have if name in self._candidates}
        else:
            wanted = self._from_prefix(request)
        return {**wanted, **self._companions(wanted)}

    def _from_map(self, request: Mapping[str, str]) -> dict[str, str]:
        for name, version in sorted(request.items()):
            if name not in MEMBERS[self._family]:
                raise _CannotMeet(
                    "E_PARAM",
                    f"{name} is no package of the {self._family} family this host has",
                    f"Its packages are: {', '.join(MEMBERS[self._family])}.",
                )
            if version != self._have.get(name) and version not in self._versions(name):
                raise self._unavailable(name, version)
        return dict(request)

    def _from_prefix(self, prefix: str) -> dict[str, str]:
        found = [version for version in self._versions(self._main) if matches(version, prefix)]
        if (have := self._have.get(self._main)) and matches(have, prefix):
            found.append(have)
        if not found:
            raise self._unavailable(self._main, prefix)
        best = self._newest(found)
        others = {name: self._partner(name, best) for name in self._have if name != self._main}
        return {self._main: best} | {name: version for name, version in others.items() if version}

    def _partner(self, name: str, best: str) -> str | None:
        """Version of another engine package that goes with the main package's; None leaves it to apt."""
        if name in SAME_VERSION.get(self._family, ()):
            return self._sibling(name, best)
        if self._family is not Family.DOCKER_IO or best == self._have.get(self._main):
            return None
        origins = {item.origin for item in self._available.get(self._main, ()) if item.version == best}
        same = [item.version for item in self._available.get(name, ()) if item.origin in origins]
        return self._newest(same) if same else self._candidates.get(name)

    def _companions(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Packages the new main package needs to be of use, which the present one still contains."""
        best = wanted.get(self._main)
        if best is None or best == self._have.get(self._main):
            return {}
        missing = [name for name in COMPANIONS.get(self._family, ()) if name not in {*self._have, *wanted}]
        found = {name: self._sibling(name, best) for name in missing}
        return {name: version for name, version in found.items() if version}

    def _sibling(self, name: str, best: str) -> str | None:
        """The version of a package built from the main one's source: the same, or else of the same release."""
        versions = self._versions(name)
        if best in versions:
            return best
        related = [version for version in versions if core(version) == core(best)]
        return self._newest(related) if related else None

    def _versions(self, name: str) -> tuple[str, ...]:
        return tuple(item.version for item in self._available.get(name, ()))

    def _newest(self, versions: Sequence[str]) -> str:
        best = versions[0]
        for version in versions[1:]:
            if newer(self._host, version, best):
                best = version
        return best

    def _unavailable(self, name: str, version: str) -> _CannotMeet:
        offered = ", ".join(self._versions(name)[:5]) or "none"
        return _CannotMeet(
            "E_VERSION_NOT_AVAILABLE",
            f"{name} {version} is not in this host's package index; it offers: {offered}",
            "Ask for one of these, or refresh the index and check the host's apt sources.",
        )


def resolve(
    host: Connection, installed: Installed, family: Family, request: Request, *, downgrade: bool = False
) -> Resolution:
    """Resolve a request on a host, reading its package index; nothing to resolve without an engine family."""
    if family not in {Family.DOCKER_IO, Family.DOCKER_CE}:
        return Resolution()
    available, candidates = read_available(host, MEMBERS[family])
    return Resolver(host, installed, family, available, candidates).resolve(request, downgrade=downgrade)
