"""`stop-all`: the kill switch for everything, one procedure or one campaign."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput


@command
def stop_all(
    session: Session,
    procedure: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only campaigns of this procedure.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(metavar="ID", help="Only this campaign.")] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for the record; required but for --list.")
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Let go of what was stopped under this very target.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show the kill switches that hold.")] = False,
    database_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Throw it in this database itself, before an orchestrator starts on it."
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="table|json", help="Of --list; json: docs/cli.md.")
    ] = "table",
) -> None:
    """Start nothing more, not even undos, until it is released; hosts at work finish. Holds over restarts."""
    from orchestrator.cli.options import check_output

    check_output(output)
    if database_url is not None and (listed or release):
        raise BadInput("--database-url only throws a switch", hint="Start the orchestrator and ask it.")
    if listed:
        if release or not (procedure is campaign is reason is None):
            raise BadInput("--list takes no other flag of stop-all", hint="Leave the others out.")
        _list(session, output)
        return
    if output != "table":
        raise BadInput("--output goes with --list", hint="Leave it out.")
    body = _body(procedure, campaign, reason)
    if database_url is not None:
        _say(session, _thrown_in(database_url, body), release=False)
        return
    answer = session.client.post(f"/v1/stop-all{'/release' if release else ''}", body)
    _say(session, answer, release=release)


def _body(procedure: str | None, campaign: str | None, reason: str | None) -> dict[str, Any]:
    from orchestrator.cli.request import author, one_line

    if procedure is not None and campaign is not None:
        raise BadInput("--procedure and --campaign exclude each other", hint="Stop them one after the other.")
    body: dict[str, Any] = {}
    for flag, value in (("procedure", procedure), ("campaign", campaign)):
        if value is not None:
            name = one_line(f"--{flag}", value).strip()
            if not name:
                # an unset variable of a script must not stop, or let go of, everything
                raise BadInput(
                    f"--{flag} is empty", hint="Name it, or leave the flag out to mean everything."
                )
            body[flag] = name
    why = one_line("--reason", reason or "").strip()
    if not why:
        raise BadInput("--reason is missing", hint="Say why in a few words; it is kept in the record.")
    return body | {"by": author(), "reason": why}


def _thrown_in(database_url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Throw it where no orchestrator works yet; the same as the API answers."""
    from orchestrator.api.stop_all import shown
    from orchestrator.campaign.kill_switch import Target
    from orchestrator.cli.database_flag import named
    from orchestrator.plane import utc_now
    from orchestrator.service.alone import alone
    from orchestrator.service.stopping import StopAll

    target = next((item for item in (Target.PROCEDURE, Target.CAMPAIGN) if item in body), Target.EVERYTHING)
    wish = StopAll(target=target, name=body.get(target, ""), by=body["by"], reason=body["reason"])
    with alone(named(database_url), utc_now) as service:
        return shown(service.stop_all(wish))


def _say(session: Session, switch: dict[str, Any], *, release: bool) -> None:
    from orchestrator.screens.sanitize import clean

    what = clean(" ".join(filter(None, (switch["target"], switch["name"]))))
    if release:
        session.data(f"{what} released")
        session.say("What waited goes on by itself, unless another switch holds it: dockwave stop-all --list")
        return
    session.data(f"{what} stopped")
    session.say(
        f"Thrown by {switch['by'] or 'somebody'} at {switch['at']}: {switch['reason']}. Nothing is started, not "
        "even an undo; orders that hosts accepted go on, others on their way may start until they expire."
    )
    session.say(f"Release it with: {switch['release']}")


def _list(session: Session, output: str) -> None:
    switches = session.client.get("/v1/stop-all")["switches"]
    if output == "json":
        session.data(json.dumps({"switches": switches}, indent=2, ensure_ascii=True))
        return
    from orchestrator.screens.table import filled

    keys = ("target", "name", "by", "at", "reason", "release")
    rows = ([item[key] for key in keys] for item in switches)
    session.print(filled(("TARGET", "NAME", "BY", "SINCE", "REASON", "RELEASE"), rows))
    session.say(f"Kill switches that hold: {len(switches)}")
