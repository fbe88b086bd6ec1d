"""The store: reads without a lease, writes only by the orchestrator that holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.surroundings import Away
from orchestrator.campaign.usual import Past
from orchestrator.store import (
    budget_uses,
    campaigns,
    durations,
    events,
    hosts,
    lead,
    leases,
    notifications,
    plans,
    quarantines,
    switches,
)
from orchestrator.store.chain import Line, LogHead
from orchestrator.store.engine import WRITES, open_engine, open_read_only
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.migrate import migrate
from orchestrator.store.records import (
    BudgetUse,
    Head,
    KnownHost,
    Lease,
    LogEntry,
    LoggedEvent,
    Notification,
    StoredPlan,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Questions answered from one consistent moment."""

    connection: Connection

    def load(self, campaign_id: str) -> Campaign | None:
        """Give a campaign as last saved, or None."""
        return campaigns.load(self.connection, campaign_id)

    def version_of(self, campaign_id: str) -> int | None:
        """Give the version a campaign has, or None when there is no such campaign."""
        return campaigns.version_of(self.connection, campaign_id)

    def heads(self, *, final: bool = False) -> tuple[Head, ...]:
        """Give id, state and version of the campaigns that are not final (or of all)."""
        return campaigns.heads(self.connection, final=final)

    def newest(self, limit: int) -> tuple[str, ...]:
        """Give the ids of the newest campaigns."""
        return campaigns.newest(self.connection, limit)

    def starting_with(self, prefix: str) -> tuple[str, ...]:
        """Give the campaign ids that begin so."""
        return campaigns.starting_with(self.connection, prefix)

    def last_seq(self) -> int:
        """Give the number of the newest line of the log."""
        return events.last_seq(self.connection)

    def events_after(
        self,
        seq: int,
        *,
        campaign_id: str | None = None,
        host: str | None = None,
        kind: str | None = None,
        limit: int = 1000,
    ) -> tuple[LoggedEvent, ...]:
        """Give the lines of the log above this number."""
        return events.after(self.connection, seq, campaign_id=campaign_id, host=host, kind=kind, limit=limit)

    def past(self, procedure: str) -> tuple[Past, ...]:
        """Give the hosts on which this procedure succeeded lately, with how long it took."""
        return durations.past(self.connection, procedure)

    def lines_after(self, seq: int, limit: int) -> tuple[Line, ...]:
        """Give lines of the log exactly as they are stored, with their hashes."""
        return events.lines_after(self.connection, seq, limit)

    def log_head(self) -> LogHead:
        """Give the length of the log and the hash of its last line."""
        return events.head(self.connection)

    def newest_events(
        self, *, campaign_id: str | None, people: bool, limit: int
    ) -> tuple[tuple[LoggedEvent, str], ...]:
        """Give the newest lines of the log, newest first, each with its campaign's plan hash."""
        return events.newest(self.connection, campaign_id=campaign_id, people=people, limit=limit)

    def leases(self) -> tuple[Lease, ...]:
        """Give every lease."""
        return leases.listed(self.connection)

    def away(self) -> tuple[Away, ...]:
        """Give every host that uses budgets or is quarantined, with its labels and services."""
        return (*budget_uses.away(self.connection), *quarantines.away(self.connection))

    def budget_uses(self) -> tuple[BudgetUse, ...]:
        """Give every host that uses budgets, by name, with the campaign it does so for."""
        return budget_uses.listed(self.connection)

    def switches(self) -> tuple[Switch, ...]:
        """Give every kill switch, also those that were released, oldest first."""
        return switches.listed(self.connection)

    def quarantines(self, since: datetime | None = None) -> tuple[Quarantine, ...]:
        """Give the quarantines that hold, and those released after `since`, oldest first."""
        return quarantines.listed(self.connection, since)

    def quarantine_of(self, host: str) -> Quarantine | None:
        """Give the newest quarantine of a host, also one that was released."""
        return quarantines.newest(self.connection, host)

    def labels_of(self, host: str) -> Mapping[str, str] | None:
        """Give the labels a host had in its newest campaign; None when no campaign ever had it."""
        return campaigns.labels_of(self.connection, host)

    def hosts(self, names: Iterable[str]) -> dict[str, KnownHost]:
        """Give what is remembered about these hosts."""
        return hosts.known(self.connection, names)

    def plan_of(self, campaign_id: str) -> StoredPlan | None:
        """Give the plan of a campaign."""
        return plans.by_campaign(self.connection, campaign_id)

    def plan_by_hash(self, plan_hash: str) -> StoredPlan | None:
        """Give the plan with this hash."""
        return plans.by_hash(self.connection, plan_hash)

    def channels_due(self, now: datetime) -> tuple[str, ...]:
        """Give the channels that have something to tell now."""
        return notifications.channels_due(self.connection, now)

    def notifications_due(self, channel: str, now: datetime, limit: int) -> tuple[Notification, ...]:
        """Give what a channel is to tell now, oldest first."""
        return notifications.due(self.connection, channel, now, limit)


