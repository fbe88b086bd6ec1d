"""`campaign init` and `campaign validate`: a file to begin with, and everything wrong with one; no control plane."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

if TYPE_CHECKING:
    from orchestrator.campaignfile.load import Campaign

#: waves, and hosts of each, told line by line
_SHOWN_WAVES, _SHOWN_HOSTS = 20, 10

campaign_app = typer.Typer(no_args_is_help=True, help="Campaign files: begin one, check one.")


@campaign_app.command("init")
@command
def init(
    session: Session,
    procedure: Annotated[str, typer.Argument(help="Its name; `dockwave procedures` lists them.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the --out file.")] = False,
) -> None:
    """Print a commented campaign file for a procedure; it is valid as it is."""
    from orchestrator.campaignfile.template import template
    from tasks import catalog

    text = template(catalog.find(procedure))
    if out is None:
        session.data(text)
        return
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadInput(
            f"--out {out} exists already", hint="Choose another name, or overwrite it with --force."
        ) from None
    except OSError as error:
        raise BadInput(
            f"--out {out} cannot be written: {error.strerror}", hint="Choose another path."
        ) from None
    session.say(f"Wrote {out}. Check it with: dockwave campaign validate {out}")


@campaign_app.command("validate")
@command
def validate(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Campaign file.")],
    inventory: Annotated[
        list[Path],
        typer.Option("--inventory", "-i", metavar="FILE", help="Also choose its hosts; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    options: Annotated[
        list[str], typer.Option("--option", "-O", metavar="KEY=VALUE", help="As of plan; repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    output: Annotated[str, typer.Option("--output", "-o", metavar="table|json")] = "table",
) -> None:
    """Say everything that is wrong with a campaign file, with line and column; exit code 2 when anything is."""
    from orchestrator.campaignfile.load import load_campaign_file
    from orchestrator.cli.options import check_output

    check_output(output)
    campaign = load_campaign_file(file, options=options)
    found = _found(campaign, inventory)
    if output == "json":
        session.data(json.dumps(found, indent=2))
        return
    session.say(f"{file} is sound: {found['procedure']} on {found['match']}")
    if "hosts" in found:
        sizes = ", ".join(str(size) for size in found["wave_sizes"])
        session.say(f"{len(found['hosts'])} hosts in waves of {sizes} (when all of them need it)")
        for line in _wave_lines(found["hosts"], found["wave_sizes"]):
            session.say(line)


def _wave_lines(hosts: list[str], sizes: list[int]) -> Iterator[str]:
    """Who goes when, one line a wave; many are told as a number."""
    left = iter(hosts)
    for number, size in enumerate(sizes[:_SHOWN_WAVES], start=1):
        names = list(islice(left, size))
        more = f" and {size - _SHOWN_HOSTS} more" if size > _SHOWN_HOSTS else ""
        yield f"wave {number}: {', '.join(names[:_SHOWN_HOSTS])}{more}"
    if len(sizes) > _SHOWN_WAVES:
        yield f"and {len(sizes) - _SHOWN_WAVES} more waves (-o json has every host in its order)"


def _found(campaign: Campaign, inventory: list[Path]) -> dict[str, Any]:
    """What the file comes to; with an inventory also its hosts and the sizes of its waves."""
    from orchestrator.campaign.policy import make_policy
    from orchestrator.campaign.waves import cut_waves
    from orchestrator.campaignfile.wish import wish_of
    from orchestrator.cli.request import chosen, inventory_of, waves_of
    from tasks import catalog

    wish = wish_of(campaign.model)
    found = {
        "procedure": campaign.model.procedure,
        "params": dict(campaign.params),
        "match": campaign.model.targets.match,
        "policy": wish,
    }
    if not inventory:
        return found
    hosts = chosen(inventory_of(inventory, ""), campaign)
    waves = wish.get("waves")
    if campaign.model.canary is not None and hosts:
        waves = waves_of(campaign, hosts, waves)
    policy = make_policy(catalog.find(campaign.model.procedure).spec.kind, waves=waves)
    return found | {
        "hosts": [host.name for host in hosts],
        "wave_sizes": list(cut_waves(len(hosts), policy.waves)),
    }
