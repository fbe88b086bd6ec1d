"""`report`: a campaign as files that are kept or given to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.session import Session, command
from orchestrator.cli.show import Reference
from tasks.errors import BadInput

if TYPE_CHECKING:
    from orchestrator.reporting.record import Record


@command
def report(
    session: Session,
    campaign: Reference,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="One page that needs nothing else.")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Campaign, explanation and events.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="JUnit XML, a test case per host.")
    ] = None,
) -> None:
    """Write reports of one campaign: a page, JSON, JUnit XML, or several at once."""
    from orchestrator.cli.files import write_file

    wanted = {
        flag: path
        for flag, path in (("--html", html), ("--json", as_json), ("--junit", junit))
        if path is not None
    }
    _check(wanted)
    record = _record(session, campaign)
    formats = _formats()
    # all are made before the first is written: what cannot be made leaves every file as it was
    texts = {flag: formats[flag](record) for flag in wanted}
    for flag, path in wanted.items():
        write_file(flag, path, texts[flag])
        session.say(f"{record.view.id} written to {path}")


def _check(wanted: Mapping[str, Path]) -> None:
    if not wanted:
        raise BadInput(
            "No file was named for the report",
            hint="Say --html FILE, --json FILE or --junit FILE, or several.",
        )
    if len({path.absolute() for path in wanted.values()}) < len(wanted):
        raise BadInput(
            f"{' and '.join(wanted)} name the same file", hint="Give each format a file of its own."
        )


def _record(session: Session, reference: str) -> Record:
    from orchestrator.reporting.record import Record

    view = session.client.campaign(reference)
    why = session.client.get(f"/v1/campaigns/{view.id}/why")
    events = session.client.events(view.id)
    # the head comes last: it vouches for every line before it, so for those just read
    head = session.client.get("/v1/audit/head")
    return Record(
        view=view,
        why=why,
        events=events,
        head=f"{head['length']}:{head['chain']}",
        written_at=datetime.now(tz=UTC),
    )


def _formats() -> Mapping[str, Callable[[Record], str]]:
    from orchestrator.reporting.document import document
    from orchestrator.reporting.junit import junit
    from orchestrator.reporting.page import page

    return {"--html": page, "--json": document, "--junit": junit}
