"""Campaigns in and out of SQL; a save writes only what differs, and only over the version that was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.limits.quorum import services_in
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.store import codec
from orchestrator.store.errors import Conflict
from orchestrator.store.records import Head
from orchestrator.store.tables import AttemptRow, CampaignRow, HostRunRow, table_of

CAMPAIGNS = table_of(CampaignRow)
RUNS = table_of(HostRunRow)
ATTEMPTS = table_of(AttemptRow)

#: newest campaigns of a host among which its last dry run is looked for
_LOOKS_BACK = 10

# statements of every turn are built once: building one takes longer than running it
_HEADS = select(CAMPAIGNS.c.id, CAMPAIGNS.c.state, CAMPAIGNS.c.version).order_by(
    CAMPAIGNS.c.created_at, CAMPAIGNS.c.id
)
_OPEN_HEADS = _HEADS.where(CAMPAIGNS.c.state.not_in([str(state) for state in FINAL_CAMPAIGN]))
_INSERT_RUNS, _INSERT_ATTEMPTS = insert(RUNS), insert(ATTEMPTS)


def load(connection: Connection, campaign_id: str) -> Campaign | None:
    """Give the campaign as it was last saved, or None when there is none of that id."""
    row = connection.execute(select(CAMPAIGNS).where(CAMPAIGNS.c.id == campaign_id)).mappings().first()
    if row is None:
        return None
    attempts: dict[str, list[Attempt]] = {}
    wanted = select(ATTEMPTS).where(ATTEMPTS.c.campaign_id == campaign_id).order_by(ATTEMPTS.c.number)
    for item in connection.execute(wanted).mappings():
        attempts.setdefault(item["host"], []).append(codec.attempt_of(item))
    listed = select(RUNS).where(RUNS.c.campaign_id == campaign_id).order_by(RUNS.c.position)
    runs = tuple(
        codec.run_of(item, tuple(attempts.get(item["host"], ())))
        for item in connection.execute(listed).mappings()
    )
    return codec.campaign_of(row, runs)


def labels_of(connection: Connection, host: str) -> Mapping[str, str] | None:
    """Give the labels of a host in the newest campaign that has it, or None when none has."""
    same = CAMPAIGNS.c.id == RUNS.c.campaign_id
    query = select(RUNS.c.body).join(CAMPAIGNS, same).where(RUNS.c.host == host)
    body = connection.execute(query.order_by(CAMPAIGNS.c.created_at.desc()).limit(1)).scalar()
    return None if body is None else body["host"]["labels"]


def services_of(connection: Connection, host: str) -> tuple[str, ...]:
    """Give the services the newest dry run of a host named; () when there is none."""
    same = CAMPAIGNS.c.id == RUNS.c.campaign_id
    query = select(RUNS.c.body).join(CAMPAIGNS, same).where(RUNS.c.host == host)
    for body in connection.execute(
        query.order_by(CAMPAIGNS.c.created_at.desc()).limit(_LOOKS_BACK)
    ).scalars():
        if body.get("plan") is not None:
            return services_in(body["plan"])
    return ()


def version_of(connection: Connection, campaign_id: str) -> int | None:
    """Give the version a campaign has in SQL, or None when there is none of that id."""
    found = connection.execute(select(CAMPAIGNS.c.version).where(CAMPAIGNS.c.id == campaign_id)).scalar()
    return None if found is None else int(found)


def heads(connection: Connection, *, final: bool = False) -> tuple[Head, ...]:
    """Give the campaigns that may still have something to do, oldest first; all of them when `final`."""
    query = _HEADS if final else _OPEN_HEADS
    return tuple(Head(id=row.id, state=row.state, version=row.version) for row in connection.execute(query))


def newest(connection: Connection, limit: int) -> tuple[str, ...]:
    """Give the ids of the newest campaigns, newest first."""
    query = select(CAMPAIGNS.c.id).order_by(CAMPAIGNS.c.created_at.desc(), CAMPAIGNS.c.id).limit(limit)
    return tuple(connection.execute(query).scalars())


def starting_with(connection: Connection, prefix: str, limit: int = 6) -> tuple[str, ...]:
    """Give the ids that begin with these characters; the exact one alone when there is one."""
    query = select(CAMPAIGNS.c.id).where(CAMPAIGNS.c.id.startswith(prefix, autoescape=True))
    found = tuple(connection.execute(query.order_by(CAMPAIGNS.c.id).limit(limit)).scalars())
    return (prefix,) if prefix in found else found


def save(connection: Connection, before: Campaign | None, after: Campaign) -> Campaign:
    """Write what differs and give the campaign with its new version; Conflict when `before` is not current."""
    version = (before.version if before else 0) + 1
    saved = replace(after, version=version)
    row = codec.campaign_row(saved)
    if before is None:
        connection.execute(insert(CAMPAIGNS), row)
    else:
        _over(connection, before, row)
    _save_runs(connection, before, saved)
    return saved


def _over(connection: Connection, before: Campaign, row: Mapping[str, Any]) -> None:
    keys = {"key_id": before.id, "key_version": before.version}
    if connection.execute(_update_campaign(), {**row, **keys}).rowcount != 1:
        raise Conflict(
            f"Campaign {before.id} was changed by someone else since version {before.version} was read",
            hint="Nothing was written; read it again",
        )


def _save_runs(connection: Connection, before: Campaign | None, after: Campaign) -> None:
    if before is None:
        _insert_runs(connection, after)
        return
    if len(before.runs) != len(after.runs):
        raise ValueError(f"Campaign {after.id} has another number of hosts now; its host list is frozen")
    whole: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    touched: list[tuple[HostRun | None, HostRun]] = []
    for position, (was, run) in enumerate(zip(before.runs, after.runs, strict=True)):
        if was is run:
            continue
        if was.host.name != run.host.name:
            raise ValueError(
                f"Campaign {after.id} has {run.host.name} for {was.host.name}; its list is frozen"
            )
        touched.append((was, run))
        if not codec.same_body(was, run):
            whole.append(_keyed(codec.run_row(after.id, position, run), ("campaign_id", "host")))
        elif not codec.same_columns(was, run):
            states.append(_keyed(codec.run_columns(after.id, run), ("campaign_id", "host")))
    if whole:
        connection.execute(_update_runs(), whole)
    if states:
        connection.execute(_update_states(), states)
    _save_attempts(connection, after.id, touched)


def _insert_runs(connection: Connection, campaign: Campaign) -> None:
    rows = [codec.run_row(campaign.id, position, run) for position, run in enumerate(campaign.runs)]
    if rows:
        connection.execute(_INSERT_RUNS, rows)
    _save_attempts(connection, campaign.id, [(None, run) for run in campaign.runs])


def _save_attempts(
    connection: Connection, campaign_id: str, touched: Sequence[tuple[HostRun | None, HostRun]]
) -> None:
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    gone: list[str] = []
    for was, run in touched:
        known = {attempt.id: attempt for attempt in (was.attempts if was else ())}
        for attempt in run.attempts:
            old = known.pop(attempt.id, None)
            if old is attempt or old == attempt:
                continue
            (changed if old else new).append(codec.attempt_row(campaign_id, run.host.name, attempt))
        gone.extend(known)
    if gone:
        # only the questions of planning are ever forgotten: the plan that came of them is kept instead
        connection.execute(
            delete(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("key")), [{"key": g} for g in gone]
        )
    if new:
        connection.execute(_INSERT_ATTEMPTS, new)
    if changed:
        connection.execute(_update_attempts(), [_keyed(row, ("id",)) for row in changed])


@cache
def _update_campaign() -> Any:
    names = [column.name for column in CAMPAIGNS.columns]
    current = (CAMPAIGNS.c.id == bindparam("key_id")) & (CAMPAIGNS.c.version == bindparam("key_version"))
    return update(CAMPAIGNS).where(current).values({name: bindparam(name) for name in names})


@cache
def _update_runs() -> Any:
    names = [column.name for column in RUNS.columns if column.name not in {"campaign_id", "host"}]
    own = (RUNS.c.campaign_id == bindparam("key_campaign_id")) & (RUNS.c.host == bindparam("key_host"))
    return update(RUNS).where(own).values({name: bindparam(name) for name in names})


@cache
def _update_states() -> Any:
    """What a host's state changes, without the JSON of all the rest: the dry run of a host may be long."""
    own = (RUNS.c.campaign_id == bindparam("key_campaign_id")) & (RUNS.c.host == bindparam("key_host"))
    return update(RUNS).where(own).values({name: bindparam(name) for name in codec.RUN_COLUMNS})


@cache
def _update_attempts() -> Any:
    names = [column.name for column in ATTEMPTS.columns if column.name not in {"id", "campaign_id", "host"}]
    own = ATTEMPTS.c.id == bindparam("key_id")
    return update(ATTEMPTS).where(own).values({name: bindparam(name) for name in names})


def _keyed(row: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Rename key columns: a bound name may not be that of a column being set."""
    renamed = {f"key_{key}": row[key] for key in keys}
    return {key: value for key, value in row.items() if key not in {"campaign_id", "host", "id"}} | renamed
