"""What was planned and is no longer so, object by object: hosts change between a plan and its application.

Two questions have the same answer: what a second dry run would leave out of a plan, and what was left alone when
the plan was applied, because each host judges its part again under its own lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.states import HostState
from tasks.result import StepState

#: changes told one by one at most
SHOWN = 40

#: what became of an object, by words of the reason; the first that fits
_SORTS = (
    (re.compile(r"^gone"), "gone"),
    (re.compile(r"in use|attached to it|shares its network"), "now in use"),
    (re.compile(r"\bis (running|restarting|paused)\b"), "now running"),
    (re.compile(r"points to another image|names changed"), "renamed"),
    (re.compile(r"protected"), "now protected"),
)
_OTHER = "no longer chosen"
_NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object of one host that is not as planned; "" for the host itself."""

    host: str
    title: str
    #: now in use, gone, new, unreachable, …
    sort: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Everything that is not as planned."""

    #: objects that were planned
    planned: int
    changes: tuple[Change, ...] = ()

    @property
    def headline(self) -> str:
        """In one line: "3 of 8,214 changed: 2 now in use, 1 gone"."""
        if not self.changes:
            return f"none of {self.planned:,} changed"
        sorts = Counter(change.sort for change in self.changes)
        counted = ", ".join(f"{count:,} {sort}" for sort, count in sorts.most_common())
        return f"{len(self.changes):,} of {self.planned:,} changed: {counted}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The headline, then one line for each object, a bounded many; nothing when all is as planned."""
        if not self.changes:
            return ()
        told = [f"{item.host}: {item.title} ({item.reason})" for item in self.changes[:SHOWN]]
        more = len(self.changes) - SHOWN
        return (self.headline, *told, *((f"and {more:,} more",) if more > 0 else ()))


def left_alone(campaign: Campaign) -> Drift:
    """What was approved and not done, because the host was no longer as it was when it was planned."""
    applied = [run for run in campaign.runs if any(item.result and not item.undo for item in run.attempts)]
    return Drift(
        planned=sum(len(run.approved or ()) for run in applied),
        changes=tuple(change for run in applied for change in _skipped(run)),
    )


def _skipped(run: HostRun) -> Iterator[Change]:
    result = next(item.result for item in reversed(run.attempts) if item.result and not item.undo)
    approved = frozenset(run.approved or ())
    titles = {str(step.get("key")): str(step.get("title")) for step in (run.plan or {}).get("steps") or ()}
    for step in result.steps:
        gone = step.state is StepState.ALREADY and step.detail.startswith("gone")
        if step.key in approved and (step.state is StepState.SKIPPED or gone):
            yield _change(run.host.name, titles.get(step.key, step.title), step.detail)


def between(old: Mapping[str, Any], new: Mapping[str, Any]) -> Drift:
    """What a later plan document of the same hosts says otherwise than an earlier one."""
    later = {str(item["host"]["name"]): item for item in new["hosts"]}
    return Drift(
        planned=sum(len(item.get("approved") or ()) for item in old["hosts"]),
        changes=tuple(
            change for item in old["hosts"] for change in _moved(item, later.get(str(item["host"]["name"])))
        ),
    )


def _moved(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> Iterator[Change]:
    host = str(old["host"]["name"])
    was, steps = old["state"], _steps(old)
    if new is None or (new["state"] != was and new["state"] in {HostState.UNREACHABLE, HostState.SKIPPED}):
        sort = "unreachable" if new is None or new["state"] == HostState.UNREACHABLE else "left out"
        reason = str(new["reason"]) if new is not None else "it was not asked"
        for title in steps.values() or ("the host",):
            yield Change(host=host, title=title, sort=sort, reason=reason)
        return
    now = _steps(new)
    kept = {str(item["key"]): str(item["reason"]) for item in _dry_run(new).get("kept") or ()}
    for key, title in steps.items():
        if key not in now:
            yield _change(host, title, kept.get(key, "gone, or no longer needed"))
    for key, title in now.items():
        if key not in steps:
            yield Change(host=host, title=title, sort=_NEW, reason="not in the plan, so it is not done")
    if steps == now and old["digest"] != new["digest"]:
        yield Change(
            host=host,
            title="its steps",
            sort="different",
            reason="same names, but they would do something else",
        )


def _dry_run(host: Mapping[str, Any]) -> Mapping[str, Any]:
    return host.get("dry_run") or {}


def _steps(host: Mapping[str, Any]) -> dict[str, str]:
    return {str(step["key"]): str(step["title"]) for step in _dry_run(host).get("steps") or ()}


def _change(host: str, title: str, reason: str) -> Change:
    sort = next((name for pattern, name in _SORTS if pattern.search(reason)), _OTHER)
    return Change(host=host, title=title, sort=sort, reason=reason)
