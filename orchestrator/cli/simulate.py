"""`simulate`: the engine itself on a virtual clock, for one campaign or against fault schedules.

No control plane and no host is needed.
"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import exits
from orchestrator.cli.options import check_output
from orchestrator.cli.session import Session, command
from orchestrator.cli.wish import Wish
from tasks.errors import BadInput

_MOST = 10_000_000
_SEEDS = "Fault schedules"

Output = Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="How it is told.")]


@command
def simulate(
    session: Session,
    wish: Wish,
    output: Output = "text",
    fault_schedules: Annotated[
        int | None,
        typer.Option(
            "--fault-schedules", metavar="N", help="Run so many seeded schedules.", rich_help_panel=_SEEDS
        ),
    ] = None,
    first_seed: Annotated[
        int | None,
        typer.Option("--first-seed", metavar="S", help="The first seed (0).", rich_help_panel=_SEEDS),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="J", help="Processes to share them (1).", rich_help_panel=_SEEDS),
    ] = None,
) -> None:
    """Try a campaign on a virtual clock before it is run, or the engine against seeded faults."""
    if fault_schedules is None:
        for flag, value in (("--first-seed", first_seed), ("--jobs", jobs)):
            if value is not None:
                raise BadInput(
                    f"{flag} goes with --fault-schedules only",
                    hint="Leave it out; a rehearsal takes --seed.",
                )
        _rehearse(session, wish, output)
        return
    for flag in (*wish.given, *(["--output"] if output != "text" else [])):
        raise BadInput(
            f"--fault-schedules does not go with {flag}: its seeds say everything",
            hint="Rehearse a campaign, or run seeds; not both at once.",
        )
    _run_seeds(session, fault_schedules, first_seed or 0, 1 if jobs is None else jobs)


def _rehearse(session: Session, wish: Wish, output: str) -> None:
    from orchestrator.cli.rehearse import scenario
    from orchestrator.simulate.rehearsal.account import json_of, text_of
    from orchestrator.simulate.rehearsal.rehearsal import Rehearsal
    from orchestrator.simulate.schedules.many import be_quiet

    check_output(output, choices=("text", "json"))
    wanted = scenario(wish, session.settings.inventory)
    be_quiet()
    gone = Rehearsal(wanted).run()
    session.data(json_of(wanted, gone) if output == "json" else "\n".join(text_of(wanted, gone)))


def _run_seeds(session: Session, schedules: int, seed: int, processes: int) -> None:
    from orchestrator.cli.flags import whole
    from orchestrator.simulate.schedules.many import run_seeds

    number = whole("--fault-schedules", schedules, least=1, most=_MOST)
    first = whole("--first-seed", seed, least=0, most=_MOST)
    bad = 0
    for verdict in run_seeds(first, number, whole("--jobs", processes, least=1, most=256)):
        if verdict.violations:
            bad += 1
            session.data(verdict.text)
    session.data(f"{number} schedules, {bad} violations")
    raise typer.Exit(exits.ERROR if bad else exits.DONE)
