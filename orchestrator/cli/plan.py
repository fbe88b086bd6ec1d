"""`plan`, `apply` and `run`: review first, then apply the very same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.asked import Asked
from orchestrator.cli.consent import confirm, start
from orchestrator.cli.options import Conflict, DataLoss, Details, Output, Timeout, Yes, check_output
from orchestrator.cli.outcome import after_start, finish, print_json
from orchestrator.cli.planning import document_of, make, show_on_stderr
from orchestrator.cli.session import Session, command

if TYPE_CHECKING:
    from orchestrator.screens.views import CampaignView


@command
def plan(
    session: Session,
    asked: Asked,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the plan here, for `apply`.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the --out file.")] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN", help="Ask the hosts of this plan again, and show what is no longer as planned."
        ),
    ] = None,
    output: Output = "table",
    details: Details = False,
) -> None:
    """Ask every chosen host what would be done, and freeze the answer as a plan. Changes nothing."""
    from orchestrator.cli.planfile import check_target, write_plan

    check_output(output)
    if check is not None:
        from orchestrator.cli.staleness import check_plan

        check_plan(session, check, output, asked, out=out)
    if out is not None:
        check_target(out, force=force)
    view = make(session, asked)
    if out is not None:
        answer = session.client.get(f"/v1/campaigns/{view.id}/plan")
        write_plan(out, answer["document"], answer["sha256"], force=force)
    _show_plan(session, view, output, details=details)
    if out is not None:
        session.say(f"Apply it with: dockwave apply {out}")


@command
def apply(
    session: Session,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="File written by `dockwave plan --out`.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
    yes: Yes = False,
    allow_data_loss: DataLoss = False,
    on_conflict: Conflict = "queue",
    timeout: Timeout = "0",
    output: Output = "table",
) -> None:
    """Do exactly what the plan says. Asks first; a plan is applied once, unedited, before it expires."""
    from orchestrator.campaign.limits.conflict import OnConflict
    from orchestrator.cli.flags import duration, one_of
    from orchestrator.cli.planfile import read_plan, require_fresh

    check_output(output)
    seconds = duration("--timeout", timeout)
    one_of("--on-conflict", on_conflict, OnConflict)
    file = read_plan(plan_file)
    require_fresh(file, plan_file, datetime.now(tz=UTC))
    view = session.client.campaign(file.campaign)
    accepted = confirm(session, view, yes=yes, allow_data_loss=allow_data_loss)
    start(
        session,
        {"document": file.raw.decode("ascii"), "sha256": file.hash},
        accepted,
        on_conflict=on_conflict,
    )
    after_start(session, view.id, output, watch=watch, timeout_s=seconds)


@command
def run(
    session: Session,
    asked: Asked,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", "-w", help="Follow it to its end.")] = True,
    yes: Yes = False,
    allow_data_loss: DataLoss = False,
    on_conflict: Conflict = "queue",
    timeout: Timeout = "0",
    output: Output = "table",
    details: Details = False,
) -> None:
    """Plan, ask, apply and follow, in one go."""
    from orchestrator.campaign.limits.conflict import OnConflict
    from orchestrator.cli.flags import duration, one_of

    check_output(output)
    seconds = duration("--timeout", timeout)
    one_of("--on-conflict", on_conflict, OnConflict)
    view = make(session, asked)
    if output == "table" or not view.final:
        show_on_stderr(session, view, details=details)
    if view.final:
        finish(session, view, output)
    accepted = confirm(session, view, yes=yes, allow_data_loss=allow_data_loss)
    answer = session.client.get(f"/v1/campaigns/{view.id}/plan")
    start(session, document_of(answer), accepted, on_conflict=on_conflict)
    after_start(session, view.id, output, watch=watch, timeout_s=seconds)


def _show_plan(session: Session, view: CampaignView, output: str, *, details: bool) -> None:
    from orchestrator.screens import plan_report

    if output == "json":
        print_json(session, view)
    else:
        session.print(plan_report.plan(view, details=details))
