"""`hosts quarantine`, `hosts quarantined` and `hosts release`: hosts no campaign changes before a person says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orchestrator.campaign.wording import plural
from orchestrator.cli.operate import HostName, Must, given_reason, path_of
from orchestrator.cli.session import Session, command


@command
def quarantine(session: Session, host: HostName, reason: Must) -> None:
    """Let no campaign change a host until it is released; reading it goes on. Holds over restarts."""
    from orchestrator.cli.request import author
    from orchestrator.screens.sanitize import clean

    body = {"by": author(), "reason": given_reason(reason)}
    answer = session.client.post(f"/v1/hosts/{path_of(host.strip().lower())}/quarantine", body)
    session.data(f"{answer['host']} quarantined")
    session.say(f"Since {answer['at']}, by {clean(_who(answer))}: {clean(answer['reason'])}")
    if not answer["known"]:
        session.say(f"No campaign ever had a host named {answer['host']}: check the spelling.")
    if answer["at_work"]:
        session.say(f"Campaign {answer['at_work']} is changing it now; what the host has accepted goes on.")
    session.say(f"Plans leave it out, campaigns at work wait for it. Release it with: {answer['release']}")


@command
def quarantined(
    session: Session,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="table|json", help="json is stable: docs/cli.md.")
    ] = "table",
) -> None:
    """List the hosts no campaign changes before their release: since when, by whom and why."""
    from orchestrator.cli.options import check_output

    check_output(output)
    found = session.client.get("/v1/quarantines")["quarantines"]
    if output == "json":
        session.data(json.dumps({"quarantines": found}, indent=2, ensure_ascii=True))
        return
    _print(session, found, datetime.now(tz=UTC))
    session.say(
        f"Quarantined: {plural(len(found), 'host')}. After a look at one: dockwave hosts release HOST --reason TEXT"
    )


@command
def release(
    session: Session,
    host: HostName,
    reason: Must,
    budget: Annotated[
        bool, typer.Option("--budget", help="It is known to be well: free what it uses of budgets too.")
    ] = False,
) -> None:
    """Let campaigns change a host again that was quarantined, or that one of them keeps."""
    from orchestrator.cli.request import author

    body = {"by": author(), "reason": given_reason(reason), "budget": budget}
    answer = session.client.post(f"/v1/hosts/{path_of(host.strip().lower())}/release", body)
    campaign = f"; it was kept by campaign {answer['campaign']}" if answer["campaign"] else ""
    session.data(f"{answer['host']} released{campaign}")
    if answer["kept_by"]:
        session.say(
            f"Campaign {answer['kept_by']} is changing it and keeps it still. To take it from that one too, "
            "release it again."
        )
    if answer["uses_budget_for"]:
        session.say(
            f"It still uses budgets, as campaign {', '.join(answer['uses_budget_for'])} left it, until it is proven "
            "well; when you know that it is: --budget."
        )


def _who(item: dict[str, Any]) -> str:
    return f"campaign {item['campaign']}" if item["campaign"] else item["by"] or "somebody"


def _print(session: Session, found: list[dict[str, Any]], now: datetime) -> None:
    from orchestrator.campaign.durations import words
    from orchestrator.screens.table import filled

    rows = []
    for item in found:
        age = max((now - datetime.fromisoformat(item["at"])).total_seconds(), 0.0)
        rows.append((item["host"], _who(item), words(float(int(age))), item["at"], item["reason"]))
    session.print(filled(("HOST", "BY", "AGE", "SINCE", "REASON"), rows))
