"""`--database-url`: a database that is read or written itself, without asking an orchestrator."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from tasks.errors import BadInput


def named(url: str) -> str:
    """The URL as it was given; one with a password is refused: whoever lists processes reads command lines."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # whoever opens it says what is wrong with it
        return url
    if parsed.password is not None or "password" in parsed.query:
        raise BadInput(
            "--database-url has a password in it, which everybody on this machine can read in the list of processes",
            hint="Leave it out: PostgreSQL's client reads it from ~/.pgpass or the file PGPASSFILE names",
        )
    return url
