"""What follows once a campaign was started: it is watched to its end, or left alone; its result ends the command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from orchestrator.cli import exits

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.screens.views import CampaignView


def print_json(session: Session, view: CampaignView) -> None:
    """The view as JSON, one document."""
    session.data(view.model_dump_json(indent=2))


def after_start(session: Session, campaign_id: str, output: str, *, watch: bool, timeout_s: float) -> None:
    """Follow it to its end, or say how to."""
    from orchestrator.cli.watch import follow

    if watch:
        finish(session, follow(session, campaign_id, timeout_s=timeout_s), output)
    view = session.client.campaign(campaign_id)
    if output == "json":
        print_json(session, view)
    else:
        session.data(campaign_id)
    if view.state == "AWAITING_APPROVAL":
        session.say(f"It waits for an approval: dockwave why {campaign_id}")
        raise typer.Exit(exits.APPROVAL)
    for brake in view.brakes:
        session.say(f"It waits: {brake}")
    session.say(f"Started. Follow it with: dockwave watch {campaign_id}")


def finish(session: Session, view: CampaignView, output: str) -> None:
    """Print the aggregated result and end with the campaign's exit code."""
    from orchestrator.screens import report

    if output == "json":
        print_json(session, view)
    else:
        session.print(report.result(view, datetime.now(tz=UTC)))
        if view.exit_code:
            session.say(f"Why, and what next: dockwave why {view.id}")
    raise typer.Exit(view.exit_code or exits.DONE)
