"""One SSH connection: paramiko's transport with a deadline on every wait, and its channels.

paramiko is only touched here, in exec_channel.py and in keys.py. What its transport lacks is added by
subclassing: TCP_NODELAY is the caller's, but deadlines of the handshake, log-in and channel opening, the
keepalive that notices silence and the channel type `direct-streamlocal@openssh.com` are here; the name of the
signal a program died of is the channel's.
"""

# ruff: noqa: SLF001 - extending private parts of paramiko is this file's duty; tests hold it to paramiko 5

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import paramiko
from paramiko import common
from paramiko.message import Message

from tasks.errors import AuthFailed, DeadlineExceeded, Unreachable
from workers.connections.deadline import Deadline
from workers.connections.exec_channel import ExecChannel, on_request, on_window
from workers.connections.known_hosts import HostKey
from workers.connections.line import Line, RawLine

#: the type stubs leave out the parts of paramiko that are extended here
_TRANSPORT: Any = paramiko.Transport
_CHANNEL: Any = paramiko.Channel
_POLL_S = 0.5
_SESSION_PATIENCE_S = 1.0
#: an SSH peer always reads, so one that takes nothing for this long is gone; bounds every write
_STUCK_S = 20.0
_SESSION_PAUSE_S = 0.05


class NeverGreeted(Unreachable):
    """The server closed the connection before it said a word, as sshd does when MaxStartups is reached."""


class ChannelRefused(Unreachable):
    """The server is there but refuses one channel: too many sessions, or a kind it does not allow."""


