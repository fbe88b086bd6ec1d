"""`plan --check PLAN`: what of a plan is no longer so, object by object, before anybody applies it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from orchestrator.campaign.explaining.drift import Drift, between
from orchestrator.cli import exits
from orchestrator.cli.asked import Asked, flag_of
from orchestrator.cli.planfile import PlanFile, read_plan
from orchestrator.cli.planning import await_plan
from orchestrator.cli.request import author
from orchestrator.screens.sanitize import plain
from tasks.errors import BadInput
from tasks.model import Kind

if TYPE_CHECKING:
    from orchestrator.cli.session import Session

#: seconds the second plan may be applied: it is made to be compared, and left to expire
_TTL_S = 60.0


def check_plan(session: Session, path: Path, output: str, asked: Asked, *, out: Path | None) -> NoReturn:
    """Ask the hosts of the plan for their dry runs again; exit 0 when all is as planned, 7 when it is not."""
    _refuse_more(asked, out)
    file = read_plan(path)
    own = str(session.client.post("/v1/plans", _again(file))["id"])
    session.say(f"Campaign {own}: asking the hosts of {path} again; it is compared and never applied.")
    view = await_plan(session, own)
    drift = between(file.document, session.client.get(f"/v1/campaigns/{view.id}/plan")["document"])
    _show(session, drift, file, output)
    raise typer.Exit(exits.STALE if drift.changes else exits.DONE)


def _refuse_more(asked: Asked, out: Path | None) -> None:
    """A plan says everything itself: what else was typed would be ignored."""
    given = (*asked.given, *([flag_of("out")] if out is not None else []))
    if given:
        raise BadInput(
            f"--check and {given[0]} cannot be given together: the plan says what its hosts are asked",
            hint="Write `dockwave plan --check PLAN`, or make a new plan without --check.",
        )


def _again(file: PlanFile) -> dict[str, Any]:
    """The request for the same dry runs: procedure, parameters, hosts and protection of the plan."""
    document = file.document
    if document.get("undoes"):
        raise BadInput(
            f"The plan {file.campaign} takes {document['undoes']} back: it cannot be asked for by itself",
            hint=f"`dockwave undo {document['undoes']}` asks its hosts again.",
        )
    if document["kind"] == Kind.READ_ONLY.value:
        raise BadInput(
            f"The plan {file.campaign} only reads: nothing of it can be out of date",
            hint="Apply it; hosts are asked then.",
        )
    return {
        "procedure": document["procedure"],
        "params": document["params"],
        "hosts": [item["host"] for item in document["hosts"]],
        "protect": document["protect"],
        "allow_unreachable": True,
        "ttl_s": _TTL_S,
        "author": author(),
        "reason": f"check of the plan {file.campaign}",
    }


def _show(session: Session, drift: Drift, file: PlanFile, output: str) -> None:
    if output == "json":
        body = {
            "campaign": file.campaign,
            "planned": drift.planned,
            "headline": drift.headline,
            "changes": [asdict(change) for change in drift.changes],
        }
        session.data(json.dumps(body, indent=2))
        return
    for line in drift.lines or (drift.headline,):
        session.print(plain(line))
    if drift.changes:
        session.say(
            "What is still as planned can be applied; each host leaves alone what is not. Or plan again."
        )
