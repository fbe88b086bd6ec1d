"""`dockwave hosts`: what the inventory says, without a control plane, and whether its hosts can be worked on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import exits
from orchestrator.cli.session import Session, command
from orchestrator.screens.sanitize import clean
from tasks.errors import BadInput

if TYPE_CHECKING:
    from rich.table import Table

    from orchestrator.inventory.probe import HostCheck, Prober
    from tasks.model import Host, Inventory, SshHop

hosts_app = typer.Typer(no_args_is_help=True, help="Hosts of the inventory: list, show, check.")

#: an @FILE of host names larger than this is no list of hosts
_MAX_NAMES_BYTES = 1 << 20

#: columns of an output that is no terminal: as many as the longest row
_BOUNDLESS = 100_000


class Output(StrEnum):
    """How hosts are printed."""

    TABLE = "table"
    JSON = "json"
    NAME = "name"


class DetailOutput(StrEnum):
    """How one host, or a check, is printed."""

    TABLE = "table"
    JSON = "json"


Files = Annotated[
    list[Path] | None,
    typer.Option("-i", "--inventory", metavar="FILE", help="Inventory file; several merge left to right."),
]
Limit = Annotated[
    str | None,
    typer.Option(
        "-l", "--limit", "--on", metavar="PATTERN", help="Only these hosts, as in web*:!web3 or region=eu."
    ),
]


@hosts_app.command("list")
@command
def list_hosts(
    session: Session,
    inventory: Files = None,
    limit: Limit = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="Form of the output.")] = Output.TABLE,
) -> None:
    """List hosts and how they are reached."""
    loaded, hosts = _chosen(session, inventory, limit)
    match output:
        case Output.NAME:
            session.data("\n".join(host.name for host in hosts))
        case Output.JSON:
            _print_json(session, {"inventory": loaded.sources, "hosts": [host_view(host) for host in hosts]})
        case Output.TABLE:
            _print_table(session, _hosts_table(hosts))


@hosts_app.command("show")
@command
def show_host(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="HOST", help="Name of one host.")],
    inventory: Files = None,
    output: Annotated[
        DetailOutput, typer.Option("-o", "--output", help="Form of the output.")
    ] = DetailOutput.TABLE,
) -> None:
    """Show everything the inventory says about one host, groups and defaults merged."""
    host = _one(_load(session, inventory), name)
    if output is DetailOutput.JSON:
        _print_json(session, host_view(host))
    else:
        _print_table(session, _host_table(host))


@hosts_app.command("check")
@command
def check(
    session: Session,
    pattern: Annotated[
        str | None, typer.Argument(metavar="[PATTERN]", help="Only these hosts; the same as -l.")
    ] = None,
    inventory: Files = None,
    limit: Limit = None,
    output: Annotated[
        DetailOutput, typer.Option("-o", "--output", help="Form of the output.")
    ] = DetailOutput.TABLE,
) -> None:
    """Check the inventory, then whether each SSH host is reachable, known and fit for work; changes nothing."""
    from orchestrator.inventory.probe import check_hosts

    loaded, hosts = _chosen(session, inventory, pattern if limit is None else limit)
    session.say(
        f"inventory is sound: {len(loaded.hosts)} hosts, {len(loaded.groups)} groups; looking at {len(hosts)}"
    )
    answers = check_hosts(hosts, _prober())
    if output is DetailOutput.JSON:
        _print_json(session, {"hosts": [answer.model_dump(mode="json") for answer in answers]})
    else:
        _print_table(session, _checks_table(answers))
    bad = [answer for answer in answers if answer.ok is False or answer.error]
    session.say(f"{len(answers)} hosts: {sum(answer.ok is True for answer in answers)} fit, {len(bad)} not")
    if bad:
        raise typer.Exit(exits.EXCEPTIONS)


def _prober() -> Prober:
    """Give what looks at hosts; tests put another one in its place."""
    from orchestrator.inventory.probe import probe_by_gateway

    return probe_by_gateway


def inventory_files(given: Sequence[Path] | None, setting: str) -> tuple[Path, ...]:
    """Give the inventory files of -i, else those of the settings; BadInput when there is neither."""
    files = tuple(given or (Path(part) for part in setting.split(":") if part))
    if not files:
        raise BadInput("No inventory is given", hint="Name one with -i FILE, or set DOCKWAVE_INVENTORY.")
    return files


def read_names_file(path: str) -> str:
    """Give the text of an @FILE in a pattern; Flaw when it is no small text file."""
    from orchestrator.documents.problems import Flaw, shown

    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_MAX_NAMES_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Flaw(f"the file {shown(path)} cannot be read: {reason}", "Check the path after @.") from None
    if len(data) > _MAX_NAMES_BYTES:
        raise Flaw(f"the file {shown(path)} is larger than 1 MiB", "Write one host name per line.")
    return text


def host_view(host: Host) -> dict[str, Any]:
    """Give a host as `-o json` prints it: stable names, nothing secret."""
    return {
        "name": host.name,
        "connect": host.transport.value,
        "queue": host.queue,
        "pool": host.pool,
        "groups": list(host.groups),
        "labels": dict(host.labels),
        "engine_family": host.engine_family,
        "socket": host.socket,
        "sudo": host.sudo,
        "ssh": None if host.ssh is None else _hop_view(host.ssh),
        "jumps": [_hop_view(hop) for hop in host.jumps],
    }


def _hop_view(hop: SshHop) -> dict[str, Any]:
    return {
        "address": hop.address,
        "port": hop.port,
        "user": hop.user,
        "identity": hop.identity,
        "known_hosts": hop.known_hosts,
    }


def _load(session: Session, given: Sequence[Path] | None) -> Inventory:
    from orchestrator.inventory.load import load_inventory

    setting = "" if given else session.settings.inventory
    return load_inventory(inventory_files(given, setting))


def _chosen(
    session: Session, given: Sequence[Path] | None, limit: str | None
) -> tuple[Inventory, tuple[Host, ...]]:
    """Give the inventory and the hosts of the pattern; without -l all of them, since nothing here changes a host."""
    from orchestrator.inventory.selection import select

    loaded = _load(session, given)
    return loaded, select(loaded, "all" if limit is None else limit, read_file=read_names_file)


def _one(inventory: Inventory, name: str) -> Host:
    from orchestrator.documents.problems import did_you_mean, shown

    wanted = name.lower().removesuffix(".")
    for host in inventory.hosts:
        if host.name == wanted:
            return host
    fix = did_you_mean(
        name, (host.name for host in inventory.hosts), "`dockwave hosts list` names all hosts."
    )
    raise BadInput(f"No host is called {shown(name)}", hint=fix)


def _print_json(session: Session, value: Any) -> None:
    session.data(json.dumps(value, indent=2, ensure_ascii=True))


def _print_table(session: Session, table: Table) -> None:
    """Print a table; into a pipe it is as wide as it needs, so that nothing is cut."""
    console = session.out
    if not console.is_terminal:
        boundless = console.options.update(max_width=_BOUNDLESS)
        console.width = max(console.width, console.measure(table, options=boundless).maximum)
    console.print(table)


def _hosts_table(hosts: Sequence[Host]) -> Table:
    from orchestrator.screens.table import filled

    rows = ((host.name, _endpoint(host), host.queue, ",".join(host.groups), _labels(host)) for host in hosts)
    return filled(("HOST", "REACHED", "BY", "GROUPS", "LABELS"), rows)


def _host_table(host: Host) -> Table:
    from orchestrator.screens.table import filled

    ssh = host.ssh
    rows = [
        ("name", host.name),
        ("connect", host.transport.value),
        ("queue", host.queue),
        ("groups", ", ".join(host.groups) or "none"),
        ("labels", _labels(host) or "none"),
        ("engine family", host.engine_family),
        ("engine socket", host.socket),
    ]
    if ssh is not None:
        rows += [
            ("ssh", _hop(ssh)),
            ("jumps", " then ".join(_hop(hop) for hop in host.jumps) or "none"),
            ("sudo", "yes" if host.sudo else "no"),
            ("identity", ssh.identity or "the gateway's default"),
            ("known hosts", ssh.known_hosts or "the gateway's default"),
        ]
    return filled(("SETTING", "VALUE"), rows)


def _checks_table(answers: Sequence[HostCheck]) -> Table:
    from orchestrator.screens.table import filled

    verdicts = {True: "✔ fit", False: "✖ not fit", None: "? unknown"}
    rows = []
    for answer in answers:
        found = [f"{'' if one.ok else '✖ '}{one.name}: {clean(one.detail)}" for one in answer.checks]
        if answer.error is not None:
            found.append(
                f"{answer.error.code}: {clean(answer.error.message)} {clean(answer.error.hint)}".strip()
            )
        verdict = verdicts[False if answer.error and answer.ok is not None else answer.ok]
        rows.append((answer.host, verdict, "; ".join(found)))
    return filled(("HOST", "STATE", "FOUND"), rows, limit=2000)


def _endpoint(host: Host) -> str:
    return "own agent" if host.ssh is None else _hop(host.ssh)


def _hop(hop: SshHop) -> str:
    address = f"[{hop.address}]" if ":" in hop.address else hop.address
    return f"{hop.user}@{address}" + ("" if hop.port == 22 else f":{hop.port}")


def _labels(host: Host) -> str:
    return ",".join(f"{key}={value}" for key, value in host.labels.items())
