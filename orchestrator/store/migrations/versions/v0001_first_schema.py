"""First schema: campaigns, their hosts, attempts, the log, epochs, leases, plans, the orchestrator's lease.

Revision: 0001. Plain column types only: history must not change when the store's own types do.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _instant(name: str, *, null: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    """Make every table."""
    _campaigns()
    _host_runs()
    _attempts()
    _events()
    _hosts_and_leases()
    _plans()


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        _text("id"),
        _text("state"),
        _text("procedure"),
        _text("kind"),
        _text("plan_hash"),
        _instant("plan_expires_at"),
        _instant("created_at", null=False),
        _instant("started_at"),
        _instant("ended_at"),
        _number("wave"),
        _flag("abort_requested"),
        _number("version"),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
    )
    op.create_index("ix_campaigns_created_at", "campaigns", ["created_at"])
    op.create_index("ix_campaigns_state", "campaigns", ["state"])


def _host_runs() -> None:
    op.create_table(
        "host_runs",
        _text("campaign_id"),
        _text("host"),
        _number("position"),
        _number("wave"),
        _text("state"),
        _flag("changed"),
        _text("failed_as", null=True),
        _instant("soak_until"),
        _instant("started_at"),
        _instant("ended_at"),
        _text("body"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_host_runs_campaign_id"),
        sa.PrimaryKeyConstraint("campaign_id", "host", name="pk_host_runs"),
    )
    op.create_index("ix_host_runs_host", "host_runs", ["host"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        _text("id"),
        _text("campaign_id"),
        _text("host"),
        _number("number"),
        _number("epoch"),
        _flag("undo"),
        _instant("ordered_at", null=False),
        _instant("expires_at", null=False),
        _instant("accepted_at"),
        _instant("ended_at"),
        _text("body"),
        sa.ForeignKeyConstraint(
            ["campaign_id", "host"],
            ["host_runs.campaign_id", "host_runs.host"],
            name="fk_attempts_campaign_id_host",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_campaign_id_host", "attempts", ["campaign_id", "host"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _text("campaign_id"),
        _text("host"),
        _text("attempt_id"),
        _instant("at", null=False),
        _text("kind"),
        _text("data"),
        sa.Column("chain", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_campaign_id_seq", "events", ["campaign_id", "seq"])


def _hosts_and_leases() -> None:
    op.create_table(
        "hosts",
        _text("name"),
        _number("epoch"),
        _text("machine_id", null=True),
        _instant("seen_at"),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
    )
    op.create_table(
        "leases",
        _text("host"),
        _text("campaign_id"),
        _text("attempt_id"),
        _number("epoch"),
        _instant("since", null=False),
        _text("reason"),
        sa.PrimaryKeyConstraint("host", name="pk_leases"),
    )
    op.create_table(
        "orchestrator_lease",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        _number("epoch"),
        _text("owner"),
        _instant("expires_at", null=False),
        sa.PrimaryKeyConstraint("id", name="pk_orchestrator_lease"),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        _text("campaign_id"),
        _text("request"),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        _text("hash"),
        _instant("expires_at"),
        _instant("applied_at"),
        _text("applied_by"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_plans_campaign_id"),
        sa.PrimaryKeyConstraint("campaign_id", name="pk_plans"),
    )
    op.create_index("ix_plans_hash", "plans", ["hash"])


def downgrade() -> None:
    """Drop every table."""
    for table in (
        "plans", "orchestrator_lease", "leases", "hosts", "events", "attempts", "host_runs", "campaigns",
    ):  # fmt: skip
        op.drop_table(table)
