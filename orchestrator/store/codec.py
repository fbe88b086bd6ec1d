"""Records of the pure core to rows and back; a row of an older version gets the defaults of today's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import TypeAdapter

from orchestrator.campaign.actions import Action
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.events import Event

_CAMPAIGN: TypeAdapter[Campaign] = TypeAdapter(Campaign)
_RUN: TypeAdapter[HostRun] = TypeAdapter(HostRun)
_ATTEMPT: TypeAdapter[Attempt] = TypeAdapter(Attempt)
_SAID: TypeAdapter[Event | Action] = TypeAdapter(Event | Action)

#: fields of each record that have a column of their own
CAMPAIGN_COLUMNS = (
    "id", "state", "procedure", "kind", "plan_hash", "plan_expires_at", "created_at", "started_at", "ended_at",
    "wave", "abort_requested", "version",
)  # fmt: skip
RUN_COLUMNS = ("wave", "state", "changed", "failed_as", "soak_until", "started_at", "ended_at")
ATTEMPT_COLUMNS = (
    "id", "number", "epoch", "undo", "ordered_at", "expires_at", "accepted_at", "ended_at",
)  # fmt: skip
#: what is in the body of a host's row
_RUN_BODY = tuple(item.name for item in fields(HostRun) if item.name not in {*RUN_COLUMNS, "attempts"})


def _split(adapter: TypeAdapter[Any], record: Any, columns: tuple[str, ...], left_out: str) -> dict[str, Any]:
    body: dict[str, Any] = adapter.dump_python(record, mode="json")
    body = {key: value for key, value in body.items() if key not in columns and key != left_out}
    return {name: _plain(getattr(record, name)) for name in columns} | {"body": body}


def _plain(value: Any) -> Any:
    # enumerations of the core are strings; drivers want the bare string
    return str(value) if isinstance(value, str) else value


def campaign_row(campaign: Campaign) -> dict[str, Any]:
    """Values of the campaign's own row."""
    return _split(_CAMPAIGN, replace(campaign, runs=()), CAMPAIGN_COLUMNS, "runs")


def run_row(campaign_id: str, position: int, run: HostRun) -> dict[str, Any]:
    """Values of the row of one host of a campaign."""
    row = _split(_RUN, replace(run, attempts=()), RUN_COLUMNS, "attempts")
    return row | {"campaign_id": campaign_id, "host": run.host.name, "position": position}


def run_columns(campaign_id: str, run: HostRun) -> dict[str, Any]:
    """Values of the columns of a host's row, without its body."""
    row = {name: _plain(getattr(run, name)) for name in RUN_COLUMNS}
    return row | {"campaign_id": campaign_id, "host": run.host.name}


def same_columns(was: HostRun, run: HostRun) -> bool:
    """Whether the columns of two versions of a host's row are the same."""
    return all(getattr(was, name) == getattr(run, name) for name in RUN_COLUMNS)


def same_body(was: HostRun, run: HostRun) -> bool:
    """Whether the bodies of two versions of a host's row are the same; what was not replaced is not looked into."""
    return all((old := getattr(was, name)) is (new := getattr(run, name)) or old == new for name in _RUN_BODY)


def attempt_row(campaign_id: str, host: str, attempt: Attempt) -> dict[str, Any]:
    """Values of the row of one attempt."""
    row = _split(_ATTEMPT, attempt, ATTEMPT_COLUMNS, "")
    return row | {"campaign_id": campaign_id, "host": host}


def attempt_of(row: Mapping[Any, Any]) -> Attempt:
    """Read one attempt back."""
    return _ATTEMPT.validate_python(_merge(row, ATTEMPT_COLUMNS))


def run_of(row: Mapping[Any, Any], attempts: tuple[Attempt, ...]) -> HostRun:
    """Read one host of a campaign back."""
    return replace(_RUN.validate_python(_merge(row, RUN_COLUMNS)), attempts=attempts)


def campaign_of(row: Mapping[Any, Any], runs: tuple[HostRun, ...]) -> Campaign:
    """Read a campaign back."""
    merged = _merge(row, CAMPAIGN_COLUMNS) | {"runs": ()}
    return replace(_CAMPAIGN.validate_python(merged), runs=runs)


def _merge(row: Mapping[Any, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return dict(row["body"]) | {name: row[name] for name in columns}


def said(record: Event | Action) -> dict[str, Any]:
    """An event or an action as JSON, for the log."""
    document: dict[str, Any] = _SAID.dump_python(record, mode="json")
    return document
