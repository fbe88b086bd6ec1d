"""`audit list|head|verify`: who did what, and the proof that nobody changed the log since it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.session import Session, command
from tasks.errors import BadInput, DockwaveError

if TYPE_CHECKING:
    from orchestrator.store.chain import Line, LogHead
    from orchestrator.store.store import Store

audit_app = typer.Typer(help="The append-only log: who did what, and whether it is as it was written.")

#: lines asked for at once
_PAGE = 2000

Database = Annotated[
    str | None,
    typer.Option(
        "--database-url", metavar="URL", help="Read this database itself instead of asking the orchestrator."
    ),
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="table|json", help="json is stable: docs/cli.md.")
]

#: gives lines above a number
Pages = Callable[[int], "Sequence[Line]"]


class AuditBroken(DockwaveError):
    """The log is not as it was written."""

    default_code = "E_AUDIT_BROKEN"


@audit_app.command("list")
@command
def list_lines(
    session: Session,
    campaign: Annotated[str, typer.Option(metavar="ID", help="Only this campaign.")] = "",
    limit: Annotated[int, typer.Option(metavar="N", help="Newest lines at most.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Every line, not only what persons did.")] = False,
    database_url: Database = None,
    output: Output = "table",
) -> None:
    """Show who did what, when, why, and under which plan; newest first."""
    from orchestrator.cli.flags import whole
    from orchestrator.cli.options import check_output

    check_output(output)
    most = whole("--limit", limit, least=1, most=5000)
    body: dict[str, Any]
    if database_url is not None:
        body = {"lines": _newest(database_url, campaign, people=not everything, limit=most)}
    else:
        wanted: dict[str, str | int] = {"limit": most, "people": "false" if everything else "true"}
        if campaign:
            wanted["campaign"] = session.client.campaign(campaign, full=False).id
        body = session.client.get("/v1/audit", **wanted)
    if output == "json":
        session.data(json.dumps(body, indent=2))
    else:
        session.print(_table(body["lines"]))


@audit_app.command()
@command
def head(session: Session, database_url: Database = None, output: Output = "table") -> None:
    """Print LENGTH:HASH of the log; kept elsewhere, it shows later whether the log was cut or rewritten."""
    from orchestrator.cli.options import check_output

    check_output(output)
    found = _head(session, database_url)
    if output == "json":
        session.data(json.dumps({"length": found.length, "chain": found.chain}))
    else:
        session.data(str(found))


@audit_app.command()
@command
def verify(
    session: Session,
    database_url: Database = None,
    anchor: Annotated[
        str, typer.Option("--head", metavar="LENGTH:HASH", help="What `audit head` printed before.")
    ] = "",
) -> None:
    """Check every line of the log against its hash; exit 1 and say where when it is not as it was written."""
    from orchestrator.store.chain import Verifier

    verifier = Verifier(_anchor(anchor) if anchor else None)
    with _pages(session, database_url) as after:
        seq = 0
        while lines := after(seq):
            verifier.follow(lines)
            seq = lines[-1].seq
    problems = list(verifier.problems())
    if problems:
        raise _broken(problems)
    session.data(f"{verifier.head.length} lines, each as it was written; head {verifier.head}")
    if not anchor:
        session.say("A log whose end was cut off, or that was rewritten whole, only shows against --head.")


def _broken(problems: Sequence[str]) -> AuditBroken:
    more = f" (and {len(problems) - 10} more places)" if len(problems) > 10 else ""
    return AuditBroken(
        f"The log is not as it was written: {'; '.join(problems[:10])}{more}",
        hint="Keep a copy of the database as it is; compare with the hosts' own journals and with a backup",
    )


def _anchor(text: str) -> LogHead:
    from orchestrator.store.chain import LogHead

    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if found is None:
        raise BadInput(
            f"--head cannot be {text[:100]!r}",
            hint="Give the line that `dockwave audit head` printed: LENGTH:HASH",
        )
    return LogHead(length=int(found[1]), chain=found[2])


def _head(session: Session, database_url: str | None) -> LogHead:
    from orchestrator.store.chain import LogHead

    if database_url is None:
        body = session.client.get("/v1/audit/head")
        return LogHead(length=int(body["length"]), chain=str(body["chain"]))
    with _reading(database_url) as store, store.read() as reader:
        return reader.log_head()


def _newest(database_url: str, campaign: str, *, people: bool, limit: int) -> list[dict[str, Any]]:
    from orchestrator.api.audit import told
    from orchestrator.screens.sanitize import clean_json

    with _reading(database_url) as store, store.read() as reader:
        found = reader.newest_events(campaign_id=campaign or None, people=people, limit=limit)
    return [clean_json(told(line, plan_hash)) for line, plan_hash in found]


@contextmanager
def _pages(session: Session, database_url: str | None) -> Iterator[Pages]:
    """Give what reads the log: the API, or the database itself in one moment."""
    if database_url is None:
        yield lambda seq: [
            _line(item) for item in session.client.get("/v1/audit/lines", after=seq, limit=_PAGE)["lines"]
        ]
        return
    with _reading(database_url) as store, store.read() as reader:
        yield lambda seq: reader.lines_after(seq, _PAGE)


@contextmanager
def _reading(database_url: str) -> Iterator[Store]:
    from orchestrator.cli.database_flag import named
    from orchestrator.store.store import Store

    store = Store.look_at(named(database_url))
    try:
        yield store
    finally:
        store.close()


def _line(item: dict[str, Any]) -> Line:
    from orchestrator.store.chain import Line

    return Line(**(item | {"at": datetime.fromisoformat(item["at"])}))


def _table(lines: Sequence[dict[str, Any]]) -> Any:
    from rich.text import Text

    from orchestrator.screens.table import filled

    if not lines:
        return Text("Nobody did anything yet.")
    rows = (
        (
            line["seq"],
            f"{datetime.fromisoformat(line['at']):%Y-%m-%d %H:%M:%S}",
            *(line[key] for key in ("by", "kind", "campaign", "host")),
            line["plan_hash"][:12],
            line["reason"],
        )
        for line in lines
    )
    return filled(("LINE", "WHEN (UTC)", "WHO", "WHAT", "CAMPAIGN", "HOST", "PLAN", "WHY"), rows)
