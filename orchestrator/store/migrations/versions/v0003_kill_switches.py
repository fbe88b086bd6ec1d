"""Keep kill switches: what people stopped, by whom and why, and who released it.

Revision: 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "kill_switches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("target", "name", "by", "reason")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("released_by", "release_reason")),
        sa.PrimaryKeyConstraint("id", name="pk_kill_switches"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("kill_switches")
