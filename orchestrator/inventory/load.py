"""Inventory files in, one frozen Inventory out; or one error with everything that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.documents.problems import Place, Problems
from orchestrator.inventory.check import check_file
from orchestrator.inventory.declared import Collector, Declared
from orchestrator.inventory.grouping import Grouping, resolve_groups
from orchestrator.inventory.hosts import HostBuilder
from orchestrator.inventory.merge import Merger
from orchestrator.inventory.names import natural_key
from tasks.errors import BadDocument
from tasks.model import Host, Inventory, Protect


class InventoryError(BadDocument):
    """Inventory files cannot be used; every problem is listed, in the order of the files (exit code 2)."""


def load_inventory(paths: Sequence[Path]) -> Inventory:
    """Give all hosts of the files, merged left to right; InventoryError lists what is wrong in any of them."""
    problems = Problems((str(path) for path in paths), error=InventoryError)
    collector = Collector(problems)
    unreadable = not paths
    if not paths:
        problems.add(Place(file=""), "no inventory file is given", "Name one with -i FILE.")
    for number, path in enumerate(paths):
        if path in paths[:number]:
            problems.add(Place(file=str(path)), "the file is given twice", "Name each file once.")
            continue
        checked = check_file(path, problems)
        if checked is None:
            unreadable = True
        else:
            collector.add(checked)
    if unreadable:  # what the other files refer to may be in this one
        problems.raise_if_any()
    inventory = _resolve(collector.declared, tuple(str(path) for path in paths), problems)
    if not len(problems) and not inventory.hosts:  # else the hosts may be among the problems
        what = "there is no host in the inventory"
        problems.add(Place(file=str(paths[0])), what, "Name hosts in a group or below hosts.")
    problems.raise_if_any()
    return inventory


def _resolve(declared: Declared, sources: tuple[str, ...], problems: Problems) -> Inventory:
    grouping = resolve_groups(declared, problems)
    names = sorted({*grouping.groups_of, *declared.hosts}, key=natural_key)
    merger = Merger(declared, grouping, problems)
    settings = {name: merger.settings_of(name) for name in names}
    builder = HostBuilder(declared, grouping, settings, problems)
    hosts = tuple(builder.build(name) for name in names)
    builder.refuse_shared_endpoints(hosts)
    return Inventory(
        hosts=hosts,
        groups=_in_order(grouping, hosts),
        protect=Protect(
            images=tuple(declared.images),
            volumes=tuple(declared.volumes),
            labels=tuple(dict.fromkeys((*Protect().labels, *declared.labels))),
        ),
        sources=sources,
    )


def _in_order(grouping: Grouping, hosts: tuple[Host, ...]) -> dict[str, tuple[str, ...]]:
    """Give the hosts of every group in natural order."""
    listed: dict[str, list[str]] = {group: [] for group in sorted(grouping.members)}
    for host in hosts:
        for group in host.groups:
            listed[group].append(host.name)
    return {group: tuple(names) for group, names in listed.items()}
