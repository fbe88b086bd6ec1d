"""`config show`, `schema export` and `version`: what is set, from where; what files may contain; what this is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

config_app = typer.Typer(help="Settings and where each comes from.", no_args_is_help=True)
schema_app = typer.Typer(help="JSON Schemas for editors and checks.", no_args_is_help=True)


@config_app.command("show")
@command
def show(
    session: Session, output: Annotated[str, typer.Option("--output", "-o", metavar="table|json")] = "table"
) -> None:
    """Print every setting with the source that won; passwords are masked."""
    from orchestrator.cli.options import check_output
    from orchestrator.settings.settings import KNOWN, masked

    check_output(output)
    resolved = session.resolved
    rows = {
        name: {"value": masked(getattr(resolved.settings, name)), "source": resolved.sources[name]}
        for name in KNOWN
    }
    if output == "json":
        session.data(json.dumps({"settings": rows, "unknown_environment": list(resolved.foreign)}, indent=2))
        return
    from orchestrator.screens.table import filled

    cells = ((name, row["value"], row["source"]) for name, row in rows.items())
    session.print(filled(("SETTING", "VALUE", "SOURCE"), cells))
    for name in resolved.foreign:
        session.say(f"warning: {name} is set, but there is no such setting")


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema we promise to keep, by name."""
    from orchestrator.campaignfile.schema import campaign_json_schema
    from orchestrator.inventory.schema import inventory_json_schema
    from orchestrator.screens.views import CampaignView

    return {
        "inventory": inventory_json_schema(),
        "campaign": CampaignView.model_json_schema(),
        "campaign-file": campaign_json_schema(),
    }


@schema_app.command("export")
@command
def export(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(help="inventory, campaign or campaign-file; all without it.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="Write NAME.schema.json.")
    ] = None,
) -> None:
    """Print or write the JSON Schemas of the inventory file, of `show -o json` and of the campaign file."""
    found = schemas()
    if name is not None and name not in found:
        raise BadInput(f"There is no schema {name[:80]!r}", hint=f"Schemas: {', '.join(found)}.")
    chosen = {name: found[name]} if name else found
    if directory is None:
        session.data(json.dumps(chosen[name] if name else chosen, indent=2))
        return
    for key, schema in chosen.items():
        path = directory / f"{key}.schema.json"
        try:
            path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(
                f"{path} cannot be written: {error.strerror}", hint="Choose another --directory."
            ) from None
        session.say(f"Wrote {path}")


@command
def version(session: Session) -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        session.data(f"dockwave {of('dockwave')}")
    except PackageNotFoundError:
        session.data("dockwave (from a checkout)")
