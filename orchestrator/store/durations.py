"""How long a procedure took on the hosts it succeeded on lately, one record a host."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from orchestrator.campaign.states import HostState
from orchestrator.campaign.usual import Past
from orchestrator.store.tables import AttemptRow, CampaignRow, HostRunRow, table_of

CAMPAIGNS = table_of(CampaignRow)
RUNS = table_of(HostRunRow)
ATTEMPTS = table_of(AttemptRow)

#: campaigns looked back at most; what they did long ago says little about today
_CAMPAIGNS = 20
#: outcomes of an attempt that worked
_WORKED = frozenset({"ok", "changed"})


def past(connection: Connection, procedure: str, limit: int = 200) -> tuple[Past, ...]:
    """Give the hosts of the newest campaigns of this procedure on which it succeeded, newest first."""
    lately = (
        select(CAMPAIGNS.c.id)
        .where(CAMPAIGNS.c.procedure == procedure, CAMPAIGNS.c.started_at.is_not(None))
        .order_by(CAMPAIGNS.c.created_at.desc(), CAMPAIGNS.c.id)
        .limit(_CAMPAIGNS)
    )
    same_run = (ATTEMPTS.c.campaign_id == RUNS.c.campaign_id) & (ATTEMPTS.c.host == RUNS.c.host)
    query = (
        select(ATTEMPTS.c.ordered_at, ATTEMPTS.c.ended_at, ATTEMPTS.c.body)
        .join(RUNS, same_run)
        .where(
            ATTEMPTS.c.campaign_id.in_(lately.scalar_subquery()),
            ATTEMPTS.c.ended_at.is_not(None),
            ATTEMPTS.c.undo.is_(False),
            RUNS.c.state == HostState.SUCCEEDED.value,
        )
        .order_by(ATTEMPTS.c.ended_at.desc(), ATTEMPTS.c.id)
        .limit(limit)
    )
    found = (_past(row.ordered_at, row.ended_at, row.body) for row in connection.execute(query))
    return tuple(item for item in found if item is not None)


def _past(ordered_at: datetime, ended_at: datetime, body: Mapping[str, Any]) -> Past | None:
    result = body.get("result") or {}
    if result.get("outcome") not in _WORKED:
        return None
    steps: dict[str, float] = {}
    for step in result.get("steps") or ():
        if step["state"] == "done":
            # "image:sha256:…" is a step of the kind "image"
            kind = str(step["key"]).partition(":")[0]
            steps[kind] = steps.get(kind, 0.0) + float(step["duration_s"])
    return Past(seconds=max((ended_at - ordered_at).total_seconds(), 0.0), steps=steps)
