"""Plans: what was asked for, the exact bytes that were hashed, and whether they were applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from orchestrator.store.records import StoredPlan
from orchestrator.store.tables import PlanRow, table_of

PLANS = table_of(PlanRow)


def ask(connection: Connection, campaign_id: str, request: Mapping[str, Any]) -> None:
    """Keep a request whose plan is not made yet."""
    connection.execute(
        insert(PLANS).values(campaign_id=campaign_id, request=dict(request), hash="", applied_by="")
    )


def freeze(
    connection: Connection, campaign_id: str, document: bytes, plan_hash: str, expires_at: datetime | None
) -> None:
    """Keep the finished plan's bytes."""
    connection.execute(
        update(PLANS)
        .where(PLANS.c.campaign_id == campaign_id)
        .values(document=document, hash=plan_hash, expires_at=expires_at)
    )


def mark_applied(connection: Connection, campaign_id: str, at: datetime, by: str) -> bool:
    """Note that the plan was applied; False when it was before: a plan applies once."""
    fresh = (PLANS.c.campaign_id == campaign_id) & PLANS.c.applied_at.is_(None)
    return connection.execute(update(PLANS).where(fresh).values(applied_at=at, applied_by=by)).rowcount == 1


def by_campaign(connection: Connection, campaign_id: str) -> StoredPlan | None:
    """Give the plan of a campaign."""
    return _record(connection.execute(select(PLANS).where(PLANS.c.campaign_id == campaign_id)).first())


def by_hash(connection: Connection, plan_hash: str) -> StoredPlan | None:
    """Give the plan with this hash."""
    return _record(connection.execute(select(PLANS).where(PLANS.c.hash == plan_hash)).first())


def _record(row: Row[Any] | None) -> StoredPlan | None:
    if row is None:
        return None
    return StoredPlan(
        campaign_id=row.campaign_id,
        request=row.request,
        document=row.document,
        hash=row.hash,
        expires_at=row.expires_at,
        applied_at=row.applied_at,
        applied_by=row.applied_by,
    )
