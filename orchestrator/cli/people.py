"""`people`: who may decide by a token of their own. Tokens are made here and kept by their owners alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Output, check_output
from orchestrator.cli.session import Session, command
from tasks.errors import BadInput

people_app = typer.Typer(help="People with a token of their own, and their groups.", no_args_is_help=True)


@people_app.command("list")
@command
def listed(session: Session, output: Output = "table") -> None:
    """List the people the settings name, and their groups."""
    from orchestrator.settings.people import people_of

    check_output(output)
    people = people_of(session.settings.people)
    if output == "json":
        rows = [{"name": person.name, "groups": sorted(person.groups)} for person in people]
        session.data(json.dumps({"people": rows}, indent=2))
        return
    for person in people:
        session.data(f"{person.name}: {', '.join(sorted(person.groups)) or 'no group'}")
    if not people:
        session.say("The settings name nobody: whoever holds the shared token says who they are.")


@people_app.command("token")
@command
def token(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person: a lower-case name.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write the token here, for its owner alone.")],
    group: Annotated[list[str], typer.Option(metavar="GROUP", help="Of which group; repeatable.")] = [],  # noqa: B006 - typer copies it
) -> None:
    """Make a token for a person: the token goes into a private file, what the settings hold of it is printed."""
    import secrets

    from orchestrator.api.token import write_private
    from orchestrator.settings.people import parse_people, token_hash

    made = secrets.token_urlsafe(32)
    entry = {"token_sha256": token_hash(made), "groups": sorted(set(group))}
    try:
        parse_people({name: entry}, Path())
    except ValueError as error:
        raise BadInput(f"NAME or --group cannot be that: {error}", hint="Correct it.") from None
    try:
        written = write_private(out, made + "\n")
    except OSError as error:
        raise BadInput(
            f"--out {out} cannot be written: {error.strerror}", hint="Name another file."
        ) from None
    if not written:
        raise BadInput(f"--out {out} exists already", hint="Name another file, or remove it first.")
    session.data(f'[people."{name}"]')
    session.data(f'token_sha256 = "{entry["token_sha256"]}"')
    session.data(f"groups = {json.dumps(entry['groups'])}")
    session.say(f"The token of {name} is in {out}: hand it over, and use it by --token-file.")
    session.say("Put the lines above into the orchestrator's settings file and restart it.")
