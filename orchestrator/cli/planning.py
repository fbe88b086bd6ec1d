"""Plans in the making: asked for, awaited, shown before a person agrees, and handed on byte for byte."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.cli import exits
from orchestrator.cli.consent import hosts_of
from tasks.errors import DockwaveError

if TYPE_CHECKING:
    from orchestrator.cli.asked import Asked
    from orchestrator.cli.session import Session
    from orchestrator.screens.views import CampaignView

#: seconds the hosts have to answer with their dry runs before we stop waiting for the plan
PLANNING_S = 600.0


def make(session: Session, asked: Asked) -> CampaignView:
    """The finished plan of what was asked; an error when none could be made."""
    from orchestrator.campaign.wording import plural
    from orchestrator.cli.request import body_of

    body = body_of(asked, session.settings.inventory)
    campaign_id = str(session.client.post("/v1/plans", body)["id"])
    session.say(
        f"Campaign {campaign_id}: asking {plural(len(body['hosts']), 'host')} what {body['procedure']} would do."
    )
    return await_plan(session, campaign_id)


def await_plan(session: Session, campaign_id: str) -> CampaignView:
    """The plan once it is finished; an error when none could be made."""
    deadline, after = time.monotonic() + PLANNING_S, 0
    while True:
        view = session.client.campaign(campaign_id, full=False)
        if view.state != "PLANNING":
            return _made(session.client.campaign(campaign_id))
        if time.monotonic() > deadline:
            raise DockwaveError(
                f"Campaign {campaign_id} is still being planned after {PLANNING_S:.0f} s",
                code="E_TIMEOUT",
                hint=f"Look at it with `dockwave show {campaign_id}`.",
            )
        _, after = session.client.news(campaign_id, after, wait_s=5.0)


def _made(view: CampaignView) -> CampaignView:
    if view.state != "VOID":
        return view
    stop = view.stops[-1] if view.stops else None
    why = f"{stop.rule}: {stop.observed}" if stop else "see `dockwave why`"
    hosts = [f"{host.host}: {host.error.code} {host.error.message}" for host in hosts_of(view) if host.error]
    raise exits.ApiError(
        f"No plan could be made ({why}). Nothing was touched",
        code="E_NO_PLAN",
        hint="Correct this, or plan without hosts that do not answer by --allow-unreachable.",
        status=422,
        more=("", *hosts[:20])[1:],
    )


def document_of(answer: dict[str, Any]) -> dict[str, str]:
    """The very plan the API gave, as `apply` takes it."""
    from orchestrator.campaign.plan_document import canonical_json

    return {"document": canonical_json(answer["document"]).decode("ascii"), "sha256": answer["sha256"]}


def show_on_stderr(session: Session, view: CampaignView, *, details: bool) -> None:
    """Show the plan before a person is asked; standard output stays free for the result."""
    from orchestrator.screens import plan_report

    session.print(plan_report.plan(view, details=details), progress=True)
