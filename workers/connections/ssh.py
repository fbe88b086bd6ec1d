"""Reaches a host over SSH: programs, the host's lock and its Docker Engine on one warm connection."""

from __future__ import annotations

import shlex
import time
from contextlib import AbstractContextManager
from typing import Final

from tasks.connection import Command, CommandResult, Engine, HostLock
from tasks.errors import BadInput, EngineError
from tasks.model import Host, SshHop
from workers.connections.argv import host_argv, raise_sudo_refusal
from workers.connections.deadline import Deadline
from workers.connections.engine import DockerEngine
from workers.connections.exec_channel import ExecChannel
from workers.connections.link import LinkHolder, holder_chain
from workers.connections.locks import RemoteLock, holder_argv
from workers.connections.process import RemoteProcess
from workers.connections.settings import SshSettings
from workers.connections.streams import ByteStream, ChannelStream, StdioStream
from workers.connections.wire import ChannelRefused, Wire

#: the kernel takes no longer single argument, and the login shell gets the whole line as one
_LONGEST_LINE: Final = 131_071


def quoted(argv: tuple[str, ...]) -> bytes:
    """The line that a POSIX shell splits into exactly `argv`; the only place where quoting happens.

    sshd always hands a command to the login shell of the user, so an argv cannot be sent as it is.
    """
    line = shlex.join(argv).encode("utf-8", "surrogateescape")
    if len(line) > _LONGEST_LINE:
        raise BadInput(
            f"The command line is {len(line)} bytes long; over SSH {_LONGEST_LINE} fit.",
            hint="Pass long data on standard input.",
        )
    return line


class SshConnection:
    """One session on a host; several sessions may share one SSH connection, each for one thread at a time."""

    def __init__(
        self, host: Host, *, settings: SshSettings | None = None, holder: LinkHolder | None = None
    ) -> None:
        """Speak for `host`; a given `holder` is shared and stays open, else one is made and closed with this.

        Nothing is opened before it is used.
        """
        if host.ssh is None:
            raise BadInput(f"{host.name}: the inventory says `ssh` but names no address.")
        self._host = host
        self._hop: SshHop = host.ssh
        self._settings = settings or SshSettings()
        self._own_holder = holder is None
        self._holder = holder or holder_chain(
            (*host.jumps, host.ssh), name=host.name, settings=self._settings
        )
        self._sudo = host.sudo and host.ssh.user != "root"
        self._engine: DockerEngine | None = None

    @property
    def host_name(self) -> str:
        """The host's name in the inventory."""
        return self._host.name

    def run(self, command: Command) -> CommandResult:
        """Run one program to its end; Unreachable or DeadlineExceeded when its fate is unknown."""
        line = quoted(host_argv(command, sudo=self._sudo))
        started = time.monotonic()
        deadline = Deadline.after(command.timeout_s)
        channel = self._holder.open(Wire.open_exec, deadline)
        process = RemoteProcess(channel, line, where=self._host.name, limit_bytes=command.output_limit_bytes)
        ended = process.finish(command.stdin, deadline)
        result = CommandResult(
            argv=command.argv,
            exit_code=ended.exit_code,
            stdout=ended.stdout,
            stderr=ended.stderr,
            duration_s=time.monotonic() - started,
        )
        if self._sudo and command.privileged:
            raise_sudo_refusal(result, host=self._host.name, user=self._hop.user)
        return result

    def lock(
        self, path: str, *, wait_s: float = 0.0, shared: bool = False
    ) -> AbstractContextManager[HostLock]:
        """Hold flock(2) on `path` until exit; OrderRefused(E_HOST_BUSY) when it stays taken."""
        command = Command(argv=holder_argv(path, wait_s=wait_s, shared=shared))
        line = quoted(host_argv(command, sudo=self._sudo))

        def start() -> ExecChannel:
            channel = self._holder.open(Wire.open_exec, Deadline.after(self._settings.connect_s))
            channel.start(line)
            return channel

        return RemoteLock(self._host.name, path, start, wait_s=wait_s)

    def engine(self) -> Engine:
        """The host's Docker Engine, on a channel that is kept open."""
        if self._engine is None:
            self._engine = DockerEngine(self._dial, where=self._host.name)
        return self._engine

    def reset_engine(self) -> None:
        """Forget the kept engine channel; the next engine() opens a new one."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def close(self) -> None:
        """Close everything that is not shared; safe to call twice."""
        self.reset_engine()
        if self._own_holder:
            holder: LinkHolder | None = self._holder
            while holder is not None:
                holder.close()
                holder = holder.parent

    def _dial(self, deadline: Deadline) -> ByteStream:
        """A stream to the engine: straight to its socket, or through `docker system dial-stdio`.

        sshd gives one and the same answer for a forbidden kind of channel, a missing socket and one that
        refuses, so a look at the host tells them apart.
        """
        path = self._host.socket
        try:
            return ChannelStream(self._holder.open(lambda wire, until: wire.open_unix(path, until), deadline))
        except ChannelRefused as refused:
            look = Command(argv=("test", "-S", path), timeout_s=max(0.1, deadline.remaining()))
            if not self.run(look).ok:
                raise EngineError(
                    f"{self._host.name}: there is no Docker Engine socket {path}.",
                    code="E_DAEMON_DOWN",
                    hint="Look at `systemctl status docker` there.",
                ) from refused
        command = Command(argv=("docker", "--host", f"unix://{path}", "system", "dial-stdio"))
        line = quoted(host_argv(command, sudo=self._sudo))
        channel = self._holder.open(Wire.open_exec, deadline)
        channel.start(line)
        return StdioStream(channel, self._host.name)
