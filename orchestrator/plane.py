"""The orchestrator process: store, sender, receiver, loop and service, put together and kept running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.campaign.lease import LEASE_FOR_S
from orchestrator.gates.asker import Asker
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.collecting import collect_seldom
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.loop.leading import Lead, own_name
from orchestrator.loop.reconcile import Reconciler
from orchestrator.notify.notifier import Notifier
from orchestrator.service.service import Service
from orchestrator.settings.channels import Channel
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.store import Store
from orchestrator.transport.broker import Sender
from orchestrator.transport.reports import Receiver

log = structlog.get_logger()

#: how often it is looked whether reports must be read here
_WATCH_S = 0.2


def utc_now() -> datetime:
    """Give the present moment."""
    return datetime.now(UTC)


class ControlPlane:
    """Everything that moves campaigns; `service` is what people talk to."""

    def __init__(
        self,
        *,
        database_url: str,
        broker_url: str,
        now: Callable[[], datetime] = utc_now,
        owner: str | None = None,
        channels: Sequence[Channel] = (),
        fleet_budget: int | None = None,
        lease_for_s: float = LEASE_FOR_S,
    ) -> None:
        """Open and migrate the database; `start` begins to work."""
        self._broker_url = broker_url
        self.store = Store.open(database_url)
        self.lead = Lead(self.store, owner=owner or own_name(), now=now)
        self.bulletin = Bulletin()
        self.sender = Sender(broker_url, now=now)
        self.reconciler = Reconciler(
            self.store,
            self.lead,
            self.sender,
            now=now,
            bulletin=self.bulletin,
            ask=self._ask_gates,
            fleet_budget=fleet_budget,
            lease_for_s=lease_for_s,
        )
        self.asker = Asker(self.reconciler.gate_answers.put, now=now)
        self.notifier = Notifier(self.store, self.lead, channels, now=now, bulletin=self.bulletin)
        self.service = Service(
            self.store,
            self.lead,
            now=now,
            bulletin=self.bulletin,
            wake=self.reconciler.wake,
            cached=self.reconciler.cached,
            adopt=self.reconciler.adopt,
            health=self._health,
            channels=frozenset(channel.name for channel in channels),
            fleet_budget=fleet_budget,
        )
        self._receiver: Receiver | None = None
        self._stopping = threading.Event()
        self._loop = threading.Thread(
            target=self.reconciler.run, args=(self._stopping,), name="loop", daemon=True
        )
        self._watch = threading.Thread(target=self._watch_lead, name="watch", daemon=True)

    def start(self) -> None:
        """Begin: look at everything once, then go on with each report and each second."""
        collect_seldom()
        self.sender.start()
        self._loop.start()
        self._watch.start()
        self.notifier.start()

    def stop(self) -> None:
        """End in order: read no more, finish the turn, hand over the lead."""
        self._stopping.set()
        self.reconciler.inbox.refuse()
        self.reconciler.wake()
        for thread in (self._watch, self._loop):
            if thread.is_alive():
                thread.join(timeout=35)
        self.asker.stop()
        self.notifier.stop()
        self.sender.stop()
        try:
            self.lead.give_up()
        except (StoreUnusable, SQLAlchemyError) as error:
            log.warning("The lead runs out by itself", action="stop", trouble=type(error).__name__)
        self.store.close()

    def _ask_gates(self, questions: Sequence[GateQuestion]) -> None:
        self.asker.ask(questions)

    def _watch_lead(self) -> None:
        """Read reports while this process leads, and only then."""
        while not self._stopping.wait(_WATCH_S):
            if self.lead.held and self._receiver is None:
                self._receiver = Receiver(self._broker_url, self.reconciler.inbox.deliver)
                self._receiver.start()
            elif not self.lead.held and self._receiver is not None:
                self._stop_receiver()
        self._stop_receiver()

    def _stop_receiver(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.stop()

    def _health(self) -> dict[str, Any]:
        receiver = self._receiver
        broker = asdict(self.sender.health)
        broker["since"] = broker["since"].isoformat()
        return {"broker": broker, "reports": bool(receiver and receiver.connected)}
