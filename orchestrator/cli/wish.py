"""What `simulate` is asked to rehearse, and what goes wrong in it: its flags beside those of a campaign."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.asked import CampaignFlags

_CAMPAIGN, _WRONG = "One campaign", "What goes wrong in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(CampaignFlags):
    """The flags of a rehearsal, as typed."""

    source: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN|FILE]", help="Plan of `dockwave plan --out`, or a campaign file."),
    ] = None
    hosts: Annotated[
        int | None,
        typer.Option(metavar="N", help="Invent so many hosts: host-1, host-2, …", rich_help_panel=_CAMPAIGN),
    ] = None
    fail: Annotated[
        list[str],
        typer.Option(
            metavar="PATTERN:P%", help="These fail when changed; repeatable.", rich_help_panel=_WRONG
        ),
    ] = field(default_factory=list)
    unreachable: Annotated[
        list[str],
        typer.Option(
            metavar="PATTERN:P%",
            help="These cannot be reached once planned; repeatable.",
            rich_help_panel=_WRONG,
        ),
    ] = field(default_factory=list)
    partition: Annotated[
        list[str],
        typer.Option(
            metavar="PATTERN:SECONDS",
            help="These are cut off once the first of them is at work; repeatable.",
            rich_help_panel=_WRONG,
        ),
    ] = field(default_factory=list)
    kill_orchestrator: Annotated[
        list[str],
        typer.Option(
            metavar="wave=N", help="Kill the orchestrator in this wave; repeatable.", rich_help_panel=_WRONG
        ),
    ] = field(default_factory=list)
    redis_loss: Annotated[
        list[str],
        typer.Option(
            metavar="wave=N", help="Redis loses everything in this wave; repeatable.", rich_help_panel=_WRONG
        ),
    ] = field(default_factory=list)
    gate_answer: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=pass|fail|inconclusive|error",
            help="What a gate answers; the others pass. Repeatable.",
            rich_help_panel=_WRONG,
        ),
    ] = field(default_factory=list)
    takes: Annotated[
        str | None,
        typer.Option(
            metavar="TIME[-TIME]", help="How long a host takes: 30s-5m (2s-12s).", rich_help_panel=_CAMPAIGN
        ),
    ] = None
    begin: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="When it begins: 2026-12-24T15:00+01:00. A plan begins when it was made.",
            rich_help_panel=_CAMPAIGN,
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same seed gives the same story.", rich_help_panel=_CAMPAIGN),
    ] = None
