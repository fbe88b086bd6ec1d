"""Keep quarantines: hosts no campaign changes before a person releases them.

Hosts that were left to a person kept their lease until now; they are quarantined instead. Revision: 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant, Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LEASES = sa.table(
    "leases",
    sa.column("host", sa.Text()),
    sa.column("campaign_id", sa.Text()),
    sa.column("reason", sa.Text()),
    sa.column("since", Instant()),
)
_RUNS = sa.table(
    "host_runs",
    sa.column("host", sa.Text()),
    sa.column("campaign_id", sa.Text()),
    sa.column("state", sa.Text()),
    sa.column("body", Json()),
)
_TEXTS = ("host", "campaign_id", "by", "reason", "labels", "released_by", "release_reason")
_QUARANTINES = sa.table(
    "quarantines",
    *(sa.column(name, sa.Text()) for name in _TEXTS if name != "labels"),
    sa.column("at", Instant()),
    sa.column("labels", Json()),
)


def upgrade() -> None:
    """Make the table, and move there what leases kept for people."""
    op.create_table(
        "quarantines",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantines"),
    )
    op.create_index("ix_quarantines_host", "quarantines", ["host"])
    op.create_index("ix_quarantines_released_at", "quarantines", ["released_at"])
    connection = op.get_bind()
    same = (_RUNS.c.campaign_id == _LEASES.c.campaign_id) & (_RUNS.c.host == _LEASES.c.host)
    left = sa.select(_LEASES, _RUNS.c.body).join(_RUNS, same).where(_RUNS.c.state == "NEEDS_HUMAN")
    for row in connection.execute(left).all():
        connection.execute(
            sa.insert(_QUARANTINES).values(
                host=row.host,
                campaign_id=row.campaign_id,
                by="",
                reason=f"it needs a person after {row.reason}",
                at=row.since,
                labels=row.body["host"]["labels"],
                released_by="",
                release_reason="",
            )
        )
        connection.execute(sa.delete(_LEASES).where(_LEASES.c.host == row.host))


def downgrade() -> None:
    """Drop it."""
    op.drop_table("quarantines")
