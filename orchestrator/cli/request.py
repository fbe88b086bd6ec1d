"""What `plan` and `run` send: procedure, parameters, frozen hosts and policy, checked before anything leaves."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.campaign.policy import MAX_PARALLELISM
from orchestrator.campaign.waves import parse_share, parse_waves
from orchestrator.cli.flags import duration, settings_of, whole
from orchestrator.cli.hosts import inventory_files, read_names_file
from orchestrator.inventory.load import load_inventory
from orchestrator.inventory.selection import select
from tasks import catalog
from tasks.errors import BadInput
from tasks.model import Inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags of `plan` and `run`, as typed."""

    procedure: str
    on: str
    inventory: tuple[Path, ...]
    set_: tuple[str, ...] = ()
    waves: str | None = None
    parallel: int | None = None
    monitor: str = "0"
    delay: str = "0"
    max_failures: str | None = None
    allow_unreachable: bool = False
    reason: str = ""


def inventory_of(files: Sequence[Path], configured: str) -> Inventory:
    """The inventory of -i, or the configured one."""
    return load_inventory(inventory_files(files, configured))


def body_of(asked: Asked, configured: str) -> dict[str, Any]:
    """The body of POST /v1/plans."""
    procedure = catalog.find(asked.procedure)
    params = settings_of(asked.set_, procedure.params_type.model_json_schema())
    catalog.parse_params(procedure, params)
    inventory = inventory_of(asked.inventory, configured)
    hosts = select(inventory, asked.on, read_file=read_names_file)
    return {
        "procedure": asked.procedure,
        "params": params,
        "hosts": [asdict(host) for host in hosts],
        "protect": asdict(inventory.protect),
        "waves": _checked("--waves", asked.waves, parse_waves),
        "parallelism": None
        if asked.parallel is None
        else whole("--parallel", asked.parallel, least=1, most=MAX_PARALLELISM),
        "monitor_s": duration("--monitor", asked.monitor),
        "delay_s": duration("--delay", asked.delay),
        "max_failures": _checked(
            "--max-failures", asked.max_failures, lambda text: parse_share(text, zero=True)
        ),
        "allow_unreachable": asked.allow_unreachable,
        "reason": one_line("--reason", asked.reason),
        "author": author(),
    }


def author() -> str:
    """Who asks, for the record: the login name and the machine; authority comes from the token alone."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"unknown@{socket.gethostname()}"


def _checked(flag: str, text: str | None, parse: Any) -> str | None:
    if text is not None:
        try:
            parse(text)
        except ValueError as error:
            raise BadInput(
                f"{flag} cannot be {text[:80]!r}: {error}",
                hint=f"`dockwave plan --help` shows examples of {flag}.",
            ) from None
    return text


def one_line(flag: str, text: str) -> str:
    """The text, if it is one line of sane length."""
    if len(text) > 500 or any(ord(character) < 32 for character in text):
        raise BadInput(f"{flag} must be one line of at most 500 characters", hint="Shorten it.")
    return text
