"""`hosts locks`: which hosts campaigns keep now, why and for how long."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orchestrator.campaign.durations import words
from orchestrator.campaign.wording import plural
from orchestrator.cli.session import Session, command


@command
def locks(
    session: Session,
    output: Annotated[str, typer.Option("--output", "-o", metavar="table|json")] = "table",
) -> None:
    """List the hosts that campaigns keep while they change them or nobody knows their fate, and since when."""
    from orchestrator.cli.options import check_output

    check_output(output)
    answer = session.client.get("/v1/locks")
    kept, uses = answer["locks"], answer["budget_uses"]
    if output == "json":
        session.data(json.dumps({"locks": kept, "budget_uses": uses}, indent=2, ensure_ascii=True))
        return
    _print(session, kept, datetime.now(tz=UTC))
    kept_hosts = plural(len(kept), "host")
    session.say(f"Kept: {kept_hosts}. After a look at it: dockwave hosts release HOST --reason TEXT")
    for use in uses:
        session.say(
            f"{use['host']} is free and uses budgets still, as campaign {use['campaign']} left it, since "
            f"{use['since']}: dockwave hosts release {use['host']} --budget --reason TEXT"
        )


def _runs_out(lock: dict[str, Any], now: datetime) -> str:
    """In how long the lock is renewed, while its campaign is at work, or taken away."""
    if lock["until"] is None:
        return "not known yet"
    left = (datetime.fromisoformat(lock["until"]) - now).total_seconds()
    return f"in {words(float(int(left)))}" if left >= 1 else "now"


def _print(session: Session, kept: list[dict[str, Any]], now: datetime) -> None:
    from orchestrator.screens.table import filled

    rows = []
    for lock in kept:
        age = max((now - datetime.fromisoformat(lock["since"])).total_seconds(), 0.0)
        cells = (lock["host"], lock["campaign"], lock["reason"], words(float(int(age))), _runs_out(lock, now))
        rows.append((*cells, lock["attempt"], lock["epoch"]))
    session.print(filled(("HOST", "CAMPAIGN", "FOR", "AGE", "RUNS OUT", "ATTEMPT", "EPOCH"), rows))
