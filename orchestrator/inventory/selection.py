"""A pattern over an inventory chooses hosts; nothing chosen, and any term that means nothing, is an error.

The choice is (all added terms together), restricted to every `&` term, without every `!` term. A mistyped exclusion
would let work loose on the very hosts somebody wanted spared, so a term that matches nothing is refused wherever it
stands.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from orchestrator.documents.problems import Flaw, did_you_mean, near, shown
from orchestrator.inventory import names, ranges
from orchestrator.inventory.expression import (
    Comparison,
    Kind,
    Op,
    SelectionError,
    Term,
    comparisons,
    parse_expression,
    problem,
)
from orchestrator.inventory.name_regex import NameRegex
from tasks.errors import Problem
from tasks.model import Host, Inventory

__all__ = ["SelectionError", "select"]

#: gives the text of a file named by @FILE; the command line passes one, a server never does
ReadFile: TypeAlias = Callable[[str], str]

_Choice: TypeAlias = frozenset[str]


def select(
    inventory: Inventory,
    expression: str | None,
    *,
    read_file: ReadFile | None = None,
    allow_empty: bool = False,
) -> tuple[Host, ...]:
    """Give the hosts a pattern chooses, in the inventory's order; SelectionError says why there is none.

    With `allow_empty` its terms may come to no host together; each of them still has to mean something.
    """
    index = _Index(inventory=inventory, read_file=read_file)
    problems: list[Problem] = []
    chosen: list[tuple[Term, _Choice]] = []
    for term in parse_expression(expression):
        try:
            chosen.append((term, index.hosts_of(term)))
        except Flaw as flaw:
            problems.append(term.flawed(flaw))
    if problems:
        raise SelectionError(tuple(problems[:50]))
    result = _combine(chosen)
    if not result and not allow_empty:
        counts = ", ".join(
            f"{shown(term.op.value + term.text, 40)} {len(choice)}" for term, choice in chosen[:10]
        )
        what = f"the pattern {shown(expression or '')} chooses no host"
        raise SelectionError((problem(1, what, f"Hosts per term: {counts}."),))
    return tuple(host for host in inventory.hosts if host.name in result)


def _combine(chosen: list[tuple[Term, _Choice]]) -> _Choice:
    result = _Choice().union(*(choice for term, choice in chosen if term.op is Op.ADD))
    for term, choice in chosen:
        if term.op is Op.KEEP:
            result &= choice
    return result.difference(*(choice for term, choice in chosen if term.op is Op.DROP))


@dataclass(slots=True, kw_only=True)
class _Index:
    """Answers which hosts a term names."""

    inventory: Inventory
    read_file: ReadFile | None
    _everything: _Choice = field(init=False)
    #: label key -> value -> hosts
    _labels: Mapping[str, Mapping[str, set[str]]] = field(init=False)

    def __post_init__(self) -> None:
        self._everything = frozenset(host.name for host in self.inventory.hosts)
        labels: dict[str, dict[str, set[str]]] = {}
        for host in self.inventory.hosts:
            for key, value in host.labels.items():
                labels.setdefault(key, {}).setdefault(value, set()).add(host.name)
        self._labels = labels

    def hosts_of(self, term: Term) -> _Choice:
        """Give the hosts of a term; Flaw when it means nothing in this inventory."""
        match term.kind:
            case Kind.ALL:
                return self._everything
            case Kind.NAME:
                return self._by_name(term.text.lower())
            case Kind.REGEX:
                return self._by_regex(term.text)
            case Kind.FILE:
                return self._by_file(term.text)
            case Kind.LABELS:
                return self._everything.intersection(*(self._by_label(one) for one in comparisons(term)))

    def _by_name(self, text: str) -> _Choice:
        if "[" in text and ":" in text:
            return self._by_range(text)
        if any(char in text for char in "*?["):
            return self._by_glob(text)
        name = text.removesuffix(".")
        if name in self._everything:
            return frozenset({name})
        if name in self.inventory.groups:
            return frozenset(self.inventory.groups[name])
        raise Flaw(f"no host and no group is called {shown(text)}", self._near(name))

    def _by_range(self, text: str) -> _Choice:
        if "*" in text or "?" in text:
            raise Flaw(f"{shown(text)} mixes a range and a wildcard", "Use one of them per term.")
        expanded = frozenset(names.host_name(name) for name in ranges.parse_range(text))
        missing = sorted(expanded - self._everything, key=names.natural_key)
        if missing:
            listed = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            what = f"the range {shown(text)} names {len(missing)} hosts that do not exist: {listed}"
            raise Flaw(what, "Narrow the range, or use a wildcard such as web-*.")
        return expanded

    def _by_glob(self, text: str) -> _Choice:
        if not any(char.isalnum() for char in text):
            raise Flaw(
                f"{shown(text)} matches every host by accident or by intent", "Write all if you mean all."
            )
        if text.count("[") != text.count("]"):
            raise Flaw(
                f"{shown(text)} has a bracket without its partner", "Write sets as web[123] or web[0-9]."
            )
        hosts = set(fnmatch.filter(self._everything, text))
        groups = [group for group in self.inventory.groups if fnmatch.fnmatchcase(group, text)]
        if not hosts and not groups:
            raise Flaw(f"no host and no group matches {shown(text)}", self._near(text.strip("*?")))
        return frozenset(hosts.union(*(self.inventory.groups[group] for group in groups)))

    def _by_regex(self, text: str) -> _Choice:
        regex = NameRegex(text)
        if regex.matches_empty:
            raise Flaw(f"{shown('~' + text)} matches every name", "Write all if you mean all.")
        found = frozenset(name for name in self._everything if regex.match(name))
        if not found:
            raise Flaw(
                f"no host name begins with a match of {shown('~' + text)}", "Groups are not searched by ~."
            )
        return found

    def _by_file(self, path: str) -> _Choice:
        if self.read_file is None:
            raise Flaw(
                f"{shown('@' + path)} names a file, which is not read here", "Use it on the command line."
            )
        found: set[str] = set()
        for number, line in enumerate(self.read_file(path).splitlines(), start=1):
            name = line.partition("#")[0].strip().lower().removesuffix(".")
            if name and name not in self._everything:
                raise Flaw(
                    f"line {number} of {shown(path)}: no host is called {shown(name)}", self._near(name)
                )
            found |= {name} if name else set()
        if not found:
            raise Flaw(f"the file {shown(path)} names no host", "Write one host name per line.")
        return frozenset(found)

    def _by_label(self, comparison: Comparison) -> _Choice:
        values = self._labels.get(comparison.key)
        if values is None:
            what = f"no host has a label {shown(comparison.key)}"
            raise Flaw(what, did_you_mean(comparison.key, self._labels, _known("Labels", self._labels)))
        if comparison.value not in values:
            what = f"no host has the label {comparison.key}={shown(comparison.value)}"
            raise Flaw(what, did_you_mean(comparison.value, values, _known("Values", values)))
        having = frozenset(values[comparison.value])
        return having if comparison.equal else self._everything - having

    def _near(self, name: str) -> str:
        found = near(name, (*self.inventory.groups, *self._everything))
        if found:
            return f"Did you mean {' or '.join(found)}?"
        starting = sorted(
            (host for host in self._everything if host.startswith(f"{name}.")), key=names.natural_key
        )
        if starting:
            return f"Did you mean {starting[0]}?"
        return _known("Groups", self.inventory.groups)


def _known(kind: str, choices: Mapping[str, object]) -> str:
    listed = sorted(choices, key=names.natural_key)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return f"{kind} there are: {', '.join(listed[:10]) or 'none'}{more}."
