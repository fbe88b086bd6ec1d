"""`plan`, `apply` and `run`: review first, then apply the very same bytes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import exits
from orchestrator.cli.consent import confirm, hosts_of, start
from orchestrator.cli.session import Session, command
from tasks.errors import BadInput, DockwaveError

if TYPE_CHECKING:
    from orchestrator.screens.views import CampaignView

Procedure = Annotated[
    str | None,
    typer.Argument(help="Name of the procedure, unless -f says it; `dockwave procedures` lists them."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="Campaign file; flags win over it: docs/campaign-file.md."
    ),
]
Options = Annotated[
    list[str],
    typer.Option(
        "--option", "-O", metavar="KEY=VALUE", help="Any option of a campaign file: -O 'order={by: name}'."
    ),
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="PATTERN", help='Hosts: "web*:!web3", "prod:&eu", "region=eu,tier!=front".'),
]
Inventory = Annotated[
    list[Path], typer.Option("--inventory", "-i", metavar="FILE", help="Inventory; repeatable.")
]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Parameter of the procedure; repeatable.")
]
Waves = Annotated[str | None, typer.Option(metavar="LIST", help="Sizes of the waves: 1,10%,rest.")]
Parallel = Annotated[int | None, typer.Option(metavar="N", help="Hosts changing at the same time.")]
Monitor = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long each host is watched after its change: 30s.")
]
Delay = Annotated[str | None, typer.Option(metavar="TIME", help="Pause between waves: 5m.")]
MaxFailures = Annotated[
    str | None,
    typer.Option(metavar="N|P%", help="Failures tolerated in the whole campaign; one more stops it."),
]
ControlHosts = Annotated[
    int | None,
    typer.Option(metavar="N", help="Untouched hosts read before failed ones are rolled back; 0 = none."),
]
Quorum = Annotated[
    str | None,
    typer.Option(
        metavar="off|label|compose", help="Services of which no two hosts are ever away: label by default."
    ),
]
Window = Annotated[
    list[str],
    typer.Option(
        metavar="SPAN", help="When hosts may be started: 'Mon-Thu 09:00-16:00 Europe/Paris'; repeatable."
    ),
]
Blackout = Annotated[
    list[str],
    typer.Option(
        metavar="DATES", help="When none is started: 2026-12-24..2027-01-02, or an .ics file; repeatable."
    ),
]
Approval = Annotated[
    str | None, typer.Option(metavar="N:GROUP", help="Who must agree first: 2:sre, '2 of 3:sre'.")
]
OneWay = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Hosts with steps that cannot be taken back, above which somebody else must agree."
    ),
]
Gate = Annotated[
    list[str],
    typer.Option(
        metavar="KIND KEY=VALUE...",
        help="What is asked before going on: 'http url=http://shop/health at=wave'; repeatable.",
    ),
]
Notify = Annotated[
    list[str],
    typer.Option(metavar="CHANNEL:EVENT,...", help="Who is told: 'ops:paused,halted,finished'; repeatable."),
]
AllowUnreachable = Annotated[
    bool, typer.Option("--allow-unreachable", help="Plan although hosts do not answer.")
]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="table|json", help="json is stable: docs/cli.md.")
]
Details = Annotated[bool, typer.Option("--details", help="Every object, and why others are kept.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; never covers one-way steps.")]
DataLoss = Annotated[bool, typer.Option("--allow-data-loss", help="Accept steps that cannot be taken back.")]
Conflict = Annotated[
    str,
    typer.Option(
        metavar="queue|refuse", help="While another campaign is in the way: take turns, or do not start."
    ),
]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="Stop waiting after this; the campaign goes on (exit 8).")
]

#: seconds the hosts have to answer with their dry runs before we stop waiting for the plan
PLANNING_S = 600.0


@command
def plan(
    session: Session,
    procedure: Procedure = None,
    on: On = None,
    file: File = None,
    inventory: Inventory = [],  # noqa: B006 - typer copies it
    set_: Set = [],  # noqa: B006 - typer copies it
    options: Options = [],  # noqa: B006 - typer copies it
    waves: Waves = None,
    parallel: Parallel = None,
    monitor: Monitor = None,
    delay: Delay = None,
    max_failures: MaxFailures = None,
    control_hosts: ControlHosts = None,
    quorum: Quorum = None,
    window: Window = [],  # noqa: B006 - typer copies it
    blackout: Blackout = [],  # noqa: B006 - typer copies it
    approval: Approval = None,
    one_way_hosts: OneWay = None,
    gate: Gate = [],  # noqa: B006 - typer copies it
    notify: Notify = [],  # noqa: B006 - typer copies it
    allow_unreachable: AllowUnreachable = False,
    reason: Reason = None,
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

        check_plan(session, check, output, _asked(locals()), out=out)
    if out is not None:
        check_target(out, force=force)
    asked = _asked(locals())
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
    from orchestrator.campaign.conflict import OnConflict
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
    procedure: Procedure = None,
    on: On = None,
    file: File = None,
    inventory: Inventory = [],  # noqa: B006 - typer copies it
    set_: Set = [],  # noqa: B006 - typer copies it
    options: Options = [],  # noqa: B006 - typer copies it
    waves: Waves = None,
    parallel: Parallel = None,
    monitor: Monitor = None,
    delay: Delay = None,
    max_failures: MaxFailures = None,
    control_hosts: ControlHosts = None,
    quorum: Quorum = None,
    window: Window = [],  # noqa: B006 - typer copies it
    blackout: Blackout = [],  # noqa: B006 - typer copies it
    approval: Approval = None,
    one_way_hosts: OneWay = None,
    gate: Gate = [],  # noqa: B006 - typer copies it
    notify: Notify = [],  # noqa: B006 - typer copies it
    allow_unreachable: AllowUnreachable = False,
    reason: Reason = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", "-w", help="Follow it to its end.")] = True,
    yes: Yes = False,
    allow_data_loss: DataLoss = False,
    on_conflict: Conflict = "queue",
    timeout: Timeout = "0",
    output: Output = "table",
    details: Details = False,
) -> None:
    """Plan, ask, apply and follow, in one go."""
    from orchestrator.campaign.conflict import OnConflict
    from orchestrator.cli.flags import duration, one_of

    check_output(output)
    seconds = duration("--timeout", timeout)
    one_of("--on-conflict", on_conflict, OnConflict)
    view = make(session, _asked(locals()))
    if output == "table" or not view.final:
        show_on_stderr(session, view, details=details)
    if view.final:
        finish(session, view, output)
    accepted = confirm(session, view, yes=yes, allow_data_loss=allow_data_loss)
    answer = session.client.get(f"/v1/campaigns/{view.id}/plan")
    start(session, document_of(answer), accepted, on_conflict=on_conflict)
    after_start(session, view.id, output, watch=watch, timeout_s=seconds)


def _asked(values: dict[str, Any]) -> Any:
    from orchestrator.cli.request import Asked

    wanted = {name: values[name] for name in Asked.__dataclass_fields__ if name in values}
    names = ("inventory", "set_", "options", "window", "blackout", "gate", "notify")
    lists = {name: tuple(values[name]) for name in names}
    return Asked(**(wanted | lists))


def make(session: Session, asked: Any) -> CampaignView:
    """The finished plan of what was asked; an error when none could be made."""
    from orchestrator.campaign.words import plural
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
    from orchestrator.campaign.plan import canonical_json

    return {"document": canonical_json(answer["document"]).decode("ascii"), "sha256": answer["sha256"]}


def check_output(output: str, *, choices: tuple[str, ...] = ("table", "json")) -> None:
    """Refuse an output format that does not exist."""
    if output not in choices:
        raise BadInput(f"--output cannot be {output[:40]!r}", hint=f"Choose one of: {', '.join(choices)}.")


def _show_plan(session: Session, view: CampaignView, output: str, *, details: bool) -> None:
    from orchestrator.screens import plan_report

    if output == "json":
        print_json(session, view)
    else:
        session.print(plan_report.plan(view, details=details))


def show_on_stderr(session: Session, view: CampaignView, *, details: bool) -> None:
    """Show the plan before a person is asked; standard output stays free for the result."""
    from orchestrator.screens import plan_report

    session.print(plan_report.plan(view, details=details), progress=True)


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
