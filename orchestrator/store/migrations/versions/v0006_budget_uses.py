"""Keep who uses budgets apart from who may change a host: giving up a lease frees the host, not the budget.

Until now a lease was both, so every lease becomes a use as well. Revision: 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and note there what leases stood for."""
    op.create_table(
        "budget_uses",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", "campaign_id", name="pk_budget_uses"),
    )
    op.execute(
        "INSERT INTO budget_uses (host, campaign_id, since) SELECT host, campaign_id, since FROM leases"
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("budget_uses")
