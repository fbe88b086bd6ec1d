"""What all files together declare, before groups are resolved: later files add, none may contradict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from orchestrator.documents.problems import Flaw, Place, Problems, shown
from orchestrator.inventory import names, ranges
from orchestrator.inventory.check import CheckedFile
from orchestrator.inventory.schema import GroupEntry, ProtectEntry, Settings
from orchestrator.inventory.values import HostNames

#: mentions of hosts over all groups; keeps a small file of large ranges from filling the memory
MAX_MENTIONS = 200_000

#: ("connect",), ("ssh", "user"), ("labels", "region")
Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value somebody wrote, and where."""

    value: object
    place: Place
    #: who says so, for messages: defaults, group "web", host "web1"
    owner: str


SettingMap: TypeAlias = dict[Key, Setting]


@dataclass(slots=True, kw_only=True)
class GroupDeclared:
    """A group as all files together declare it."""

    place: Place
    hosts: dict[str, Place] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    settings: SettingMap = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class HostDeclared:
    """A host as its own entries declare it."""

    place: Place
    settings: SettingMap = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Declared:
    """Everything declared so far."""

    defaults: SettingMap = field(default_factory=dict)
    gateways: set[str] = field(default_factory=lambda: {"default"})
    #: every group somebody tried to define, so that an unsound one is not also reported as undefined
    group_names: set[str] = field(default_factory=set)
    groups: dict[str, GroupDeclared] = field(default_factory=dict)
    hosts: dict[str, HostDeclared] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


class Collector:
    """Adds file after file to one Declared."""

    def __init__(self, problems: Problems) -> None:
        """Start empty; contradictions go to `problems`."""
        self.declared = Declared()
        self._problems = problems
        self._spelled: dict[str, tuple[str, Place]] = {}
        self._mentions = 0

    def add(self, file: CheckedFile) -> None:
        """Add what one file declares."""
        model = file.model
        self._merge(self.declared.defaults, _flatten(file, model.defaults, ("defaults",), "defaults"))
        self.declared.gateways |= file.written_names("gateways")
        self.declared.group_names |= file.written_names("groups")
        self._add_groups(file)
        self._add_hosts(file)
        self._add_protect(model.protect)

    def _add_groups(self, file: CheckedFile) -> None:
        here: dict[str, Place] = {}
        for raw, entry in file.model.groups.items():
            name, place = raw.name, raw.place
            if name in here:
                what = f"the group {shown(name)} is there twice, first on line {here[name].line}"
                self._problems.add(place, what, "Names differ by case only; keep one.")
                continue
            here[name] = place
            self._add_group(file, name, place, entry)

    def _add_group(self, file: CheckedFile, name: str, place: Place, entry: GroupEntry) -> None:
        group = self.declared.groups.setdefault(name, GroupDeclared(place=place))
        members: dict[str, Place] = {}
        for mention in entry.hosts:
            for host in self._expand(mention, members, f"group {shown(name)}"):
                group.hosts.setdefault(host, mention.place)
        for child in entry.children:
            known = group.children.setdefault(child.name, child.place)
            if known is not child.place and known.file == child.place.file:
                what = f"the child {shown(child.name)} is there twice in group {shown(name)}"
                self._problems.add(child.place, what, "Keep one of the two.")
        self._merge(group.settings, _flatten(file, entry, ("groups", name), f"group {shown(name)}"))

    def _add_hosts(self, file: CheckedFile) -> None:
        here: dict[str, Place] = {}
        for mention, entry in file.model.hosts.items():
            owner = f"host {shown(mention.range.text)}"
            settings = _flatten(file, entry, ("hosts", mention.range.text), owner)
            if ("address",) in settings and len(mention.range) > 1:
                place = settings.pop(("address",)).place
                what = f"one address is given to the {len(mention.range)} hosts {shown(mention.range.text)}"
                self._problems.add(
                    place, what, "Give each host its own entry, or none: the name is the default."
                )
            for host in self._expand(mention, here, "hosts"):
                declared = self.declared.hosts.setdefault(host, HostDeclared(place=mention.place))
                self._merge(declared.settings, settings)

    def _add_protect(self, protect: ProtectEntry) -> None:
        for mine, more in (
            (self.declared.images, protect.images),
            (self.declared.volumes, protect.volumes),
            (self.declared.labels, protect.labels),
        ):
            mine += [item for item in more if item not in mine]

    def _expand(self, mention: HostNames, seen: dict[str, Place], where: str) -> Iterator[str]:
        """Give the hosts of a mention that are new in this list; repeats and odd spellings are problems."""
        self._mentions += len(mention.range)
        if self._mentions > MAX_MENTIONS or len(self._spelled) > ranges.MAX_HOSTS:
            what = f"there are more than {ranges.MAX_HOSTS} hosts, or {MAX_MENTIONS} mentions of hosts"
            self._problems.add(mention.place, what, "Split the fleet into several inventories.")
            return
        for written in mention.range:
            try:
                name = names.host_name(written)
            except Flaw as flaw:
                self._problems.add(mention.place, flaw.what, flaw.fix)
                return
            if not self._spelled_alike(name, written, mention.place):
                return
            if name in seen:
                what = f"the host {shown(name)} is there twice in {where}, first on line {seen[name].line}"
                self._problems.add(mention.place, what, "Keep one of the two.")
                return
            seen[name] = mention.place
            yield name

    def _spelled_alike(self, name: str, written: str, place: Place) -> bool:
        first, where = self._spelled.setdefault(name, (written, place))
        if first == written:
            return True
        what = f"{shown(written)} and {shown(first)} ({where}) are one host in two spellings"
        self._problems.add(place, what, f"Write {shown(name)} in both places.")
        return False

    def _merge(self, into: SettingMap, more: SettingMap) -> None:
        for key, setting in more.items():
            known = into.setdefault(key, setting)
            if known.value != setting.value:
                what = (
                    f"{describe(key)} of {setting.owner} is {shown(text_of_value(setting.value))} here "
                    f"and {shown(text_of_value(known.value))} in {known.place}"
                )
                self._problems.add(setting.place, what, "Files may add settings, not contradict; keep one.")


def describe(key: Key) -> str:
    """Give a setting's name as a person writes it: ssh.user, label region, connect."""
    return f"label {key[1]}" if key[0] == "labels" else ".".join(key)


def text_of_value(value: object) -> str:
    """Give a setting's value for a message."""
    if isinstance(value, tuple):
        return ", ".join(str(getattr(hop, "address", hop)) for hop in value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flatten(file: CheckedFile, settings: Settings, loc: tuple[str, ...], owner: str) -> SettingMap:
    """Give the settings that were written, by key, each with its place."""
    found: dict[Key, object] = {("labels", str(key)): value for key, value in settings.labels.items()}
    found |= {("ssh", key): getattr(settings.ssh, key) for key in settings.ssh.model_fields_set}
    for key in settings.model_fields_set - {"labels", "ssh", "hosts", "children"}:
        found[(key,)] = getattr(settings, key)
    return {
        key: Setting(value=value, place=file.place(*loc, *key), owner=owner)
        for key, value in sorted(found.items(), key=lambda item: item[0])
    }
