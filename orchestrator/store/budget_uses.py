"""Who uses budgets: hosts a campaign ordered something on and nobody has proven well since, lease or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from orchestrator.campaign.limits.quorum import services_in
from orchestrator.campaign.surroundings import Away
from orchestrator.store.records import BudgetUse
from orchestrator.store.tables import BudgetUseRow, HostRunRow, LeaseRow, table_of

USES = table_of(BudgetUseRow)
RUNS = table_of(HostRunRow)
LEASES = table_of(LeaseRow)

_LISTED = select(USES).order_by(USES.c.host, USES.c.campaign_id)
_AWAY = (
    select(USES.c.host, USES.c.campaign_id, RUNS.c.body)
    .join(RUNS, (RUNS.c.campaign_id == USES.c.campaign_id) & (RUNS.c.host == USES.c.host))
    .where(USES.c.campaign_id != bindparam("own"))
    .order_by(USES.c.host, USES.c.campaign_id)
)
_OWN = select(USES.c.host).where(USES.c.campaign_id == bindparam("own")).order_by(USES.c.host)
_ONE = (USES.c.host == bindparam("key")) & (USES.c.campaign_id == bindparam("own"))

_AT_WORK = exists().where((LEASES.c.host == USES.c.host) & (LEASES.c.campaign_id == USES.c.campaign_id))
_PROVE = delete(USES).where((USES.c.host == bindparam("key")) & ~_AT_WORK)


def listed(connection: Connection) -> tuple[BudgetUse, ...]:
    """Give every use, by host."""
    return tuple(
        BudgetUse(host=row.host, campaign_id=row.campaign_id, since=row.since)
        for row in connection.execute(_LISTED)
    )


def away(connection: Connection, own: str) -> tuple[Away, ...]:
    """Give the hosts that use budgets, with labels and services; of those used for `own` the name alone.

    A campaign knows labels and services of its own hosts: with 500 at work nothing of theirs has to be read back.
    """
    mine = connection.execute(_OWN, {"own": own}).scalars() if own else ()
    others = (
        Away(
            host=row.host,
            campaign=row.campaign_id,
            labels=row.body["host"]["labels"],
            services=services_in(row.body.get("plan")),
        )
        for row in connection.execute(_AWAY, {"own": own})
    )
    return (*(Away(host=host, campaign=own) for host in mine), *others)


def begin(connection: Connection, campaign_id: str, hosts: Iterable[str], now: datetime) -> None:
    """Note that this campaign has begun to work on these hosts; one it works on already keeps its instant."""
    wanted = frozenset(hosts)
    if not wanted:
        return
    new = wanted - set(connection.execute(_OWN, {"own": campaign_id}).scalars())
    if new:
        rows = [{"host": host, "campaign_id": campaign_id, "since": now} for host in sorted(new)]
        connection.execute(insert(USES), rows)


def end(connection: Connection, campaign_id: str, hosts: Sequence[str]) -> None:
    """Note that this campaign left these hosts as they were; what others left there still counts."""
    if hosts:
        rows = [{"key": host, "own": campaign_id} for host in hosts]
        connection.execute(delete(USES).where(_ONE), rows)


def prove(connection: Connection, hosts: Sequence[str]) -> None:
    """Note that these hosts are well, whoever worked on them; a campaign that works on one now goes on using it."""
    if hosts:
        connection.execute(_PROVE, [{"key": host} for host in hosts])
