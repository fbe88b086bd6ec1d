"""`ls`, `show`, `watch`, `why`, `logs` and `abort`: looking at campaigns, and stopping one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

if TYPE_CHECKING:
    from orchestrator.screens.views import CampaignView

#: columns of a picture for documents
_PICTURE = 110

Reference = Annotated[str, typer.Argument(metavar="ID", help="Campaign, or the beginning of its id.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="table|json", help="json is stable: docs/cli.md.")
]


@command
def ls(
    session: Session,
    limit: Annotated[int, typer.Option(metavar="N", help="Newest campaigns at most.")] = 20,
    output: Annotated[str, typer.Option("--output", "-o", metavar="table|json|name")] = "table",
) -> None:
    """List campaigns, newest first."""
    from orchestrator.cli.flags import whole
    from orchestrator.cli.options import check_output
    from orchestrator.screens import report
    from orchestrator.screens.views import CampaignLine

    check_output(output, choices=("table", "json", "name"))
    body = session.client.get("/v1/campaigns", limit=whole("--limit", limit, least=1, most=1000))
    if output == "json":
        session.data(json.dumps(body, indent=2))
        return
    lines = [CampaignLine.model_validate(item, extra="ignore") for item in body["campaigns"]]
    if output == "name":
        session.data("".join(f"{line.id}\n" for line in lines))
    else:
        session.print(report.campaigns(lines, datetime.now(tz=UTC)))


@command
def show(
    session: Session,
    campaign: Reference,
    output: Output = "table",
    details: Annotated[bool, typer.Option("--details", help="Every step of every host.")] = False,
    as_plan: Annotated[bool, typer.Option("--plan", help="The plan instead of the result.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write its picture, as `watch` draws it.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="As it was then, UTC: '2026-11-24 12:00:30', 12:00.")
    ] = None,
) -> None:
    """Show one campaign: its hosts, results and totals; --at shows how it stood then, from the event log."""
    from orchestrator.cli.flags import instant
    from orchestrator.cli.options import check_output
    from orchestrator.cli.outcome import print_json
    from orchestrator.screens import plan_report, report

    check_output(output)
    now = datetime.now(tz=UTC)
    then = None if at is None else instant("--at", at, now)
    view = session.client.campaign(campaign, at=then)
    if then is not None:
        session.say(f"As it was at {then:%Y-%m-%d %H:%M:%S %Z}.")
    now = then or now
    if svg is not None:
        _write_picture(view, svg, now)
    if output == "json":
        print_json(session, view)
    elif as_plan or view.state in {"PLANNING", "PLANNED"}:
        session.print(plan_report.plan(view, details=details))
    else:
        session.print(report.result(view, now, details=details))


def _write_picture(view: CampaignView, path: Path, now: datetime) -> None:
    from orchestrator.cli.files import write_file
    from orchestrator.cli.live import picture
    from orchestrator.screens import report

    text = report.svg(picture(view, now, width=_PICTURE), title=f"dockwave watch {view.id}", width=_PICTURE)
    write_file("--svg", path, text)


@command
def watch(
    session: Session,
    campaign: Reference,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Stop waiting after this (exit 8).")] = "0",
    output: Output = "table",
) -> None:
    """Follow a campaign to its end and exit with its code. Ctrl-C detaches, it never aborts."""
    from orchestrator.cli.flags import duration
    from orchestrator.cli.options import check_output
    from orchestrator.cli.outcome import finish
    from orchestrator.cli.watch import follow

    check_output(output)
    seconds = duration("--timeout", timeout)
    view = session.client.campaign(campaign, full=False)
    if view.state == "PLANNED":
        session.say("It is planned and not applied yet; waiting for that.")
    finish(session, follow(session, view.id, timeout_s=seconds), output)


@command
def why(session: Session, campaign: Reference, output: Output = "table") -> None:
    """Explain why a campaign stopped, or what it waits for, and what to type next."""
    from orchestrator.cli.options import check_output
    from orchestrator.screens.explain import render

    check_output(output)
    view = session.client.campaign(campaign, full=False)
    body = session.client.get(f"/v1/campaigns/{view.id}/why")
    if output == "json":
        session.data(json.dumps(body, indent=2))
    else:
        session.print(render(view, body))


@command
def abort(
    session: Session,
    campaign: Reference,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    hard: Annotated[bool, typer.Option("--hard", help="Hosts at work stop between two steps.")] = False,
) -> None:
    """Start no further host; hosts at work finish. Repeating it changes nothing; --hard may follow."""
    from orchestrator.cli.request import author, one_line

    body = {"by": author(), "reason": one_line("--reason", reason), "hard": hard}
    view = session.client.campaign(campaign, full=False)
    answer = session.client.post(f"/v1/campaigns/{view.id}/abort", body)
    session.data(f"{view.id} {answer['state']}")
    running = "Those at work stop between two steps." if hard else "Those at work finish."
    session.say(f"No new host starts. {running} Follow them with: dockwave watch {view.id}")


@command
def logs(
    session: Session,
    campaign: Reference,
    host: Annotated[str, typer.Argument(metavar="HOST", help="Host of that campaign.")],
    output: Output = "table",
) -> None:
    """Show what one host did and said in a campaign: events, steps, output, attempt by attempt."""
    from orchestrator.cli.consent import hosts_of
    from orchestrator.cli.hostlog import render
    from orchestrator.cli.options import check_output

    check_output(output)
    view = session.client.campaign(campaign)
    found = next((item for item in hosts_of(view) if item.host == host.strip().lower()), None)
    if found is None:
        names = [item.host for item in hosts_of(view)]
        raise BadInput(f"Host {host[:80]!r} is not in campaign {view.id}", hint=_near(host, names))
    events = session.client.events(view.id, host=found.host)
    if output == "json":
        body = {"campaign": view.id, "host": found.model_dump(mode="json"), "events": events}
        session.data(json.dumps(body, indent=2))
    else:
        session.print(render(found, events))


def _near(host: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(host.lower(), names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else f"Its hosts: {', '.join(names[:10])}"
