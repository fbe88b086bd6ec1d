"""Let leases run out: until when each lasts unless it is renewed.

Those taken before have no such instant; the loop gives them one when it sees them. Revision: 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("leases", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take it away: leases last until somebody gives them back."""
    op.drop_column("leases", "expires_at")
