"""What a rehearsal came to, as text for people and as one JSON document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from orchestrator.campaign.durations import words as lasting
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.states import EXIT_CODES
from orchestrator.campaign.window_words import instant_words
from orchestrator.screens.sanitize import clean, clean_json
from orchestrator.simulate.rehearsal.rehearsal import Rehearsed
from orchestrator.simulate.rehearsal.scenario import Scenario


def text_of(scenario: Scenario, gone: Rehearsed) -> Iterator[str]:
    """Plain lines: the plan in words, what goes wrong, the timeline, the end."""
    begin = instant_words(scenario.begin)
    yield f"simulated with seed {scenario.script.seed}, beginning {begin}; no host was asked or touched"
    yield from (f"  note: {clean(line)}" for line in scenario.remarks)
    yield from (f"  plan: {clean(line)}" for line in words(gone.campaign))
    yield from (f"  script: {clean(line)}" for line in gone.fate.lines)
    yield ""
    yield from (f"{moment.place}  {clean(moment.told, limit=1000)}" for moment in gone.timeline)
    yield ""
    yield from (clean(line, limit=1000) for line in _end(gone))


def _end(gone: Rehearsed) -> Iterator[str]:
    state = gone.campaign.state
    code = EXIT_CODES.get(state)
    yield from (f"still waits: {text}" for text in gone.waits)
    over = (
        f"ends after {lasting(gone.seconds)}"
        if code is not None
        else f"has no end after {lasting(gone.seconds)}"
    )
    told = (
        f"`dockwave run` would end with exit code {code}"
        if code is not None
        else "`dockwave run` would wait on"
    )
    yield f"{over} as {state.value}; {told}"
    yield f"hosts: {', '.join(f'{number} {name}' for name, number in _states(gone).items())}"


def _states(gone: Rehearsed) -> dict[str, int]:
    return dict(sorted(Counter(run.state.value for run in gone.campaign.runs).items()))


def json_of(scenario: Scenario, gone: Rehearsed) -> str:
    """One document; fields are only ever added."""
    campaign = gone.campaign
    document: dict[str, Any] = {
        "campaign": campaign.id,
        "procedure": campaign.procedure,
        "seed": scenario.script.seed,
        "begins_at": scenario.begin.isoformat(),
        "notes": list(scenario.remarks),
        "plan": list(words(campaign)),
        "script": list(gone.fate.lines),
        "timeline": [
            {
                "at_s": round(moment.at_s, 3),
                "at": (scenario.begin + timedelta(seconds=moment.at_s)).isoformat(),
                "wave": moment.wave,
                "event": moment.kind,
                "text": moment.text,
                "hosts": list(moment.hosts),
            }
            for moment in gone.timeline
        ],
        "end": {
            "state": campaign.state.value,
            "exit_code": EXIT_CODES.get(campaign.state),
            "seconds": round(gone.seconds, 3),
            "waits": list(gone.waits),
            "states": _states(gone),
            "hosts": {run.host.name: run.state.value for run in campaign.runs},
        },
    }
    return json.dumps(clean_json(document), indent=2)
