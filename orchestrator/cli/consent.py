"""Consent: what a person is told before anything changes, and what nobody may agree to by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tasks.errors import BadInput, DockwaveError

if TYPE_CHECKING:
    from orchestrator.cli.session import Session
    from orchestrator.screens.views import CampaignView, HostView


def hosts_of(view: CampaignView) -> list[HostView]:
    """All hosts of a campaign, in the order of its waves."""
    return [host for wave in view.waves for host in wave.hosts]


def radius(view: CampaignView) -> str:
    """The blast radius in one line: what a person confirms."""
    from orchestrator.campaign.wording import plural

    hosts = [host for wave in view.waves if wave.number for host in wave.hosts]
    drafts = [host.plan or {} for host in hosts]
    at_risk = sum(len(draft.get("containers_at_risk") or ()) for draft in drafts)
    waves = max((wave.number for wave in view.waves), default=0)
    together = min(view.policy.parallelism, len(hosts))
    parts = [
        f"{view.procedure} on {plural(len(hosts), 'host')} in {plural(waves, 'wave')}, {together} at a time"
    ]
    if at_risk:
        parts.append(f"{plural(at_risk, 'running container')} may stop")
    if any(draft.get("reclaim_high_bytes") for draft in drafts):
        from orchestrator.screens.report import size

        parts.append(f"frees up to {size(sum(draft.get('reclaim_high_bytes') or 0 for draft in drafts))}")
    if lost := one_way(view):
        parts.append(f"CANNOT BE TAKEN BACK on {plural(len(lost), 'host')}")
    return "; ".join(parts) + "."


def one_way(view: CampaignView) -> list[str]:
    """Hosts on which something is lost for good."""
    return [host.host for host in hosts_of(view) if host.undo == "one-way"]


def confirm(session: Session, view: CampaignView, *, yes: bool, allow_data_loss: bool) -> bool:
    """Whether data loss is accepted, once a person (or --yes) has agreed; BadInput when nobody has."""
    session.say(radius(view))
    lost = bool(one_way(view))
    if view.kind == "RO":
        return allow_data_loss
    if lost and not allow_data_loss:
        if not session.at_terminal:
            raise BadInput(
                f"Steps on {len(one_way(view))} hosts cannot be taken back, and --yes does not cover those",
                code="E_DATA_LOSS",
                hint="Look at them with `dockwave show --details`, then accept them by --allow-data-loss.",
            )
        if typer.prompt(f"Type {view.id} to accept that", err=True).strip() != view.id:
            raise _declined()
        return True
    if not yes:
        if not session.at_terminal:
            raise BadInput(
                "Nobody is at the terminal to confirm this",
                code="E_CONFIRM",
                hint="Look at the plan, then add --yes.",
            )
        if not typer.confirm("Go ahead?", err=True):
            raise _declined()
    return allow_data_loss


def confirm_rollback(session: Session, view: CampaignView, *, yes: bool) -> None:
    """Tell what comes back and what cannot, and go on only when a person (or --yes) has agreed."""
    from orchestrator.campaign.wording import names, plural

    changed = [host for host in hosts_of(view) if host.changed]
    lost = [host.host for host in changed if host.undo == "one-way"]
    session.say(
        f"{plural(len(changed), 'host')} changed so far will be brought back ({names(h.host for h in changed)}); "
        "hosts at work follow when they answer."
    )
    if lost:
        session.say(
            f"CANNOT BE TAKEN BACK on {plural(len(lost), 'host')}: {names(lost)}. A person is asked for."
        )
    if yes:
        return
    if not session.at_terminal:
        raise BadInput(
            "Nobody is at the terminal to confirm this",
            code="E_CONFIRM",
            hint="Read the line above, add --yes.",
        )
    if not typer.confirm("Go ahead?", err=True):
        raise DockwaveError(
            "Not confirmed; nothing was changed", code="E_DECLINED", hint="The campaign goes on as it was."
        )


def _declined() -> DockwaveError:
    return DockwaveError(
        "Not confirmed; nothing was started", code="E_DECLINED", hint="The plan stays applicable."
    )


def start(
    session: Session, document: dict[str, str], allow_data_loss: bool, *, on_conflict: str = "queue"
) -> None:
    """Apply the plan; campaigns in its way are named."""
    from orchestrator.cli.request import author
    from orchestrator.screens.sanitize import clean

    wish = {"by": author(), "allow_data_loss": allow_data_loss, "on_conflict": on_conflict}
    answer = session.client.post("/v1/apply", document | wish)
    for rival in answer.get("in_the_way", ()):
        session.say(f"They take turns: {clean(rival['text'])}.")
