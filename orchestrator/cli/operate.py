"""`approve`, `deny`, `pause`, `resume`, `skip`, `rollback`, `retry` and verbs of hosts: people act."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.consent import confirm_rollback
from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

if TYPE_CHECKING:
    from orchestrator.screens.views import CampaignView

Reference = Annotated[str, typer.Argument(metavar="ID", help="Campaign, or the beginning of its id.")]
HostName = Annotated[str, typer.Argument(metavar="HOST", help="Name of a host.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
Must = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record; required.")]


GateName = Annotated[
    str, typer.Option(metavar="NAME", help="The gate that waits for people, when there are several.")
]


@command
def approve(session: Session, campaign: Reference, reason: Reason = "", gate: GateName = "") -> None:
    """Agree to a plan, or to a gate of a campaign at work, that waits for people; the last one lets it go on."""
    from orchestrator.cli.consent import radius
    from orchestrator.cli.request import author, one_line

    view = session.client.campaign(campaign)
    session.say(radius(view))
    given = {"by": author(), "reason": one_line("--reason", reason), "plan_hash": view.plan_hash}
    body = given | _human_gate(view, gate)
    answer = session.client.post(f"/v1/campaigns/{view.id}/approve", body)
    session.data(f"{view.id} {answer['state']}")
    after = session.client.campaign(view.id, full=False)
    waits = after.state == "AWAITING_APPROVAL" or any(item.kind == "human" for item in after.closed_gates)
    session.say(
        f"Who is missing: dockwave why {view.id}" if waits else f"Follow it: dockwave watch {view.id}"
    )


@command
def deny(session: Session, campaign: Reference, reason: Must, gate: GateName = "") -> None:
    """Say no to a plan, which ends then, or to a gate of a campaign at work, which does what it says then."""
    view = session.client.campaign(campaign, full=False)
    at_gate = _human_gate(view, gate)
    _act(session, view.id, "deny", given_reason(reason), **at_gate)
    what = f"Gate {at_gate['gate']} stays closed." if at_gate else "It ends without touching a host."
    session.say(f"{what} Its record: dockwave why {view.id}")


def _human_gate(view: CampaignView, name: str) -> dict[str, object]:
    """The gate of --gate, or the one that waits for people; nothing when the plan itself does."""
    waiting = [item for item in view.closed_gates if item.kind == "human"]
    wanted = name.strip().lower()
    if wanted:
        waves = [item.wave for item in waiting if item.gate == wanted]
        return {"gate": wanted, "wave": waves[0] if waves else 0}
    if view.state == "AWAITING_APPROVAL" or not waiting:
        return {}
    if len(waiting) > 1:
        raise BadInput(
            f"Several gates of campaign {view.id} wait: {', '.join(item.gate for item in waiting)}",
            hint=f"Name one: --gate {waiting[0].gate}.",
        )
    return {"gate": waiting[0].gate, "wave": waiting[0].wave}


@command
def pause(session: Session, campaign: Reference, reason: Reason = "") -> None:
    """Start no further host until it is resumed; hosts at work finish. Holds over restarts."""
    view = _act(session, campaign, "pause", reason)
    session.say(f"Nothing new starts. Let it go on with: dockwave resume {view.id}")


@command
def resume(
    session: Session,
    campaign: Reference,
    reason: Reason = "",
    silence: Annotated[
        bool, typer.Option("--silence", help="The rules that paused it do not speak again.")
    ] = False,
) -> None:
    """Let a paused campaign go on. Its rules wait for the next host in trouble, unless silenced."""
    view = _act(session, campaign, "resume", reason, silence=silence)
    said = "stay silent" if silence else "speak again when another host is in trouble"
    session.say(f"It goes on; rules that paused it {said}. Follow it with: dockwave watch {view.id}")


@command
def skip(session: Session, campaign: Reference, host: HostName, reason: Must) -> None:
    """Leave out one host that was not started yet."""
    view = _act(session, campaign, "skip", given_reason(reason), host=host.strip().lower())
    session.say(
        f"{host} is left out. To do it later: dockwave retry {view.id} --only skipped, once it is over"
    )


@command
def override_gate(
    session: Session,
    campaign: Reference,
    gate: Annotated[str, typer.Argument(metavar="GATE", help="Name of the gate, as `why` tells it: http-1.")],
    reason: Must,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The host it holds, of a gate that is asked before each host.")
    ] = "",
) -> None:
    """Let a campaign go on although this gate is closed: for the wave or the host it holds now, and no other gate."""
    view = session.client.campaign(campaign, full=False)
    name, at = gate.strip().lower(), host.strip().lower()
    held = [item for item in view.closed_gates if item.gate == name]
    if not at and held and all(item.host for item in held):
        raise BadInput(
            f"Gate {name} of campaign {view.id} holds single hosts: {', '.join(item.host for item in held[:10])}",
            hint=f"Name one: --host {held[0].host}.",
        )
    waves = [item.wave for item in held if item.host == at]
    # repeating it is no mistake: it means what was let pass before
    waves += [item.wave for item in reversed(view.overrides) if (item.gate, item.host) == (name, at)]
    wave = waves[0] if waves else 0
    _act(session, view.id, "override-gate", given_reason(reason), gate=name, wave=wave, host=at)
    paused = view.state == "PAUSED"
    session.say(
        f"Gate {name} counts as open. Let it go on with: dockwave resume {view.id}"
        if paused
        else f"Gate {name} counts as open. Follow it with: dockwave watch {view.id}"
    )


@command
def rollback(
    session: Session,
    campaign: Reference,
    reason: Must,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop a campaign at work and bring back every host it changed, the last wave first."""
    reason = given_reason(reason)
    view = session.client.campaign(campaign)
    confirm_rollback(session, view, yes=yes)
    _act(session, view.id, "rollback", reason)
    session.say(f"Changed hosts are being brought back. Follow it with: dockwave watch {view.id}")