class Wire(paramiko.Transport):
    """One SSH connection, usable by several threads at once: each works on channels of its own."""

    #: the transport's thread looks this often whether it was closed; paramiko's 0.1 s costs CPU per idle host
    _active_check_timeout = 5.0
    _channel_handler_table: ClassVar[dict[int, Callable[..., None]]] = {
        **_TRANSPORT._channel_handler_table,
        common.MSG_CHANNEL_REQUEST: on_request,
        common.MSG_CHANNEL_WINDOW_ADJUST: on_window,
    }

    def __init__(self, raw: RawLine, *, where: str, keepalive_s: float, dead_after_s: float) -> None:
        """Prepare a connection over an open socket; nothing is sent before start()."""
        self._line = Line(raw, min(dead_after_s, _STUCK_S))
        transport: Any = super()
        transport.__init__(self._line)
        self._inner: Any = self
        #: how messages name the other end
        self.where = where
        self._dead_after_s = dead_after_s
        self._refused: dict[int, tuple[int, str]] = {}
        # failures become errors with a hint; paramiko's tracebacks of them would only hide those
        self.set_log_channel("dockwave.paramiko")
        self.logger.setLevel(logging.CRITICAL)
        self.packetizer.set_keepalive(keepalive_s, self._keepalive)
        options = self.get_security_options()
        options.ciphers = tuple(name for name in options.ciphers if "cbc" not in name)
        options.digests = tuple(name for name in options.digests if "sha1" not in name and "md5" not in name)

    @property
    def alive(self) -> bool:
        """Whether the connection is logged in and not known to be dead."""
        return self.is_active() and self.is_authenticated()

    @property
    def busy(self) -> bool:
        """Whether any channel is open."""
        return len(self._inner._channels) > 0

    def prefer(self, algorithms: tuple[str, ...]) -> None:
        """Ask the server for a key of one of these kinds first: those it is known by."""
        options = self.get_security_options()
        usable = tuple(name for name in algorithms if name in options.key_types)
        options.key_types = usable + tuple(name for name in options.key_types if name not in usable)

    def insist(self, algorithms: tuple[str, ...]) -> None:
        """Ask the server for a key of one of these kinds and no other."""
        self.get_security_options().key_types = algorithms

    def greet(self, deadline: Deadline) -> None:
        """Greet and agree on keys; the server is not trusted yet."""
        done = threading.Event()
        self.banner_timeout = self.handshake_timeout = deadline.remaining()
        self.start_client(event=done)
        self._wait(done, deadline, "the SSH handshake")
        if not self.is_active():
            error = self.get_exception()
            if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
                raise Unreachable(
                    f"{self.where}: no common SSH algorithm ({error}).",
                    hint="Update sshd there; weak algorithms are not offered.",
                )
            if not self.remote_version:
                raise NeverGreeted(f"{self.where}: closed the connection before the SSH greeting.")
            raise Unreachable(f"{self.where}: the SSH handshake failed: {error or 'connection closed'}.")

    def shown_key(self) -> HostKey:
        """The key the server proved to own."""
        return HostKey.of(self.get_remote_server_key().asbytes())

    def log_in(self, user: str, key: paramiko.PKey, deadline: Deadline) -> None:
        """Log in with one key; no agent, no password, no other key is ever tried."""
        done = threading.Event()
        try:
            self.auth_publickey(user, key, event=done)
        except (paramiko.SSHException, EOFError) as error:
            raise Unreachable(f"{self.where}: connection lost while logging in: {error}.") from error
        self._wait(done, deadline, "the log-in")
        if self.is_authenticated():
            return
        reason = self.get_exception()
        if not self.is_active() and not isinstance(reason, paramiko.AuthenticationException):
            raise Unreachable(f"{self.where}: connection lost while logging in.")
        partial = isinstance(reason, paramiko.ssh_exception.PartialAuthentication)
        why = "it asks for more than a key" if partial else "the key is not accepted"
        raise AuthFailed(
            f"{self.where}: {user} cannot log in with {HostKey.of(key.asbytes())}: {why}.",
            hint=f"Add the public key to ~{user}/.ssh/authorized_keys there, or name another `identity:`.",
        )

    def open_exec(self, deadline: Deadline) -> ExecChannel:
        """A channel for one program.

        A server with all its sessions in use is asked again for a moment: it counts one that just ended until
        both sides have closed it.
        """
        patience = deadline.clip(_SESSION_PATIENCE_S)
        while True:
            try:
                return self._open("session", (), deadline)
            except ChannelRefused:
                if patience.expired:
                    raise
            time.sleep(_SESSION_PAUSE_S)

    def open_unix(self, path: str, deadline: Deadline) -> ExecChannel:
        """A channel to a Unix socket on the host."""
        return self._open("direct-streamlocal@openssh.com", (path, "", 0), deadline)

    def open_tcp(self, address: str, port: int, deadline: Deadline) -> ExecChannel:
        """A channel to an address that the host can reach."""
        return self._open("direct-tcpip", (address, port, "127.0.0.1", 0), deadline)

    def say(self, message: Message) -> None:
        """Send one message, after a key renewal that may be going on."""
        self._send_user_message(message)

    def _send_user_message(self, message: Message) -> None:
        """Send, or raise one kind of error: OSError means that the connection is of no more use."""
        try:
            _TRANSPORT._send_user_message(self, message)
        except (paramiko.SSHException, EOFError) as error:
            raise ConnectionAbortedError(errno.ECONNABORTED, str(error) or "connection closed") from error

    def _open(self, kind: str, fields: tuple[str | int, ...], deadline: Deadline) -> ExecChannel:
        """Open a channel by hand: paramiko waits an hour, and cannot say the fields of this many kinds."""
        inner = self._inner
        with self.lock:
            window, packet = inner._sanitize_window_size(None), inner._sanitize_packet_size(None)
            number = inner._next_channel()
            channel = ExecChannel(number, self)
            inner._channels.put(number, channel)
            self.channel_events[number] = answered = threading.Event()
            self.channels_seen[number] = True
            channel.attach(window, packet)
        message = Message()
        message.add_byte(common.cMSG_CHANNEL_OPEN)
        message.add_string(kind)
        for value in (number, window, packet, *fields):
            message.add_int(value) if isinstance(value, int) else message.add_string(value)
        try:
            self.say(message)
            self._wait(answered, deadline, f"opening a {kind} channel")
        except OSError as error:
            raise Unreachable(f"{self.where}: connection lost: {error}.") from error
        finally:
            if not channel.active:
                inner._channels.delete(number)
            self.channel_events.pop(number, None)
        if channel.active:
            return channel
        if number not in self._refused:
            raise Unreachable(f"{self.where}: the SSH connection was cut.")
        reason, text = self._refused.pop(number)
        raise ChannelRefused(
            f"{self.where}: the server refuses a {kind} channel: {text or reason}.",
            hint="Look at its log; MaxSessions and AllowTcpForwarding in its sshd_config limit channels.",
        )

    def _wait(self, event: threading.Event, deadline: Deadline, what: str) -> None:
        # in slices: a wire closed by another thread sets no event
        while not event.wait(min(_POLL_S, deadline.remaining())):
            if not self.is_active():
                return
            if deadline.expired:
                raise DeadlineExceeded(f"{self.where}: no answer in time to {what}.")

    def _check_banner(self) -> None:
        """Read the server's greeting; from then on it speaks in packets."""
        _TRANSPORT._check_banner(self)
        self._line.greeted()

    def _parse_channel_open_failure(self, message: Message) -> None:
        """Note why one channel was refused; paramiko keeps one reason for all of them."""
        number, reason = message.get_int(), message.get_int()
        text = message.get_string()[:200].decode("utf-8", "replace")
        with self.lock:
            self._refused[number] = (reason, "".join(letter for letter in text if letter.isprintable()))
            self._inner._channels.delete(number)
            answered = self.channel_events.pop(number, None)
        if answered is not None:
            answered.set()

    def _keepalive(self) -> None:
        """Ask for any answer, and end the connection when none came for too long."""
        if time.monotonic() - self._line.heard_at > self._dead_after_s:
            raise paramiko.SSHException("the peer has been silent for too long")
        message = Message()
        message.add_byte(common.cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self.say(message)
