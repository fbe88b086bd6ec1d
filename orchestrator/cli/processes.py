"""`up`, `down`, `status`, and each process by its own command: `orchestrator`, `worker`, `flower`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput, DockwaveError

PortBase = Annotated[
    int | None,
    typer.Option(metavar="PORT", help="First of three ports: API, Redis, Flower (7420, 7421, 7422)."),
]
Broker = Annotated[
    str | None, typer.Option(metavar="URL", help="A Redis of your own instead of the embedded one.")
]
Database = Annotated[str | None, typer.Option(metavar="URL", help="PostgreSQL instead of SQLite.")]
ApiPort = Annotated[int | None, typer.Option(metavar="PORT", help="Port of the API.")]
FlowerPort = Annotated[int | None, typer.Option(metavar="PORT", help="Port of Flower.")]
Inventory = Annotated[
    list[Path],
    typer.Option("--inventory", "-i", metavar="FILE", help="Serve its `local` hosts that are this machine."),
]


@command
def up(
    session: Session,
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Let agents on other hosts reach Redis here (password generated)."
        ),
    ] = "",
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything answers.")] = False,
    pool: Annotated[
        list[str] | None,
        typer.Option(metavar="POOL", help="Gateway pool to serve; repeatable; `default` without it."),
    ] = None,
    agent: Annotated[list[str], typer.Option(metavar="NAME", help="Agent for this host; repeatable.")] = [],  # noqa: B006 - typer copies it
    inventory: Inventory = [],  # noqa: B006 - typer copies it
    port_base: PortBase = None,
    api_port: ApiPort = None,
    flower_port: FlowerPort = None,
    broker_url: Broker = None,
    database_url: Database = None,
) -> None:
    """Start the whole control plane here: Redis, orchestrator, gateway worker, agents, Flower. Ctrl-C stops it."""
    from orchestrator.up.run import UpOptions
    from orchestrator.up.run import detach as start_detached
    from orchestrator.up.run import up as run_here
    from orchestrator.up.supervisor import GaveUp

    session = session.with_flags(
        beside_running=False,
        port_base=port_base,
        api_port=api_port,
        flower_port=flower_port,
        broker_url=broker_url,
        database_url=database_url,
    )
    agents = tuple(dict.fromkeys([_name(item, "--agent") for item in agent] + _own_hosts(inventory)))
    pools = tuple(dict.fromkeys(_name(item, "--pool") for item in pool or ["default"]))
    options = UpOptions(listen=_address(listen), pools=pools, agents=agents)
    if detach:
        state = start_detached(session.resolved, options, session.say)
        for name, url in state.urls.items():
            session.data(f"{name}: {url}")
        return
    try:
        run_here(session.resolved, options, session.say)
    except GaveUp as error:
        raise DockwaveError(str(error), code="E_GAVE_UP", hint="Mend the cause, then start again.") from None


def _address(text: str) -> str:
    from orchestrator.settings.values import PARSERS

    if not text:
        return ""
    try:
        address = str(PARSERS["api_address"](text, Path.cwd()))
    except ValueError as error:
        raise BadInput(f"--listen: {error}", hint="Give an IP address of this machine.") from None
    return address


def _name(text: str, flag: str) -> str:
    import re

    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,252}", text.strip().lower()):
        raise BadInput(
            f"{flag} cannot be {text[:80]!r}", hint="Letters, digits, dots and dashes; no option, no space."
        )
    return text.strip().lower()


def _own_hosts(files: list[Path]) -> list[str]:
    """Hosts of the inventory with `connect: local` whose name is this machine."""
    if not files:
        return []
    from orchestrator.inventory.load import load_inventory
    from orchestrator.up.ports import is_this_machine
    from tasks.model import Transport

    inventory = load_inventory(files)
    return [
        host.name
        for host in inventory.hosts
        if host.transport is Transport.LOCAL and is_this_machine(host.name)
    ]


@command
def down(session: Session) -> None:
    """Stop what `dockwave up` started in this data directory, and nothing else."""
    from orchestrator.up.down import down as stop

    data_dir = session.settings.data_dir
    if stop(data_dir, session.say):
        session.say("Dockwave is stopped.")
    else:
        session.say(f"Nothing is running in {data_dir}.")


@command
def status(
    session: Session, output: Annotated[str, typer.Option("--output", "-o", metavar="table|json")] = "table"
) -> None:
    """Show what runs here and where it answers. Exit 9 when nothing does."""
    from orchestrator.cli.exits import NoControlPlane
    from orchestrator.cli.options import check_output
    from orchestrator.up.down import running_state

    check_output(output)
    state = running_state(session.settings.data_dir)
    if state is None:
        answer = session.client.get("/v1/status")  # started by other means, or elsewhere
        session.data(json.dumps(answer, indent=2))
        return
    body = {
        "healthy": state.healthy,
        "supervisor": state.supervisor.pid,
        "processes": {
            name: {"pid": child.pid, "alive": child.alive(), "restarts": state.restarts.get(name, 0)}
            for name, child in state.children.items()
        },
        "urls": state.urls,
        "data_dir": str(session.settings.data_dir),
    }
    if output == "json":
        session.data(json.dumps(body, indent=2))
    else:
        for name, child in state.children.items():
            restarts = state.restarts.get(name, 0)
            again = f", restarted {restarts} times" if restarts else ""
            session.data(f"{'up  ' if child.alive() else 'down'}  {name} (process {child.pid}{again})")
        for name, url in state.urls.items():
            session.data(f"{name}: {url}")
    if not state.healthy:
        hint = f"Logs are in {session.settings.data_dir / 'logs'}."
        raise NoControlPlane("Not everything answers", hint=hint)


@command
def orchestrator(
    session: Session,
    api_port: ApiPort = None,
    api_address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address of the API.")] = None,
    broker_url: Broker = None,
    database_url: Database = None,
) -> None:
    """Run the orchestrator alone: API, reconcile loop, report consumer."""
    from orchestrator.up.serve import serve

    session = session.with_flags(
        api_port=api_port, api_address=api_address, broker_url=broker_url, database_url=database_url
    )
    serve(session.settings)


@command
def worker(
    session: Session,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="Agent of this host, on its local socket.")
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="POOL", help="Member of this pool, over SSH.")
    ] = None,
    broker_url: Broker = None,
    concurrency: Annotated[int | None, typer.Option(metavar="N", help="Orders at the same time.")] = None,
) -> None:
    """Run one worker: an agent for one host, or a member of a gateway pool."""
    from orchestrator.settings.settings import environment_of

    if (host is None) == (gateway is None):
        raise BadInput("A worker is either an agent or a gateway", hint="Give --host NAME or --gateway POOL.")
    option, name = ("--host", host) if host is not None else ("--gateway", gateway or "")
    name = _name(name, option)
    settings = session.with_flags(broker_url=broker_url, concurrency=concurrency).settings
    environ = os.environ | environment_of(settings)
    os.execve(sys.executable, [sys.executable, "-m", "workers", "run", option, name], environ)  # noqa: S606 - an argv


@command
def flower(session: Session, flower_port: FlowerPort = None, broker_url: Broker = None) -> None:
    """Run Flower alone: read-only, behind a generated password."""
    from orchestrator.up.place import open_data_dir
    from orchestrator.up.programs import flower_command

    settings = session.with_flags(flower_port=flower_port, broker_url=broker_url).settings
    open_data_dir(settings.data_dir)
    argv, environ = flower_command(settings, os.environ)
    session.say(
        f"Flower: http://{settings.flower_address}:{settings.flower_port} "
        f"(user {settings.flower_user}, password: {settings.flower_password_file})"
    )
    os.execve(argv[0], list(argv), environ)  # noqa: S606 - an argv