@command
def retry(
    session: Session,
    campaign: Reference,
    only: Annotated[
        str,
        typer.Option(
            metavar="KINDS",
            help="What is done again: failed, unreachable, not-started, skipped; verified: read again.",
        ),
    ] = "failed,unreachable,not-started,verified",
    reason: Reason = "",
    allow_unreachable: Annotated[
        bool, typer.Option("--allow-unreachable", help="Plan although hosts do not answer.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the plan here, for `apply`.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the --out file.")] = False,
) -> None:
    """Plan again what a finished campaign did not prove; what it proved is read again, and redone only if not right."""
    from orchestrator.cli.planfile import check_target, write_plan
    from orchestrator.cli.planning import await_plan
    from orchestrator.cli.request import author, one_line
    from orchestrator.screens import plan_report
    from orchestrator.service.retrying import Left

    kinds = [item.strip() for item in only.split(",")]
    unknown = [item for item in kinds if item not in set(Left)]
    if unknown:
        raise BadInput(f"--only cannot be {unknown[0][:40]!r}", hint=f"Choose from: {', '.join(Left)}.")
    if out is not None:
        check_target(out, force=force)
    old = session.client.campaign(campaign, full=False)
    body = {
        "by": author(),
        "reason": one_line("--reason", reason),
        "only": kinds,
        "allow_unreachable": allow_unreachable,
    }
    own = str(session.client.post(f"/v1/campaigns/{old.id}/retry", body)["id"])
    session.say(f"Campaign {own} inherits procedure, parameters, policy and protection of {old.id}.")
    view = await_plan(session, own)
    if out is not None:
        answer = session.client.get(f"/v1/campaigns/{view.id}/plan")
        write_plan(out, answer["document"], answer["sha256"], force=force)
    session.print(plan_report.plan(view, details=False))
    if out is not None:
        session.say(f"Apply it with: dockwave apply {out}")


@command
def accept_identity(session: Session, host: HostName, reason: Must) -> None:
    """Accept whatever machine answers to this name next: you say that it was rebuilt."""
    from orchestrator.cli.request import author

    name = host.strip().lower()
    answer = session.client.post(
        f"/v1/hosts/{path_of(name)}/accept-identity", {"by": author(), "reason": given_reason(reason)}
    )
    session.data(f"{answer['host']}: the next machine that answers is accepted")


def _act(session: Session, campaign: str, verb: str, reason: str, **more: object) -> CampaignView:
    from orchestrator.cli.request import author, one_line

    view = session.client.campaign(campaign, full=False)
    body = {"by": author(), "reason": one_line("--reason", reason), **more}
    answer = session.client.post(f"/v1/campaigns/{view.id}/{verb}", body)
    session.data(f"{view.id} {answer['state']}")
    return view


def given_reason(reason: str) -> str:
    """Give the reason of --reason, one line; BadInput when it is empty."""
    from orchestrator.cli.request import one_line

    text = one_line("--reason", reason).strip()
    if not text:
        raise BadInput("--reason is empty", hint="Say why in a few words; it is kept in the record.")
    return text


def path_of(name: str) -> str:
    """Give the name of a host as a part of an address."""
    from urllib.parse import quote

    return quote(name, safe="") or "-"
