"""What a campaign is asked to be: the flags that `plan`, `run` and `simulate` share, written once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import AllowUnreachable, Approval, Delay, Monitor, Parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFlags:
    """Hosts, parameters and policy as typed; None, empty or False where nothing was."""

    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="PATTERN", help='Hosts: "web*:!web3", "prod:&eu", "region=eu,tier!=front".'
        ),
    ] = None
    inventory: Annotated[
        list[Path], typer.Option("--inventory", "-i", metavar="FILE", help="Inventory; repeatable.")
    ] = field(default_factory=list)
    set_: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="Parameter of the procedure; repeatable.")
    ] = field(default_factory=list)
    options: Annotated[
        list[str],
        typer.Option(
            "--option",
            "-O",
            metavar="KEY=VALUE",
            help="Any option of a campaign file: -O 'order={by: name}'.",
        ),
    ] = field(default_factory=list)
    waves: Annotated[str | None, typer.Option(metavar="LIST", help="Sizes of the waves: 1,10%,rest.")] = None
    parallel: Parallel = None
    monitor: Monitor = None
    delay: Delay = None
    max_failures: Annotated[
        str | None,
        typer.Option(metavar="N|P%", help="Failures tolerated in the whole campaign; one more stops it."),
    ] = None
    control_hosts: Annotated[
        int | None,
        typer.Option(metavar="N", help="Untouched hosts read before failed ones are rolled back; 0 = none."),
    ] = None
    quorum: Annotated[
        str | None,
        typer.Option(
            metavar="off|label|compose",
            help="Services of which no two hosts are ever away: label by default.",
        ),
    ] = None
    window: Annotated[
        list[str],
        typer.Option(
            metavar="SPAN", help="When hosts may be started: 'Mon-Thu 09:00-16:00 Europe/Paris'; repeatable."
        ),
    ] = field(default_factory=list)
    blackout: Annotated[
        list[str],
        typer.Option(
            metavar="DATES", help="When none is started: 2026-12-24..2027-01-02, or an .ics file; repeatable."
        ),
    ] = field(default_factory=list)
    approval: Approval = None
    one_way_hosts: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Hosts with steps that cannot be taken back, above which somebody else must agree.",
        ),
    ] = None
    gate: Annotated[
        list[str],
        typer.Option(
            metavar="KIND KEY=VALUE...",
            help="What is asked before going on: 'http url=http://shop/health at=wave'; repeatable.",
        ),
    ] = field(default_factory=list)
    notify: Annotated[
        list[str],
        typer.Option(
            metavar="CHANNEL:EVENT,...", help="Who is told: 'ops:paused,halted,finished'; repeatable."
        ),
    ] = field(default_factory=list)
    allow_unreachable: AllowUnreachable = False
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None

    @property
    def given(self) -> tuple[str, ...]:
        """The flags that were typed, as they are typed."""
        empty = type(self)()
        names = [item.name for item in fields(self) if getattr(self, item.name) != getattr(empty, item.name)]
        return tuple(flag_of(name) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(CampaignFlags):
    """The flags of `plan` and `run`: those of a campaign, and what to do."""

    procedure: Annotated[
        str | None,
        typer.Argument(help="Name of the procedure, unless -f says it; `dockwave procedures` lists them."),
    ] = None
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Campaign file; flags win over it: docs/campaign-file.md."
        ),
    ] = None


def flag_of(name: str) -> str:
    """How a field is typed: --max-failures, or its name in the usage line."""
    spelled = {"procedure": "PROCEDURE", "set_": "--set", "options": "--option", "source": "a plan or file"}
    return spelled.get(name, f"--{name.replace('_', '-')}")
