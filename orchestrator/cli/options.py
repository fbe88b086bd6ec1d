"""Options that mean the same in several verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from tasks.errors import BadInput

Parallel = Annotated[int | None, typer.Option(metavar="N", help="Hosts changing at the same time.")]
Monitor = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long each host is watched after its change: 30s.")
]
Delay = Annotated[str | None, typer.Option(metavar="TIME", help="Pause between waves: 5m.")]
AllowUnreachable = Annotated[
    bool, typer.Option("--allow-unreachable", help="Plan although hosts do not answer.")
]
Approval = Annotated[
    str | None, typer.Option(metavar="N:GROUP", help="Who must agree first: 2:sre, '2 of 3:sre'.")
]
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


def check_output(output: str, *, choices: tuple[str, ...] = ("table", "json")) -> None:
    """Refuse an output format that does not exist."""
    if output not in choices:
        raise BadInput(f"--output cannot be {output[:40]!r}", hint=f"Choose one of: {', '.join(choices)}.")
