"""How procedures reach a host: the Connection and Engine contracts, and the records that cross them.

Everything a host says is bytes of unknown quality: capped, never trusted, decoded only for display or by
a parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

#: a JSON object as the Engine API sends it; parsers in tasks.facts turn it into records
JsonObject: TypeAlias = dict[str, Any]


class Secret(str):
    """A text that shows itself to nobody: repr, str() in f-strings and logs print ***."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide the value."""
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Hide the value in format strings too."""
        return "***"

    def reveal(self) -> str:
        """Give the value to the one place that needs it."""
        return str.__str__(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program run on a host: an argv, never a shell string."""

    argv: tuple[str, ...]
    #: what the program reads; stdin is closed after it
    stdin: bytes = b""
    #: added to the environment (passed through `env`, so it works without AcceptEnv); LC_ALL=C always is
    env: Mapping[str, str] = field(default_factory=dict)
    #: seconds until DeadlineExceeded; the remote process may go on, so changing commands run as units instead
    timeout_s: float = 60.0
    #: run as root: prefixed by `sudo -n --` where the login user is not root
    privileged: bool = True
    #: bytes kept of each stream: the first and last halves
    output_limit_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a program wrote on one stream: all of it, or head and tail with the true size."""

    head: bytes = b""
    tail: bytes = b""
    #: bytes written in all
    size_bytes: int = 0

    @property
    def truncated(self) -> bool:
        """Whether the middle is missing."""
        return self.size_bytes > len(self.head) + len(self.tail)

    @property
    def data(self) -> bytes:
        """Every byte that was kept."""
        return self.head + self.tail

    @property
    def text(self) -> str:
        """The kept bytes as text; wrong bytes become U+FFFD, a gap is named."""
        gap = f"\n[... {self.size_bytes - len(self.data)} bytes left out ...]\n" if self.truncated else ""
        return self.head.decode("utf-8", "replace") + gap + self.tail.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a program ended."""

    argv: tuple[str, ...]
    #: exit status; 128+n when ended by signal n
    exit_code: int
    stdout: Output
    stderr: Output
    duration_s: float

    @property
    def ok(self) -> bool:
        """Whether it exited 0; proof of success is read back from the host, not taken from here."""
        return self.exit_code == 0


class HostLock(Protocol):
    """The host's exclusive lock, held as long as the connection lives."""

    def held(self) -> bool:
        """Whether the lock is still ours, as far as the connection can tell right now."""
        ...

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        ...


class Engine(Protocol):
    """The part of the Docker Engine API that procedures use; answers are the API's own JSON.

    Every method raises EngineError (status, code E_DAEMON_DOWN / E_DAEMON_UNRESPONSIVE / E_API), never a
    library's own error.
    """

    @property
    def api_version(self) -> tuple[int, int]:
        """The negotiated API version, (1, 41) and up; below that the connection refuses (E_API_TOO_OLD)."""
        ...

    def ping(self, timeout_s: float = 5.0) -> None:
        """Return when the daemon answers /_ping."""
        ...

    def version(self) -> JsonObject:
        """GET /version."""
        ...

    def info(self) -> JsonObject:
        """GET /info."""
        ...

    def disk_usage(self, timeout_s: float = 300.0) -> JsonObject:
        """GET /system/df (all types)."""
        ...

    def containers(self, timeout_s: float = 60.0) -> list[JsonObject]:
        """GET /containers/json?all=1 (state of every container, size not asked)."""
        ...

    def container(self, ref: str) -> JsonObject:
        """GET /containers/{id}/json; EngineError status 404 when gone."""
        ...

    def images(self) -> list[JsonObject]:
        """GET /images/json (dangling included, intermediate layers not)."""
        ...

    def image(self, ref: str) -> JsonObject:
        """GET /images/{id}/json."""
        ...

    def volumes(self) -> list[JsonObject]:
        """GET /volumes, the list inside."""
        ...

    def networks(self) -> list[JsonObject]:
        """GET /networks."""
        ...

    def network(self, ref: str) -> JsonObject:
        """GET /networks/{id}."""
        ...

    def remove_container(self, ref: str) -> None:
        """DELETE /containers/{id}?v=0&force=0."""
        ...

    def remove_image(self, ref: str) -> list[JsonObject]:
        """DELETE /images/{ref}, no force, parents pruned as the API does by default."""
        ...

    def remove_volume(self, name: str) -> None:
        """DELETE /volumes/{name}, no force."""
        ...

    def remove_network(self, ref: str) -> None:
        """DELETE /networks/{id}."""
        ...

    def prune_build_cache(self, *, keep_bytes: int, until_s: int, cache_ids: Sequence[str]) -> JsonObject:
        """POST /build/prune for the given cache record ids (filter id=), never without an id."""
        ...


class Connection(Protocol):
    """One host, reachable: by local processes or over SSH; safe for use by one thread at a time."""

    @property
    def host_name(self) -> str:
        """The host's name in the inventory."""
        ...

    def run(self, command: Command) -> CommandResult:
        """Run one program to its end; Unreachable or DeadlineExceeded when its fate is unknown."""
        ...

    def lock(
        self, path: str, *, wait_s: float = 0.0, shared: bool = False
    ) -> AbstractContextManager[HostLock]:
        """Hold flock(2) on `path` until exit; OrderRefused(E_HOST_BUSY) when it stays taken for `wait_s`."""
        ...

    def engine(self) -> Engine:
        """The host's Docker Engine; kept warm by the connection, closed with it."""
        ...

    def reset_engine(self) -> None:
        """Forget the kept engine channel (after a daemon restart); the next engine() opens a new one."""
        ...

    def close(self) -> None:
        """Close everything; safe to call twice."""
        ...
