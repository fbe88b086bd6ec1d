"""The service over a database that no orchestrator works on: what must be said before one starts on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.leading import Lead, own_name
from orchestrator.service.service import Service
from orchestrator.store.store import Store
from tasks.errors import BadInput


@contextmanager
def alone(database_url: str, now: Callable[[], datetime]) -> Iterator[Service]:
    """Lead meanwhile, without a loop: nothing is decided and nothing leaves; refused beside an orchestrator."""
    # a slip of the pen must not make a new database
    Store.look_at(database_url).close()
    store = Store.open(database_url)
    try:
        lead = Lead(store, owner=own_name(), now=now, passing=True)
        if not lead.ensure():
            raise BadInput(
                "An orchestrator works on this database, or did until a few seconds ago",
                code="E_NOT_NOW",
                hint="Stop it first, or leave --database-url out and ask it",
            )
        try:
            yield Service(store, lead, now=now, bulletin=Bulletin(), wake=lambda: None)
        finally:
            lead.give_up()
    finally:
        store.close()
