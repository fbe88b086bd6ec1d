"""`simulate`: the engine itself against fault schedules, on a virtual clock; no control plane and no host is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import exits
from orchestrator.cli.session import Session, command

_MOST = 10_000_000


@command
def simulate(
    session: Session,
    fault_schedules: Annotated[
        int, typer.Option("--fault-schedules", metavar="N", help="How many seeded schedules to run.")
    ],
    first_seed: Annotated[int, typer.Option("--first-seed", metavar="S", help="The first seed.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", metavar="J", help="Processes to share them.")] = 1,
) -> None:
    """Run the campaign engine on a virtual clock against seeded faults, and judge it by its laws."""
    from orchestrator.cli.flags import whole
    from orchestrator.simulate.many import run_seeds

    number = whole("--fault-schedules", fault_schedules, least=1, most=_MOST)
    first = whole("--first-seed", first_seed, least=0, most=_MOST)
    bad = 0
    for verdict in run_seeds(first, number, whole("--jobs", jobs, least=1, most=256)):
        if verdict.violations:
            bad += 1
            session.data(verdict.text)
    session.data(f"{number} schedules, {bad} violations")
    raise typer.Exit(exits.ERROR if bad else exits.DONE)
