"""Holds and automatic marks of engine packages, and the steps that set them."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.engine.family import ALL_NAMES
from tasks.engine.transaction import mark_argv
from tasks.facts.packages import Installed
from tasks.procedure import RunStep

_WORDS = {
    "hold": "Put on hold",
    "unhold": "Release from hold",
    "auto": "Mark as automatically installed",
    "manual": "Mark as installed by hand",
}


def mark_step(mark: str, names: Iterable[str], *, key: str = "") -> RunStep:
    """Set one mark on packages."""
    wanted = tuple(sorted(names))
    title = f"{_WORDS[mark]}: {', '.join(wanted)}"
    return RunStep(key=key or mark, title=title, argv=mark_argv(mark, wanted), timeout_s=60)


def mark_steps(
    before: Installed, now: Installed, *, lost: Iterable[str] = (), hold: Iterable[str] | None = None
) -> tuple[RunStep, ...]:
    """Steps after which every engine package that is there carries the marks it carried before.

    Packages in `lost` are about to be installed by name, which takes their marks away; `hold` names those that shall
    be on hold afterwards, where it is not simply those that were.
    """
    gone = set(lost)
    present = set(now.present(ALL_NAMES)) | gone
    held, auto = set(now.held(present)) - gone, set(now.auto(present)) - gone
    wanted = set(before.held(present)) if hold is None else set(hold) & present
    changes = (
        ("auto", set(before.auto(present)) - auto),
        ("manual", (auto - set(before.auto(present))) & set(before.present(present))),
        ("hold", wanted - held),
        ("unhold-after", held - wanted if hold is None else set()),
    )
    return tuple(mark_step(mark.removesuffix("-after"), names, key=mark) for mark, names in changes if names)
