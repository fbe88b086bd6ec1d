"""The tables: columns for what is searched or fenced, JSON for the rest of each record.

What a column holds is left out of the JSON body, so there is one place for each fact. Text of hosts lives in
JSON only (see types.Json).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, MetaData, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orchestrator.store.types import Instant, Json

#: explicit names, so that a later migration can name what it changes
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text, datetime: Instant, int: BigInteger}


class CampaignRow(Base):
    """One campaign, without its hosts."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(index=True)
    procedure: Mapped[str]
    kind: Mapped[str]
    plan_hash: Mapped[str]
    plan_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    wave: Mapped[int]
    abort_requested: Mapped[bool]
    version: Mapped[int]
    body: Mapped[Any] = mapped_column(Json)


class HostRunRow(Base):
    """One host of a campaign."""

    __tablename__ = "host_runs"
    __table_args__ = (Index("ix_host_runs_host", "host"),)

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    name: Mapped[str] = mapped_column("host", primary_key=True)
    position: Mapped[int]
    wave: Mapped[int]
    state: Mapped[str]
    changed: Mapped[bool]
    failed_as: Mapped[str | None]
    soak_until: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    body: Mapped[Any] = mapped_column(Json)


class AttemptRow(Base):
    """One try on one host; its id is the Celery task's and the host's journal's."""

    __tablename__ = "attempts"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "host"], ["host_runs.campaign_id", "host_runs.host"]),
        Index("ix_attempts_campaign_id_host", "campaign_id", "host"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[str]
    host: Mapped[str]
    number: Mapped[int]
    epoch: Mapped[int]
    undo: Mapped[bool]
    ordered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    body: Mapped[Any] = mapped_column(Json)


class EventRow(Base):
    """One line of the append-only log; written before the effect it announces."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_campaign_id_seq", "campaign_id", "seq"),
        {"sqlite_autoincrement": True},
    )

    #: SQLite numbers only INTEGER keys by itself
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    campaign_id: Mapped[str]
    host: Mapped[str]
    attempt_id: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str]
    data: Mapped[Any] = mapped_column(Json)
    #: hash over the previous line and this one (chain.py)
    chain: Mapped[str] = mapped_column(server_default="")


class HostRow(Base):
    """One host over all campaigns: its fencing number and who it is."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    machine_id: Mapped[str | None]
    seen_at: Mapped[datetime | None]


class LeaseRow(Base):
    """The right to change a host; one row per host, so one owner over all campaigns."""

    __tablename__ = "leases"

    host: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[str]
    attempt_id: Mapped[str]
    epoch: Mapped[int]
    since: Mapped[datetime]
    reason: Mapped[str]
    #: None: it was taken before leases ran out
    expires_at: Mapped[datetime | None]


class BudgetUseRow(Base):
    """One host a campaign worked on and nobody has proven well since; it outlives the lease."""

    __tablename__ = "budget_uses"

    host: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


class PlanRow(Base):
    """What was asked for, and the plan's exact bytes."""

    __tablename__ = "plans"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    request: Mapped[Any] = mapped_column(Json)
    document: Mapped[bytes | None]
    hash: Mapped[str] = mapped_column(index=True)
    expires_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    applied_by: Mapped[str]


class KillSwitchRow(Base):
    """One kill switch; it holds until it is released, and is kept after that."""

    __tablename__ = "kill_switches"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    target: Mapped[str]
    name: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str]
    release_reason: Mapped[str]


class QuarantineRow(Base):
    """One host that is left alone until a person releases it; kept after that."""

    __tablename__ = "quarantines"
    __table_args__ = (Index("ix_quarantines_host", "host"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    host: Mapped[str]
    campaign_id: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    labels: Mapped[Any] = mapped_column(Json)
    released_at: Mapped[datetime | None] = mapped_column(index=True)
    released_by: Mapped[str]
    release_reason: Mapped[str]


class NotificationRow(Base):
    """Something people are still to be told; the number is that of its line in the log."""

    __tablename__ = "notifications"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    campaign_id: Mapped[str]
    channel: Mapped[str]
    event: Mapped[str]
    document: Mapped[Any] = mapped_column(Json)
    tries: Mapped[int]
    next_try: Mapped[datetime] = mapped_column(index=True)


class OrchestratorRow(Base):
    """Which orchestrator may write; one row, locked by every write, its epoch grows with each take-over."""

    __tablename__ = "orchestrator_lease"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int]
    owner: Mapped[str]
    expires_at: Mapped[datetime]


def table_of(row: type[Base]) -> Table:
    """Give the table of a row class, typed."""
    table = row.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{row.__name__} is not stored in a table")
    return table