@dataclass(frozen=True, slots=True)
class Writer(Reader):
    """One transaction of the leading orchestrator: all of it is committed, or nothing."""

    def save(self, before: Campaign | None, after: Campaign, log: Sequence[LogEntry] = ()) -> Campaign:
        """Write what differs and the log lines; Conflict unless `before` is the version stored."""
        saved = campaigns.save(self.connection, before, after)
        events.append(self.connection, log)
        return saved

    def log(self, entries: Sequence[LogEntry]) -> None:
        """Write lines of the log."""
        events.append(self.connection, entries)

    def draw_epochs(self, names: Iterable[str]) -> dict[str, int]:
        """Draw the next fencing number of each host."""
        return hosts.draw_epochs(self.connection, names)

    def raise_epochs(self, seen: Mapping[str, int]) -> None:
        """Never draw a number that a host has already seen."""
        hosts.raise_epochs(self.connection, seen)

    def remember_hosts(self, machine_ids: Mapping[str, str | None], at: datetime) -> None:
        """Note that these hosts answered, and who they are."""
        hosts.remember(self.connection, machine_ids, at)

    def forget_identity(self, name: str) -> None:
        """Accept whatever machine answers to this name next."""
        hosts.forget_identity(self.connection, name)

    def take_leases(self, wanted: Sequence[Lease]) -> None:
        """Take or renew leases; LeaseHeld when another campaign has one."""
        leases.take(self.connection, wanted)

    def release_leases(self, campaign_id: str, names: Sequence[str]) -> None:
        """Give back the leases this campaign has on these hosts."""
        leases.release(self.connection, campaign_id, names)

    def begin_uses(self, campaign_id: str, names: Iterable[str], now: datetime) -> None:
        """Let these hosts use budgets for this campaign."""
        budget_uses.begin(self.connection, campaign_id, names, now)

    def end_uses(self, campaign_id: str, names: Sequence[str]) -> None:
        """Let this campaign's work on these hosts use no budgets any more."""
        budget_uses.end(self.connection, campaign_id, names)

    def prove_well(self, names: Sequence[str]) -> None:
        """Let these hosts use no budgets any more, whoever worked on them."""
        budget_uses.prove(self.connection, names)

    def throw_switch(self, switch: Switch) -> None:
        """Keep a kill switch that holds from now on."""
        switches.throw(self.connection, switch)

    def release_switch(self, released: Switch) -> None:
        """Note who let go of the one that holds for the same target."""
        switches.release(self.connection, released)

    def quarantine(self, wanted: Sequence[Quarantine]) -> tuple[Quarantine, ...]:
        """Leave these hosts alone from now on; gives those that were not left alone before."""
        return quarantines.put(self.connection, wanted)

    def release_quarantine(self, released: Quarantine) -> None:
        """Note who released the quarantine that holds for this host."""
        quarantines.release(self.connection, released)

    def ask_plan(self, campaign_id: str, request: Mapping[str, Any]) -> None:
        """Keep a request whose plan is not made yet."""
        plans.ask(self.connection, campaign_id, request)

    def freeze_plan(
        self, campaign_id: str, document: bytes, plan_hash: str, expires_at: datetime | None
    ) -> None:
        """Keep the finished plan's bytes."""
        plans.freeze(self.connection, campaign_id, document, plan_hash, expires_at)

    def mark_applied(self, campaign_id: str, at: datetime, by: str) -> bool:
        """Note that the plan was applied; False when it was before."""
        return plans.mark_applied(self.connection, campaign_id, at, by)

    def put_notifications(self, new: Sequence[Notification]) -> None:
        """Keep what people are to be told."""
        notifications.put(self.connection, new)

    def postpone_notification(self, seq: int, tries: int, next_try: datetime) -> None:
        """Note that it was tried so often, and when it is tried again."""
        notifications.postpone(self.connection, seq, tries, next_try)

    def drop_notification(self, seq: int) -> None:
        """Forget what was told, or given up."""
        notifications.drop(self.connection, seq)


@contextmanager
def _told() -> Iterator[None]:
    """Say what the driver said, without SQLAlchemy's text: that one quotes statements and their values."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
        raise StoreUnusable(
            f"The database does not do what it is asked: {said[0][:200] if said else type(error).__name__}",
            hint="Nothing was ordered; look at its server, its disk and its locks. It is tried again by itself.",
        ) from error


class Store:
    """SQL behind one door; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine; `Store.open` makes and migrates one."""
        self._engine = engine
        self._one_writer = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open the database and bring its schema up to date."""
        engine = open_engine(url)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def look_at(cls, url: str) -> Store:
        """Open a database that is there, to read it and nothing else; its schema is left as it is."""
        return cls(open_read_only(url))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Read from one moment; holds nobody up."""
        with _told(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Reader(connection)

    @contextmanager
    def write(self, epoch: int) -> Iterator[Writer]:
        """Write as the orchestrator with this epoch; Deposed when another one has taken over."""
        with self._transaction() as connection:
            lead.check(connection, epoch)
            yield Writer(connection)

    def take_lead(
        self,
        owner: str,
        now: datetime,
        ttl: timedelta,
        *,
        gone: Callable[[str], bool] = lambda _owner: False,
    ) -> int | None:
        """Become the orchestrator that may write; None while another one is that is not known to be gone."""
        try:
            with self._transaction() as connection:
                return lead.take(connection, owner, now, ttl, gone)
        except IntegrityError:
            # two orchestrators met an empty database: the other one was first
            return None

    def renew_lead(self, epoch: int, now: datetime, ttl: timedelta) -> None:
        """Stay it; Deposed when the lead was lost."""
        with self._transaction() as connection:
            lead.renew(connection, epoch, now, ttl)

    def give_up_lead(self, epoch: int, now: datetime) -> None:
        """Let a standby take over at once."""
        with self._transaction() as connection:
            lead.give_up(connection, epoch, now)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        # one writer at a time in this process: SQLite would make the second one poll for the lock
        with self._one_writer, _told(), self._engine.connect() as raw:
            connection = raw.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
