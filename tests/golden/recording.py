"""A recorded campaign: as planned, what was logged, how it ended; made by playing a scene, and decided again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from orchestrator.campaign.actions import Action, Dispatch, WakeAt
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import Event
from orchestrator.campaign.observe import observe
from orchestrator.campaign.record import record
from orchestrator.loop.turn import kind_of
from orchestrator.store.codec import said
from orchestrator.store.store import Store
from tests.golden.scenes import FIVE, SCENES, control_for

FOLDER = Path(__file__).parent / "replay"

_CAMPAIGN: TypeAdapter[Campaign] = TypeAdapter(Campaign)
#: decisions that may follow each other at one instant
_ROUNDS = 8


def _names(union: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for member in get_args(union):
        # kind_of looks at the class of a record only
        found[kind_of(member.__new__(member))] = member
    return found


INPUTS = _names(Event)
DECISIONS = _names(Action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the recorded log."""

    at: datetime
    kind: str
    host: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One campaign from its plan to its end."""

    planned: Campaign
    lines: tuple[Line, ...]
    #: state of each host at the end, and of the campaign under ""
    ended: Mapping[str, str]


_RECORDING: TypeAdapter[Recording] = TypeAdapter(Recording)


def play(name: str, store: Store) -> Recording:
    """Play a scene on an empty store."""
    control = control_for(store)
    planned: list[Campaign] = []

    def begin(**policy: object) -> str:
        own = control.plan(FIVE, **policy)  # type: ignore[arg-type] # the scene says what it means
        planned.append(control.service.campaign(own))
        document, _ = control.service.document(own)
        return control.service.apply(document, "tester")

    SCENES[name](control, begin)
    (first,) = planned
    kept = INPUTS.keys() | DECISIONS.keys()
    lines = tuple(
        Line(at=line.at, kind=line.kind, host=line.host, data=dict(line.data))
        for line in control.service.events(first.id, 0, limit=10_000)
        if line.kind in kept
    )
    return Recording(planned=first, lines=lines, ended=control.states(first.id))


def load(name: str) -> Recording:
    """Read a recording."""
    return _RECORDING.validate_json((FOLDER / f"{name}.json").read_bytes())


def write(name: str, recording: Recording) -> None:
    """Keep a recording, laid out so that a change of it can be reviewed."""
    document = _RECORDING.dump_python(recording, mode="json")
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True)
    (FOLDER / f"{name}.json").write_text(f"{text}\n")


def decided(lines: Sequence[Line]) -> list[tuple[str, Any]]:
    """Decisions of these lines, as they were logged."""
    return [(line.kind, _bare(line.data, line.kind)) for line in lines if line.kind in DECISIONS]


def turns(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each turn: what came in, then what was decided; news or another instant begins the next one."""
    found: list[list[Line]] = []
    for line in lines:
        last = found[-1][-1] if found else None
        if last is None or last.at != line.at or (line.kind in INPUTS and last.kind in DECISIONS):
            found.append([])
        found[-1].append(line)
    return found


def replayed(recording: Recording) -> Iterator[tuple[datetime, list[tuple[str, Any]], list[tuple[str, Any]]]]:
    """Decide it again from what was observed: for each turn what was logged, and what is decided now.

    Ends with how it stands at the end against how it ended then.
    """
    campaign, at = recording.planned, recording.planned.created_at
    for lines in turns(recording.lines):
        at = lines[0].at
        for line in lines:
            if line.kind in INPUTS:
                event = TypeAdapter(INPUTS[line.kind]).validate_python(dict(line.data))
                campaign = observe(campaign, event, at)
        logged = decided(lines)
        now: list[tuple[str, Any]] = []
        if logged:
            campaign, now = _decide(campaign, at, _epochs(lines))
        yield at, logged, now
    states = {"": str(campaign.state)} | {run.host.name: str(run.state) for run in campaign.runs}
    yield at, list(recording.ended.items()), list(states.items())


def _decide(
    campaign: Campaign, at: datetime, epochs: Mapping[str, int]
) -> tuple[Campaign, list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []
    for _ in range(_ROUNDS):
        doing = [action for action in decide(campaign, at) if not isinstance(action, WakeAt)]
        if not doing:
            break
        for action in doing:
            if isinstance(action, Dispatch) and action.host not in epochs:
                # it was not ordered then: there is no number to order it with
                return campaign, [*found, *((kind_of(item), said(item)) for item in doing)]
        campaign = record(campaign, doing, at, epochs)
        found += [(kind_of(action), _bare(said(action), kind_of(action))) for action in doing]
    return campaign, found


def _epochs(lines: Sequence[Line]) -> dict[str, int]:
    return {line.host: int(line.data["epoch"]) for line in lines if line.kind == "dispatch"}


def _bare(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What was decided, without what the shell added to the line."""
    added = {"epoch", "expires_at"} if kind == "dispatch" else set()
    return {key: value for key, value in data.items() if key not in added}
