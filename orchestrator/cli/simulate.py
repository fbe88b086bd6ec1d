"""`simulate`: the engine itself on a virtual clock, for one campaign or against fault schedules.

No control plane and no host is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import exits
from orchestrator.cli.plan import (
    Approval,
    Blackout,
    Delay,
    Gate,
    Inventory,
    MaxFailures,
    Monitor,
    On,
    Options,
    Parallel,
    Set,
    Waves,
    Window,
    check_output,
)
from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

_MOST = 10_000_000
_CAMPAIGN, _WRONG, _SEEDS = "One campaign", "What goes wrong in it", "Fault schedules"

Source = Annotated[
    Path | None,
    typer.Argument(metavar="[PLAN|FILE]", help="Plan of `dockwave plan --out`, or a campaign file."),
]
Hosts = Annotated[
    int | None,
    typer.Option(metavar="N", help="Invent so many hosts: host-1, host-2, …", rich_help_panel=_CAMPAIGN),
]
Fail = Annotated[
    list[str],
    typer.Option(metavar="PATTERN:P%", help="These fail when changed; repeatable.", rich_help_panel=_WRONG),
]
Unreachable = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN:P%",
        help="These cannot be reached once planned; repeatable.",
        rich_help_panel=_WRONG,
    ),
]
Partition = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN:SECONDS",
        help="These are cut off once the first of them is at work; repeatable.",
        rich_help_panel=_WRONG,
    ),
]
Kill = Annotated[
    list[str],
    typer.Option(
        metavar="wave=N", help="Kill the orchestrator in this wave; repeatable.", rich_help_panel=_WRONG
    ),
]
Loss = Annotated[
    list[str],
    typer.Option(
        metavar="wave=N", help="Redis loses everything in this wave; repeatable.", rich_help_panel=_WRONG
    ),
]
GateAnswer = Annotated[
    list[str],
    typer.Option(
        metavar="NAME=pass|fail|inconclusive|error",
        help="What a gate answers; the others pass. Repeatable.",
        rich_help_panel=_WRONG,
    ),
]
Takes = Annotated[
    str | None,
    typer.Option(
        metavar="TIME[-TIME]", help="How long a host takes: 30s-5m (2s-12s).", rich_help_panel=_CAMPAIGN
    ),
]
Begin = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT",
        help="When it begins: 2026-12-24T15:00+01:00. A plan begins when it was made.",
        rich_help_panel=_CAMPAIGN,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="N", help="The same seed gives the same story.", rich_help_panel=_CAMPAIGN),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="How it is told.")]


@command
def simulate(
    session: Session,
    source: Source = None,
    hosts: Hosts = None,
    inventory: Inventory = [],  # noqa: B006 - typer copies it
    on: On = None,
    set_: Set = [],  # noqa: B006 - typer copies it
    options: Options = [],  # noqa: B006 - typer copies it
    waves: Waves = None,
    parallel: Parallel = None,
    monitor: Monitor = None,
    delay: Delay = None,
    max_failures: MaxFailures = None,
    window: Window = [],  # noqa: B006 - typer copies it
    blackout: Blackout = [],  # noqa: B006 - typer copies it
    approval: Approval = None,
    gate: Gate = [],  # noqa: B006 - typer copies it
    fail: Fail = [],  # noqa: B006 - typer copies it
    unreachable: Unreachable = [],  # noqa: B006 - typer copies it
    partition: Partition = [],  # noqa: B006 - typer copies it
    kill_orchestrator: Kill = [],  # noqa: B006 - typer copies it
    redis_loss: Loss = [],  # noqa: B006 - typer copies it
    gate_answer: GateAnswer = [],  # noqa: B006 - typer copies it
    takes: Takes = None,
    begin: Begin = None,
    seed: Seed = None,
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
    given = _given(locals())
    if fault_schedules is None:
        for flag in ("first_seed", "jobs"):
            if flag in given:
                raise BadInput(
                    f"--{flag.replace('_', '-')} goes with --fault-schedules only",
                    hint="Leave it out; a rehearsal takes --seed.",
                )
        _rehearse(session, given, output)
        return
    for flag in given.keys() - {"fault_schedules", "first_seed", "jobs"}:
        raise BadInput(
            f"--fault-schedules does not go with {_flag(flag)}: its seeds say everything",
            hint="Rehearse a campaign, or run seeds; not both at once.",
        )
    _run_seeds(session, fault_schedules, first_seed or 0, 1 if jobs is None else jobs)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What was typed."""
    unless = {"session": values["session"], "output": "text"}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in sorted(values.items())
        if value not in (None, [], unless.get(name))
    }


def _flag(name: str) -> str:
    names = {"set_": "--set", "options": "--option", "source": "a plan or file"}
    return names.get(name, f"--{name.replace('_', '-')}")


def _rehearse(session: Session, given: dict[str, Any], output: str) -> None:
    from orchestrator.cli.rehearse import Wish, scenario
    from orchestrator.cli.request import Asked
    from orchestrator.simulate.account import json_of, text_of
    from orchestrator.simulate.many import be_quiet
    from orchestrator.simulate.rehearsal import Rehearsal

    check_output(output, choices=("text", "json"))
    asked = {name: value for name, value in given.items() if name in Asked.__dataclass_fields__}
    own = {name: value for name, value in given.items() if name in Wish.__dataclass_fields__}
    wish = Wish(**own, asked=Asked(**({"procedure": None, "on": None, "inventory": ()} | asked)))
    wanted = scenario(wish, session.settings.inventory)
    be_quiet()
    gone = Rehearsal(wanted).run()
    session.data(json_of(wanted, gone) if output == "json" else "\n".join(text_of(wanted, gone)))


def _run_seeds(session: Session, schedules: int, seed: int, processes: int) -> None:
    from orchestrator.cli.flags import whole
    from orchestrator.simulate.many import run_seeds

    number = whole("--fault-schedules", schedules, least=1, most=_MOST)
    first = whole("--first-seed", seed, least=0, most=_MOST)
    bad = 0
    for verdict in run_seeds(first, number, whole("--jobs", processes, least=1, most=256)):
        if verdict.violations:
            bad += 1
            session.data(verdict.text)
    session.data(f"{number} schedules, {bad} violations")
    raise typer.Exit(exits.ERROR if bad else exits.DONE)
