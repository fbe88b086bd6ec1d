"""Whether hosts can be worked on, asked of the worker side as a separate program; it is never imported here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tasks.errors import DockwaveError, Unreachable
from tasks.model import Host, Transport

#: how the worker side is asked; answers are JSON lines
WORKERS = (sys.executable, "-m", "workers")

#: seconds for a batch of hosts asked side by side, and the size of such a batch on the other side
_BATCH_S = 90.0
_TOGETHER = 32

_HOSTS: TypeAdapter[list[Host]] = TypeAdapter(list[Host])


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Check(_Answer):
    """One thing looked at on a host."""

    name: str
    ok: bool
    detail: str = ""


class CheckError(_Answer):
    """Why a host could not be looked at."""

    code: str
    message: str
    hint: str = ""


class HostCheck(_Answer):
    """What was found on one host; `ok` None means that it was not looked at, which is no verdict."""

    host: str
    ok: bool | None = None
    checks: tuple[Check, ...] = ()
    error: CheckError | None = None


class Prober(Protocol):
    """Looks at hosts and says what it found, in the order asked; a host it says nothing about stays unknown."""

    def __call__(self, hosts: Sequence[Host], /) -> Iterable[HostCheck]:
        """Look at these hosts, all of them reached over SSH."""
        ...


def probe_by_gateway(hosts: Sequence[Host], /) -> Iterator[HostCheck]:
    """Look at hosts as a gateway on this machine sees them: reachable, key known, root, clock, engine."""
    yield from _ask("probe", hosts, HostCheck)


def check_hosts(hosts: Sequence[Host], prober: Prober = probe_by_gateway) -> tuple[HostCheck, ...]:
    """Give one answer per host, in order; hosts with an agent of their own are not looked at from here."""
    over_ssh = [host for host in hosts if host.transport is Transport.SSH]
    answers = {answer.host: answer for answer in prober(over_ssh)} if over_ssh else {}
    return tuple(
        answers.get(host.name) or (_silent(host) if host.transport is Transport.SSH else _own_agent(host))
        for host in hosts
    )


def _own_agent(host: Host) -> HostCheck:
    detail = "reached by its own agent, not from here"
    return HostCheck(host=host.name, checks=(Check(name="agent", ok=True, detail=detail),))


def _silent(host: Host) -> HostCheck:
    error = CheckError(
        code="E_TIMEOUT",
        message=f"{host.name}: no answer in time, so nothing is known.",
        hint=f"Try it alone: dockwave hosts check -l {host.name}",
    )
    return HostCheck(host=host.name, error=error)


def _ask(verb: str, hosts: Sequence[Host], answer: type[HostCheck]) -> Iterator[HostCheck]:
    """Run `python -m workers VERB` with the hosts on its standard input; what it says in time counts."""
    request = json.dumps({"hosts": _HOSTS.dump_python(list(hosts), mode="json")}).encode()
    limit_s = _BATCH_S * (1 + len(hosts) // _TOGETHER)
    try:
        done = subprocess.run(
            [*WORKERS, verb], input=request, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as late:
        lines, failure = late.stdout or b"", ""
    else:
        lines, failure = done.stdout, _failure(done) if done.returncode else ""
    if failure:
        raise DockwaveError(
            f"hosts cannot be looked at: {failure}", hint="Install dockwave[gateway] on this machine."
        )
    asked = {host.name for host in hosts}
    for line in lines.splitlines():
        try:
            found = answer.model_validate_json(line)
        except ValidationError as error:
            raise Unreachable(
                f"the {verb} program gave an unreadable answer: {error.error_count()} problems"
            ) from None
        if found.host in asked:
            yield found


def _failure(done: subprocess.CompletedProcess[bytes]) -> str:
    """Give the reason a program gave: its JSON error, or its last line."""
    text = done.stderr.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1] if text else f"it ended with status {done.returncode} and said nothing"
    try:
        said: Any = json.loads(last)
    except ValueError:
        return last
    return str(said.get("message", last)) if isinstance(said, dict) else last
