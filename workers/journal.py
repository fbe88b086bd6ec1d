"""What this host did, by attempt, kept on the host itself: write first, act, write again.

Layout below HostPaths.root (owned by root, 0700): `epoch` is the highest epoch seen; `stop` is the kill switch;
one directory per attempt holds `order.json`, `before.json` (the snapshot), `journal` (one JSON entry a line,
appended and fsynced), `halt` (no further step of it is done) and `snapshot/` (cached packages and the like). The
scripts below are constants; every value reaches them as an argument or on standard input, never inside their text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.connection import Command, CommandResult, Connection
from tasks.errors import DockwaveError
from tasks.wire import Order
from workers.host_record import Entry, HostRecord, parse_host_record, siblings, slug


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """Where Dockwave keeps its things on a host; only tests use other places."""

    root: str = "/var/lib/dockwave"
    lock: str = "/run/lock/dockwave.lock"

    def attempt(self, attempt_id: str) -> str:
        """Directory of one attempt."""
        return f"{self.root}/attempts/{slug(attempt_id)}"


#: bytes of one attempt's files read back at most
READ_LIMIT = 32 << 20

_READ = """
cd "$1" 2>/dev/null || cd /
printf 'time %s\\n' "$(date +%s.%N)"
printf 'boot %s-%s\\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(cut -d' ' -f22 /proc/1/stat)"
printf 'machine %s\\n' "$(cat /etc/machine-id 2>/dev/null)"
printf 'kernel %s\\n' "$(uname -r)"
printf 'epoch %s\\n' "$(cat "$1/epoch" 2>/dev/null)"
[ -e "$1/stop" ] && printf 'stop %s\\n' "$(head -c 200 "$1/stop" | tr -d '\\n')"
[ -e "$1/attempts/$2/halt" ] && printf 'halt %s\\n' "$(head -c 200 "$1/attempts/$2/halt" | tr -d '\\n')"
systemctl list-units --all --plain --no-legend --no-pager 'dockwave-*.service' 2>/dev/null | sed 's/^/unit /'
cd "$1/attempts" 2>/dev/null && for d in $3; do
  [ "$d" = "$2" ] || [ ! -e "$d/journal" ] || printf 'sibling %s %s\\n' "$d" "$(head -n 1 "$d/journal")"
done
printf 'journal\\n'
cat "$1/attempts/$2/journal" 2>/dev/null || true
"""

_ACCEPT = """
set -eu
umask 077
d="$1/attempts/$2"
mkdir -p "$d/snapshot"
chmod 0700 "$1" "$1/attempts" "$d"
cat > "$d/order.json.new"
mv -T "$d/order.json.new" "$d/order.json"
printf '%s\\n' "$3" > "$1/epoch.new"
mv -T "$1/epoch.new" "$1/epoch"
printf '%s\\n' "$4" >> "$d/journal"
sync "$d/order.json" "$1/epoch" "$d/journal" "$d" "$1/attempts" "$1"
"""

_APPEND = """
set -eu
cat >> "$1"
sync "$1"
"""

#: the same, unless somebody wants the attempt to stop
_INTEND = """
set -eu
[ ! -e "$2" ] || exit 75
cat >> "$1"
sync "$1"
"""

_HALT = """
set -eu
umask 077
d="$1/attempts/$2"
mkdir -p "$d"
chmod 0700 "$1" "$1/attempts" "$d"
printf '%s\\n' "$3" > "$d/halt.new"
mv -T "$d/halt.new" "$d/halt"
sync "$d/halt" "$d"
"""
#: exit code of _INTEND when nothing was written
_HALTED = 75

_STORE = """
set -eu
umask 077
cat > "$1.new"
sync "$1.new"
mv -T "$1.new" "$1"
sync "$2"
"""


class Journal:
    """One attempt's journal on one host."""

    def __init__(self, connection: Connection, attempt_id: str, paths: HostPaths | None = None) -> None:
        """Look at the attempt through this connection; reads and writes nothing yet."""
        where = paths or HostPaths()
        self._connection = connection
        self._root = where.root
        self._slug = slug(attempt_id)
        self._siblings = siblings(attempt_id)
        self.dir = where.attempt(attempt_id)

    def read(self) -> HostRecord:
        """Read the host's record of the attempt."""
        return parse_host_record(self._script(_READ, self._root, self._slug, self._siblings, what="read"))

    def accept(self, order: Order, entry: Entry) -> None:
        """Take the order: from now on the host knows it, and refuses lower epochs. Call under the host's lock."""
        body = order.model_dump_json().encode()
        line = entry.line().decode().rstrip("\n")
        self._script(_ACCEPT, self._root, self._slug, str(order.epoch), line, stdin=body, what="accept")

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries, fsynced before it returns."""
        body = b"".join(entry.line() for entry in entries)
        self._script(_APPEND, f"{self.dir}/journal", stdin=body, what="append")

    def intend(self, entries: Iterable[Entry]) -> bool:
        """Write that a step is about to be done; False, and nothing written, when the attempt is to stop instead."""
        body = b"".join(entry.line() for entry in entries)
        places = (f"{self.dir}/journal", f"{self.dir}/halt")
        result = self._run(_INTEND, *places, stdin=body)
        if result.exit_code == _HALTED:
            return False
        self._must(result, "append")
        return True

    def halt(self, reason: str) -> None:
        """Let no further step of the attempt be done, by whomever; one that was not accepted yet never is."""
        self._script(_HALT, self._root, self._slug, reason, what="halt")

    def store(self, name: str, content: bytes) -> None:
        """Keep a file beside the journal, whole or not at all."""
        self._script(_STORE, f"{self.dir}/{name}", self.dir, stdin=content, what="store")

    def load(self, name: str) -> bytes | None:
        """Read a file kept beside the journal; None when there is none."""
        path = f"{self.dir}/{name}"
        command = Command(argv=("cat", "--", path), output_limit_bytes=READ_LIMIT)
        result = self._connection.run(command)
        if not result.ok:
            return None
        if result.stdout.truncated:
            raise DockwaveError(f"{path} is larger than {READ_LIMIT} bytes", code="E_TOO_LARGE")
        return result.stdout.data

    def order(self) -> Order | None:
        """The order as the host accepted it; None when it has none."""
        content = self.load("order.json")
        return None if content is None else Order.model_validate_json(content)

    def _script(self, script: str, *args: str, stdin: bytes = b"", what: str) -> bytes:
        return self._must(self._run(script, *args, stdin=stdin), what)

    def _run(self, script: str, *args: str, stdin: bytes) -> CommandResult:
        return self._connection.run(
            Command(argv=("sh", "-c", script, "dockwave", *args), stdin=stdin, output_limit_bytes=READ_LIMIT)
        )

    def _must(self, result: CommandResult, what: str) -> bytes:
        if not result.ok:
            raise DockwaveError(
                f"The journal on {self._connection.host_name} could not be used ({what}): "
                f"{result.stderr.text.strip()[:300] or f'exit {result.exit_code}'}",
                code="E_JOURNAL",
                hint=f"Check free space and rights of {self._root} on the host.",
            )
        return result.stdout.data
