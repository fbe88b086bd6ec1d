"""Chain the lines of the event log that were written before lines were chained."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store import events
from orchestrator.store.chain import GENESIS, link

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: lines read and written at once
_BATCH = 1000


def upgrade() -> None:
    """Give every line its hash, in the order of their numbers."""
    connection = op.get_bind()
    own = events.LINES.c.seq == sa.bindparam("key")
    write = sa.update(events.LINES).where(own).values(chain=sa.bindparam("hash"))
    seq, chain = 0, GENESIS
    while lines := events.lines_after(connection, seq, _BATCH):
        rows = []
        for line in lines:
            chain = link(chain, line)
            rows.append({"key": line.seq, "hash": chain})
        connection.execute(write, rows)
        seq = lines[-1].seq


def downgrade() -> None:
    """Take the hashes away."""
    op.get_bind().execute(sa.update(events.LINES).values(chain=""))
