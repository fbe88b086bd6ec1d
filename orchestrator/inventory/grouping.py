"""Groups form a tree of parents and children without cycles; every host knows all groups it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.documents.problems import Problems, did_you_mean, shown
from orchestrator.inventory.declared import Declared

MAX_GROUPS = 2000
MAX_CHILDREN = 10_000

#: host-in-group pairs; a few nested groups of everything must not fill the memory
MAX_MEMBERSHIPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Who belongs where, children included."""

    #: group -> every host in it
    members: Mapping[str, frozenset[str]]
    #: group -> every group above it
    ancestors: Mapping[str, frozenset[str]]
    #: host -> every group it is in
    groups_of: Mapping[str, frozenset[str]]


def resolve_groups(declared: Declared, problems: Problems) -> Grouping:
    """Give the membership of every group and host; unknown children, cycles and name clashes are problems."""
    groups = declared.groups.values()
    if len(groups) > MAX_GROUPS or sum(len(group.children) for group in groups) > MAX_CHILDREN:
        what = f"there are more than {MAX_GROUPS} groups, or {MAX_CHILDREN} children of groups"
        problems.add(next(iter(groups)).place, what, "Use labels instead of some groups.")
        return Grouping(members={}, ancestors={}, groups_of={})
    children = _known_children(declared, problems)
    order = _children_first(declared, children, problems)
    ancestors: dict[str, frozenset[str]] = {group: frozenset() for group in order}
    for group in reversed(order):
        for child in children[group]:
            ancestors[child] |= ancestors[group] | {group}
    members = _members(declared, children, order, problems)
    groups_of: dict[str, set[str]] = {}
    for group, hosts in members.items():
        for host in hosts:
            groups_of.setdefault(host, set()).add(group)
    _refuse_clashes(declared, groups_of, problems)
    return Grouping(
        members=members,
        ancestors=ancestors,
        groups_of={host: frozenset(groups) for host, groups in groups_of.items()},
    )


def _members(
    declared: Declared, children: dict[str, list[str]], order: list[str], problems: Problems
) -> dict[str, frozenset[str]]:
    members: dict[str, frozenset[str]] = {}
    total = 0
    for group in order:
        below = [members[child] for child in children[group]]
        members[group] = frozenset(declared.groups[group].hosts).union(*below)
        total += len(members[group])
        if total > MAX_MEMBERSHIPS:
            what = f"hosts are in groups more than {MAX_MEMBERSHIPS} times in all, children counted"
            problems.add(declared.groups[group].place, what, "Use fewer nested groups, or labels.")
            break
    return members


def _known_children(declared: Declared, problems: Problems) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for name, group in declared.groups.items():
        children[name] = [child for child in group.children if child in declared.groups]
        for child, place in group.children.items():
            if child not in declared.group_names:
                fix = did_you_mean(
                    child, declared.groups, "Define the group below groups, or remove it here."
                )
                problems.add(place, f"the child group {shown(child)} of {shown(name)} is not defined", fix)
    return children


def _children_first(declared: Declared, children: dict[str, list[str]], problems: Problems) -> list[str]:
    """Give the groups so that children come before parents; a child that closes a cycle is reported and cut off."""
    order: list[str] = []
    done: set[str] = set()
    for start, first in children.items():
        # no recursion: a chain of a thousand groups is odd, not fatal
        path = {start: iter(list(first))} if start not in done else {}
        while path:
            group = next(reversed(path))
            child = next(path[group], None)
            if child is None:
                del path[group]
                order.append(group)
                done.add(group)
            elif child in path:
                steps = list(path)
                _report_cycle(declared, [*steps[steps.index(child) :], child], problems)
                children[group].remove(child)
            elif child not in done:
                path[child] = iter(list(children[child]))
    return order


def _report_cycle(declared: Declared, cycle: list[str], problems: Problems) -> None:
    names = cycle if len(cycle) <= 8 else [*cycle[:4], "...", *cycle[-3:]]
    place = declared.groups[cycle[-2]].children[cycle[-1]]
    what = f"groups contain each other: {' -> '.join(names)}"
    problems.add(place, what, "Remove one of these children.")


def _refuse_clashes(declared: Declared, groups_of: dict[str, set[str]], problems: Problems) -> None:
    for name, group in declared.groups.items():
        if name in groups_of or name in declared.hosts:
            problems.add(
                group.place,
                f"{shown(name)} is both a group and a host, so patterns cannot tell",
                "Rename the group.",
            )
