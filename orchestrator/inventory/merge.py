"""Each host's settings: defaults, overridden by its groups (parents before children), overridden by itself."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.documents.problems import Place, Problems, shown
from orchestrator.inventory.declared import Declared, Key, Setting, SettingMap, describe, text_of_value
from orchestrator.inventory.grouping import Grouping


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromGroups:
    """What a set of groups says about a host in all of them."""

    settings: SettingMap
    #: settings that two groups contradict each other about, neither being above the other
    conflicts: dict[Key, tuple[Setting, Setting]]


class Merger:
    """Merges settings host by host; hosts in the same groups share the work."""

    def __init__(self, declared: Declared, grouping: Grouping, problems: Problems) -> None:
        """Start with everything declared; conflicts go to `problems`."""
        self._declared = declared
        self._grouping = grouping
        self._problems = problems
        self._cache: dict[frozenset[str], _FromGroups] = {}
        self._reported: set[tuple[Place, Place]] = set()

    def settings_of(self, host: str) -> SettingMap:
        """Give a host's settings; where two groups conflict and the host itself is silent, that is a problem."""
        groups = self._grouping.groups_of.get(host, frozenset())
        if groups not in self._cache:
            self._cache[groups] = self._from_groups(groups)
        shared = self._cache[groups]
        declared = self._declared.hosts.get(host)
        own = {} if declared is None else declared.settings
        for key, pair in shared.conflicts.items():
            if key not in own:
                self._report(host, key, pair)
        return {**self._declared.defaults, **shared.settings, **own}

    def _from_groups(self, groups: frozenset[str]) -> _FromGroups:
        sayings: dict[Key, dict[str, Setting]] = {}
        for group in sorted(groups):
            for key, setting in self._declared.groups[group].settings.items():
                sayings.setdefault(key, {})[group] = setting
        settings: SettingMap = {}
        conflicts: dict[Key, tuple[Setting, Setting]] = {}
        for key, by_group in sayings.items():
            above = frozenset[str]().union(*(self._grouping.ancestors[group] for group in by_group))
            nearest = [setting for group, setting in by_group.items() if group not in above]
            settings[key] = nearest[0]
            other = next((setting for setting in nearest if setting.value != nearest[0].value), None)
            if other is not None:
                conflicts[key] = (nearest[0], other)
        return _FromGroups(settings=settings, conflicts=conflicts)

    def _report(self, host: str, key: Key, pair: tuple[Setting, Setting]) -> None:
        one, other = sorted(
            pair, key=lambda setting: (setting.place.file, setting.place.line, setting.place.column)
        )
        if (one.place, other.place) in self._reported:
            return
        self._reported.add((one.place, other.place))
        what = (
            f"{describe(key)} of host {shown(host)} is {shown(text_of_value(other.value))} by {other.owner} "
            f"and {shown(text_of_value(one.value))} by {one.owner} ({one.place})"
        )
        self._problems.add(other.place, what, "Set it on the host, or make one group a child of the other.")
