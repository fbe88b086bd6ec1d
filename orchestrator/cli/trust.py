"""`hosts trust`: shows the keys hosts present, and records exactly those a person has seen and agreed to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import exits
from orchestrator.cli.session import Session, command
from tasks.errors import BadInput, DockwaveError

if TYPE_CHECKING:
    from tasks.model import Host

#: seconds all hosts together may take; each has a deadline of its own
_PATIENCE_S = 600.0


@command
def trust(
    session: Session,
    pattern: Annotated[str | None, typer.Argument(metavar="[PATTERN]", help="Only these hosts.")] = None,
    inventory: Annotated[
        list[Path] | None, typer.Option("-i", "--inventory", metavar="FILE", help="Inventory; repeatable.")
    ] = None,
    limit: Annotated[
        str | None, typer.Option("-l", "--limit", "--on", metavar="PATTERN", help="The same as PATTERN.")
    ] = None,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHA256:...",
            help="Accept this key without asking; repeatable. The only way without a terminal.",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Forget the known keys of these hosts: only when they were rebuilt."),
    ] = False,
) -> None:
    """Fetch the SSH keys of hosts, show their fingerprints, and record those you accept."""
    from orchestrator.cli.hosts import inventory_files, read_names_file
    from orchestrator.inventory.load import load_inventory
    from orchestrator.inventory.selection import select
    from orchestrator.screens.sanitize import clean
    from tasks.model import Transport

    loaded = load_inventory(inventory_files(inventory, "" if inventory else session.settings.inventory))
    chosen = select(loaded, _chosen(pattern, limit), read_file=read_names_file)
    hosts = [host for host in chosen if host.transport is Transport.SSH]
    if not hosts:
        raise BadInput(
            "None of these hosts is reached over SSH", hint="Hosts with an agent of their own need no key."
        )
    answers = _ask({"hosts": _plain(hosts)})
    _show(session, answers)
    accepted = _accepted(session, answers, tuple(fingerprint or ()))
    recorded = _record(session, [host for host in hosts if host.name in accepted], accepted, replace=replace)
    session.say(f"{sum(int(answer['added']) for answer in recorded)} keys recorded.")
    left = [answer["host"] for answer in answers if not _known(answer) and answer["host"] not in accepted]
    if left:
        session.say(f"not trusted yet: {clean(', '.join(left))}")
    if left or any(answer.get("error") for answer in (*answers, *recorded)):
        raise typer.Exit(exits.EXCEPTIONS)


def _record(
    session: Session, hosts: Sequence[Host], accepted: Mapping[str, list[str]], *, replace: bool
) -> list[dict[str, Any]]:
    """Record what was accepted; one answer per host, refusals shown."""
    if not hosts:
        return []
    request = {"hosts": _plain(hosts), "record": True, "replace": replace, "fingerprints": dict(accepted)}
    answers = _ask(request)
    for answer in answers:
        _show_error(session, answer)
    return answers


def _known(answer: Mapping[str, Any]) -> bool:
    """Whether connections to the host are let through already: one of the keys it shows is known."""
    return any(key["known"] for key in answer["keys"])


def _chosen(pattern: str | None, limit: str | None) -> str:
    if pattern is not None and limit is not None:
        raise BadInput("Hosts are chosen twice, by PATTERN and by -l", hint="Give one of them.")
    return next((text for text in (pattern, limit) if text is not None), "all")


def _plain(hosts: Sequence[Host]) -> Any:
    from pydantic import TypeAdapter

    from tasks.model import Host as Model

    return TypeAdapter(list[Model]).dump_python(list(hosts), mode="json")


def _ask(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The worker side's answers, one per host; it is a program of its own, never imported here."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "workers", "trust"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DockwaveError(
            "The hosts did not answer in time", code="E_TIMEOUT", hint="Choose fewer with -l."
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise DockwaveError(
            f"Keys cannot be fetched: {said[-1]}", hint="Install dockwave[gateway] on this machine."
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _show(session: Session, answers: Sequence[Mapping[str, Any]]) -> None:
    from orchestrator.screens.table import filled

    rows = (
        (answer["host"], key["type"], key["fingerprint"], "yes" if key["known"] else "no")
        for answer in answers
        for key in answer["keys"]
    )
    session.print(filled(("HOST", "TYPE", "FINGERPRINT", "KNOWN"), rows))
    for answer in answers:
        _show_error(session, answer)


def _show_error(session: Session, answer: Mapping[str, Any]) -> None:
    error = answer.get("error")
    if error:
        session.say(f"{answer['host']}: {error['code']}: {error['message']} {error['hint']}")


def _accepted(
    session: Session, answers: Sequence[Mapping[str, Any]], given: tuple[str, ...]
) -> dict[str, list[str]]:
    shown = {answer["host"]: [key["fingerprint"] for key in answer["keys"]] for answer in answers}
    if given:
        return {
            host: chosen for host, keys in shown.items() if (chosen := [key for key in keys if key in given])
        }
    seen = {
        answer["host"]: shown[answer["host"]] for answer in answers if answer["keys"] and not _known(answer)
    }
    if not seen:
        return {}
    if not session.at_terminal:
        session.say("Nobody is at the terminal to compare fingerprints; name accepted ones by --fingerprint.")
        return {}
    question = f"Compared with what the hosts' consoles say? Record the keys of {len(seen)} hosts"
    return seen if typer.confirm(question, err=True) else {}
