"""The event log: append-only, numbered in the order of commits, each line chained to the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, func, insert, select

from orchestrator.store.chain import GENESIS, Line, LogHead, data_text, link
from orchestrator.store.records import LogEntry, LoggedEvent
from orchestrator.store.tables import CampaignRow, EventRow, table_of
from orchestrator.store.types import Instant

EVENTS = table_of(EventRow)
CAMPAIGNS = table_of(CampaignRow)

#: the same table with its data as text: what is hashed is what is stored
LINES = sa.table(
    "events",
    sa.column("seq", sa.BigInteger()),
    *(sa.column(name, sa.Text()) for name in ("campaign_id", "host", "attempt_id", "kind", "data", "chain")),
    sa.column("at", Instant()),
)

# statements of every turn are built once: building one takes longer than running it
_NEWEST = select(LINES.c.seq, LINES.c.chain).order_by(LINES.c.seq.desc()).limit(1)
_INSERT = insert(LINES)
_LAST_SEQ = select(func.coalesce(func.max(EVENTS.c.seq), 0))


def append(connection: Connection, entries: Sequence[LogEntry]) -> None:
    """Write these lines; they stand in the log before anything they announce is done.

    The caller holds the row of the lead, so nobody else numbers or chains lines at the same time.
    """
    if not entries:
        return
    newest = connection.execute(_NEWEST).first()
    seq, chain = (0, GENESIS) if newest is None else (int(newest.seq), str(newest.chain))
    rows: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        line = Line(
            seq=seq,
            campaign_id=entry.campaign_id,
            host=entry.host,
            attempt_id=entry.attempt_id,
            at=entry.at,
            kind=entry.kind,
            data=data_text(dict(entry.data)),
        )
        chain = link(chain, line)
        rows.append({name: getattr(line, name) for name in _NAMES} | {"chain": chain})
    connection.execute(_INSERT, rows)


_NAMES = ("seq", "campaign_id", "host", "attempt_id", "at", "kind", "data")


def lines_after(connection: Connection, seq: int, limit: int) -> tuple[Line, ...]:
    """Give the lines above this number exactly as they are stored, oldest first."""
    query = select(LINES).where(LINES.c.seq > seq).order_by(LINES.c.seq).limit(limit)
    return tuple(
        Line(**{name: row[name] for name in (*_NAMES, "chain")})
        for row in connection.execute(query).mappings()
    )


def head(connection: Connection) -> LogHead:
    """Give the length of the log and the hash of its last line."""
    length = connection.execute(select(func.count()).select_from(LINES)).scalar_one()
    chain = connection.execute(select(LINES.c.chain).order_by(LINES.c.seq.desc()).limit(1)).scalar()
    return LogHead(length=int(length), chain=GENESIS if chain is None else str(chain))


def last_seq(connection: Connection) -> int:
    """Give the number of the newest line; 0 for an empty log."""
    return int(connection.execute(_LAST_SEQ).scalar_one())


def after(
    connection: Connection,
    seq: int,
    *,
    campaign_id: str | None = None,
    host: str | None = None,
    kind: str | None = None,
    limit: int = 1000,
) -> tuple[LoggedEvent, ...]:
    """Give the lines above this number, oldest first, at most `limit`."""
    query = select(EVENTS).where(EVENTS.c.seq > seq).order_by(EVENTS.c.seq).limit(limit)
    if campaign_id is not None:
        query = query.where(EVENTS.c.campaign_id == campaign_id)
    if host is not None:
        query = query.where(EVENTS.c.host == host)
    if kind is not None:
        query = query.where(EVENTS.c.kind == kind)
    return tuple(_logged(row) for row in connection.execute(query))


def newest(
    connection: Connection, *, campaign_id: str | None, people: bool, limit: int
) -> tuple[tuple[LoggedEvent, str], ...]:
    """Give the newest lines, newest first, each with its campaign's plan hash; with `people` only what persons did."""
    plan = func.coalesce(CAMPAIGNS.c.plan_hash, "").label("plan_hash")
    query = (
        select(EVENTS, plan)
        .outerjoin(CAMPAIGNS, CAMPAIGNS.c.id == EVENTS.c.campaign_id)
        .where(*_wanted(campaign_id, people=people))
        .order_by(EVENTS.c.seq.desc())
        .limit(limit)
    )
    return tuple((_logged(row), str(row.plan_hash)) for row in connection.execute(query))


def _wanted(campaign_id: str | None, *, people: bool) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if campaign_id is not None:
        found.append(EVENTS.c.campaign_id == campaign_id)
    if people:
        # what a person did says by whom; reports of hosts come as `ignored` lines and may quote anything
        found.append(sa.type_coerce(EVENTS.c.data, sa.Text()).like('%"by":"%'))
        found.append(
            EVENTS.c.kind.not_in(("ignored", "malformed", "stop-now", "ended", "rechecked", "not-started"))
        )
    return found


def _logged(row: Any) -> LoggedEvent:
    return LoggedEvent(
        seq=row.seq,
        campaign_id=row.campaign_id,
        host=row.host,
        attempt_id=row.attempt_id,
        at=row.at,
        kind=row.kind,
        data=row.data,
    )
