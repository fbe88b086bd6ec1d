"""Alembic's entry: runs on the connection the store hands over, inside the store's transaction."""

from __future__ import annotations

from alembic import context

from orchestrator.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
)
context.run_migrations()
