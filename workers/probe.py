"""Two questions about hosts, for the command line: can a gateway work there (`probe`), and who is there (`trust`).

Both take one JSON request and give one JSON answer per host; a host that cannot be reached is an answer, not an error.

probe: {"hosts": [Host…]} -> {"host", "ok", "checks": [{"name", "ok", "detail"}], "error": {code, message, hint} | null}
trust: {"hosts": [Host…], "record": false, "replace": false}
       -> {"host", "known_hosts", "keys": [{"type", "fingerprint", "base64", "known"}], "added": n, "error": … | null}
With "record", only the keys listed in the request's "fingerprints" {host: [SHA256:…]} are written, so that what is
trusted is what a person has seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.connection import Command, Connection
from tasks.errors import BadInput, DockwaveError
from tasks.model import Host
from workers.connections.keyscan import fetch_host_keys
from workers.connections.keyscan import trust as record_keys
from workers.connections.known_hosts import known_name, load_known_hosts
from workers.connections.link import known_hosts_path
from workers.connections.pool import ConnectionPool
from workers.connections.settings import SshSettings
from workers.journal import Journal

_HOSTS: TypeAdapter[list[Host]] = TypeAdapter(list[Host])
#: hosts asked at the same time
_TOGETHER = 32
#: clock difference that is worth a warning, seconds (procedures, rule 13)
_SKEW_S = 5.0

Answer = dict[str, Any]


def probe(request: Mapping[str, Any]) -> Iterator[Answer]:
    """Check each host as a gateway would see it, answers in the order of the request."""
    hosts = _hosts(request)
    pool = ConnectionPool()
    try:
        with ThreadPoolExecutor(max_workers=_TOGETHER, thread_name_prefix="probe") as threads:
            yield from threads.map(lambda host: _probe_one(pool, host), hosts)
    finally:
        pool.close_all()


def trust(request: Mapping[str, Any]) -> Iterator[Answer]:
    """Fetch each host's keys and, when asked, record those whose fingerprints the request names."""
    wanted: Mapping[str, list[str]] = request.get("fingerprints") or {}
    for host in _hosts(request):
        yield _trust_one(
            host,
            record=bool(request.get("record")),
            replace=bool(request.get("replace")),
            fingerprints=frozenset(wanted.get(host.name, ())),
        )


def _hosts(request: Mapping[str, Any]) -> list[Host]:
    try:
        return _HOSTS.validate_python(request.get("hosts"))
    except ValidationError as error:
        raise BadInput(f"The request's hosts are not readable: {error.error_count()} problems") from None


def _probe_one(pool: ConnectionPool, host: Host) -> Answer:
    checks: list[Answer] = []
    try:
        with pool.get(host) as connection:
            _check_host(connection, checks)
    except DockwaveError as error:
        return {"host": host.name, "ok": False, "checks": checks, "error": _error(error)}
    return {"host": host.name, "ok": all(check["ok"] for check in checks), "checks": checks, "error": None}


def _check_host(connection: Connection, checks: list[Answer]) -> None:
    began = time.time()
    record = Journal(connection, "probe/probe/0").read()
    skew = record.time - (began + time.time()) / 2
    _note(checks, "reachable", ok=True, detail=f"machine-id {record.machine_id or 'missing'}")
    _note(checks, "clock", ok=abs(skew) <= _SKEW_S, detail=f"{skew:+.1f} s against this machine")
    who = connection.run(Command(argv=("id", "-u"), timeout_s=15)).stdout.text.strip()
    _note(checks, "root", ok=who == "0", detail="commands run as root" if who == "0" else f"uid {who}")
    systemd = connection.run(
        Command(argv=("systemctl", "is-active", "docker.service"), timeout_s=15)
    ).stdout.text.strip()
    # docker.socket would start the daemon if we simply connected
    _note(checks, "docker.service", ok=systemd == "active", detail=systemd or "systemd does not answer")
    if systemd == "active":
        version = connection.engine().version()
        info = connection.engine().info()
        detail = f"{version.get('Version')} (API {version.get('ApiVersion')})"
        _note(checks, "engine", ok=True, detail=detail)
        live = bool(info.get("LiveRestoreEnabled"))
        _note(
            checks,
            "live-restore",
            ok=True,
            detail="on" if live else "off: an engine restart stops containers",
        )
    if record.stop is not None:
        _note(checks, "kill switch", ok=False, detail=record.stop or "set, no reason given")


def _trust_one(host: Host, *, record: bool, replace: bool, fingerprints: frozenset[str]) -> Answer:
    if host.ssh is None:
        return {"host": host.name, "known_hosts": None, "keys": [], "added": 0, "error": None}
    path = known_hosts_path(host.ssh, SshSettings())
    answer: Answer = {"host": host.name, "known_hosts": str(path), "keys": [], "added": 0, "error": None}
    try:
        keys = fetch_host_keys(host.ssh, host.jumps, name=host.name)
        known = load_known_hosts(path).keys(known_name(host.ssh))
        answer["keys"] = [
            {"type": key.type, "fingerprint": key.fingerprint, "base64": key.base64, "known": key in known}
            for key in keys
        ]
        if record:
            seen = [key for key in keys if key.fingerprint in fingerprints]
            answer["added"] = record_keys(path, host.ssh, seen, replace=replace)
    except DockwaveError as error:
        answer["error"] = _error(error)
    return answer


def _note(checks: list[Answer], name: str, *, ok: bool, detail: str) -> None:
    checks.append({"name": name, "ok": ok, "detail": detail})


def _error(error: DockwaveError) -> Answer:
    return {"code": error.code, "message": error.message, "hint": error.hint}
