"""`procedures`: what can be done on a host, with its kind, runbook section, parameters and undo class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.session import Session, command


@command
def procedures(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="One procedure, with its parameters.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="table|json|name")] = "table",
) -> None:
    """List procedures, or describe one. Needs no control plane."""
    from orchestrator.cli.options import check_output
    from orchestrator.screens.views_catalogue import procedure_view
    from tasks import catalog

    check_output(output, choices=("table", "json", "name"))
    chosen = [catalog.find(name)] if name else list(catalog.load_all().values())
    views = [procedure_view(item) for item in chosen]
    if output == "json":
        session.data(json.dumps(views[0] if name else {"procedures": views}, indent=2))
    elif output == "name":
        session.data("".join(f"{view['name']}\n" for view in views))
    elif name:
        _describe(session, views[0])
    else:
        _table(session, views)


_KINDS = {"RO": "reads only", "CH": "changes, reversible", "DX": "loses data or history"}


def _table(session: Session, views: list[dict[str, Any]]) -> None:
    from orchestrator.screens.table import filled

    rows = ([view[key] for key in ("name", "kind", "seed", "undo", "summary")] for view in views)
    table = filled(("NAME", "KIND", "RUNBOOK", "UNDO", "SUMMARY"), rows)
    table.columns[0].no_wrap = True
    session.print(table)
    session.print("RO reads only, CH changes and can be undone, DX loses data or history")


def _describe(session: Session, view: Mapping[str, Any]) -> None:
    from rich.text import Text

    from orchestrator.screens.table import empty

    session.print(Text(f"{view['name']}: {view['summary']}", style="bold"))
    session.print(
        f"kind {view['kind']} ({_KINDS[view['kind']]}); undo {view['undo']}; runbook {view['seed']}; "
        f"at most {view['timeout_s']:g} s per host"
    )
    table = empty("PARAMETER", "TYPE", "DEFAULT", "MEANING")
    for item in view["parameters"]:
        default = "required" if item["required"] else json.dumps(item["default"])
        table.add_row(item["name"], Text(item["type"]), Text(default), Text(item["description"]))
    session.print(table if view["parameters"] else "It takes no parameters.")
