"""`diff`: two campaigns side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestrator.cli.session import Session, command
from orchestrator.cli.show import Output
from tasks.errors import BadInput


@command
def diff(
    session: Session,
    first: Annotated[str, typer.Argument(metavar="A", help="Campaign, or the beginning of its id.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The one it is compared with.")],
    output: Output = "table",
) -> None:
    """Compare two campaigns: what was asked, how hosts ended, and what differs first."""
    from orchestrator.cli.options import check_output
    from orchestrator.reporting.difference import compare
    from orchestrator.reporting.side_by_side import side_by_side

    check_output(output)
    a, b = (session.client.campaign(reference) for reference in (first, second))
    if a.id == b.id:
        raise BadInput(
            f"Both A and B are campaign {a.id}", hint="Name two campaigns; `dockwave ls` lists them."
        )
    found = compare(a, b)
    if output == "json":
        session.data(json.dumps(asdict(found), indent=2))
    else:
        session.print(side_by_side(a, b, found, datetime.now(tz=UTC)))
