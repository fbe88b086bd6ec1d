"""Finds the snapshot an earlier attempt left on the host, for a rollback ordered by its campaign's name."""

from __future__ import annotations

import json
import posixpath
import re

from pydantic import ValidationError

from tasks.connection import Command, Connection
from tasks.engine.cached import Cache, read_cache
from tasks.engine.host_facts import HostFacts
from tasks.record import Record

#: a campaign ("c12"), or one attempt of it ("c12/web-1/2")
SNAPSHOT_PATTERN = r"^[a-z0-9]{1,24}(?:/[a-z0-9][a-z0-9._-]{0,252}/[0-9]{1,6})?$"
_LIMIT = 32 << 20


class Goal(Record):
    """A snapshot found on the host, with the package files beside it."""

    attempt: str
    snapshot: HostFacts
    cache: Cache


def find_goal(host: Connection, snapshot_id: str, snapshot_dir: str) -> Goal | None:
    """The latest snapshot of a campaign on this host, or the one of the attempt named; None when there is none.

    Attempts of one host lie side by side in directories named after campaign and number, ours among them.
    """
    ours = posixpath.dirname(snapshot_dir)
    root = posixpath.dirname(ours)
    argv = ("find", root, "-mindepth", "2", "-maxdepth", "2", "-name", "before.json", "-printf", "%h\\0")
    listed = host.run(Command(argv=argv, timeout_s=30)).stdout.text.split("\0")
    for directory in latest_first(listed, snapshot_id):
        snapshot = _read(host, posixpath.join(directory, "before.json"))
        if snapshot is not None and directory != ours:
            cache = read_cache(host, posixpath.join(directory, "snapshot"))
            return Goal(attempt=posixpath.basename(directory), snapshot=snapshot, cache=cache)
    return None


def latest_first(directories: list[str], snapshot_id: str) -> tuple[str, ...]:
    """Attempt directories that belong to what was asked for, the highest attempt number first."""
    campaign, *rest = snapshot_id.split("/")
    number = rest[1] if rest else r"[0-9]+"
    pattern = re.compile(rf"^{re.escape(campaign)}-({number})-[0-9a-f]+$")
    found = [
        (int(match[1]), directory)
        for directory in directories
        if (match := pattern.match(posixpath.basename(directory)))
    ]
    return tuple(directory for _, directory in sorted(found, reverse=True))


def parse_snapshot(text: str) -> HostFacts | None:
    """The engine facts in a snapshot; None when it is another procedure's, or no snapshot at all."""
    try:
        values = json.loads(text)
        known = {name: values[name] for name in HostFacts.model_fields if name in values}
        snapshot = HostFacts.model_validate_json(json.dumps(known))
    except (ValueError, TypeError, ValidationError):
        return None
    return snapshot if snapshot.versions() else None


def _read(host: Connection, path: str) -> HostFacts | None:
    seen = host.run(Command(argv=("cat", "--", path), output_limit_bytes=_LIMIT)).stdout
    return None if seen.truncated else parse_snapshot(seen.text)
