"""`undo`: a finished campaign is taken back by a new one, after its preview."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.operate import Reason, Reference
from orchestrator.cli.options import (
    AllowUnreachable,
    Approval,
    DataLoss,
    Delay,
    Details,
    Monitor,
    Output,
    Parallel,
    Timeout,
    Yes,
    check_output,
)
from orchestrator.cli.session import Session, command
from tasks.errors import DockwaveError


@command
def undo(
    session: Session,
    campaign: Reference,
    wave: Annotated[
        int | None, typer.Option(metavar="N", help="Only hosts of this wave of the campaign.")
    ] = None,
    host: Annotated[list[str], typer.Option(metavar="HOST", help="Only this host; repeatable.")] = [],  # noqa: B006 - typer copies it
    parallel: Parallel = None,
    delay: Delay = None,
    monitor: Monitor = None,
    max_failures: Annotated[
        str | None,
        typer.Option(
            metavar="N|P%", help="Hosts that may fail on their way back; one more stops it. Default: all."
        ),
    ] = None,
    approval: Approval = None,
    options: Annotated[
        list[str],
        typer.Option(
            "--option",
            "-O",
            metavar="KEY=VALUE",
            help="More of the approval, as of a campaign file: -O approval.expires=1h.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    allow_unreachable: AllowUnreachable = False,
    reason: Reason = "",
    watch: Annotated[bool, typer.Option("--watch/--no-watch", "-w", help="Follow it to its end.")] = True,
    yes: Yes = False,
    allow_data_loss: DataLoss = False,
    timeout: Timeout = "0",
    output: Output = "table",
    details: Details = False,
) -> None:
    """Take a finished campaign back: show what comes back and what cannot, ask, and do it, last wave first."""
    from orchestrator.cli.consent import confirm, start
    from orchestrator.cli.flags import duration
    from orchestrator.cli.outcome import after_start
    from orchestrator.cli.planning import await_plan, document_of, show_on_stderr
    from orchestrator.screens.sanitize import clean

    check_output(output)
    seconds = duration("--timeout", timeout)
    body = _body(
        wave=wave,
        hosts=host,
        parallel=parallel,
        delay=delay,
        monitor=monitor,
        max_failures=max_failures,
        approval=approval,
        options=options,
        allow_unreachable=allow_unreachable,
        reason=reason,
    )
    old = session.client.campaign(campaign, full=False)
    answer = session.client.post(f"/v1/campaigns/{old.id}/undo", body)
    own = str(answer["id"])
    session.say(f"Campaign {own}: asking hosts what would bring them back to before {old.id}.")
    view = await_plan(session, own)
    show_on_stderr(session, view, details=details)
    for item in answer["left_out"]:
        session.say(f"stays as it is: {clean(item['host'])}: {clean(item['reason'])}")
    if not any(item.number for item in view.waves):
        raise DockwaveError(
            "No host has to be brought back, or can be; nothing was started",
            code="E_NOTHING_LEFT",
            hint=f"`dockwave show {own} --plan` says why for each host.",
        )
    accepted = confirm(session, view, yes=yes, allow_data_loss=allow_data_loss)
    start(session, document_of(session.client.get(f"/v1/campaigns/{own}/plan")), accepted)
    after_start(session, own, output, watch=watch, timeout_s=seconds)


def _body(
    *,
    wave: int | None,
    hosts: list[str],
    parallel: int | None,
    delay: str | None,
    monitor: str | None,
    max_failures: str | None,
    approval: str | None,
    options: list[str],
    allow_unreachable: bool,
    reason: str,
) -> dict[str, Any]:
    from orchestrator.cli.approval_flag import approval_body
    from orchestrator.cli.flags import duration, whole
    from orchestrator.cli.request import author, one_line

    body: dict[str, Any] = {
        "by": author(),
        "reason": one_line("--reason", reason),
        "allow_unreachable": allow_unreachable,
    }
    if hosts:
        body["hosts"] = [name.strip().lower() for name in hosts]
    if wave is not None:
        body["wave"] = whole("--wave", wave, least=1, most=100_000)
    if parallel is not None:
        body["parallelism"] = whole("--parallel", parallel, least=1, most=1_000)
    if delay is not None:
        body["delay_s"] = duration("--delay", delay)
    if monitor is not None:
        body["monitor_s"] = duration("--monitor", monitor)
    if max_failures is not None:
        body["max_failures"] = max_failures
    if approval is not None or options:
        body["approval"] = approval_body(approval, options)
    return body
