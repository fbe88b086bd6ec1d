"""One channel of an SSH connection: paramiko's, with one event that wakes its reader for everything that happens."""

# ruff: noqa: SLF001 - extending private parts of paramiko is this file's duty; tests hold it to paramiko 5

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Protocol

import paramiko
from paramiko import common
from paramiko.message import Message

from tasks.errors import Unreachable

#: the type stubs leave out the parts of paramiko that are extended here
_CHANNEL: Any = paramiko.Channel


class Carrier(Protocol):
    """The connection a channel belongs to, as far as a channel has to know it."""

    #: how messages name the other end
    where: str

    def say(self, message: Message) -> None:
        """Send the message."""

    def is_active(self) -> bool:
        """Whether the connection stands."""


class _Wake(threading.Event):
    """An event shared by both streams of a channel.

    paramiko clears a stream's event when that stream is empty, which would hide what waits in the other one;
    so only the reader clears it, before it looks.
    """

    def clear(self) -> None:
        """Do nothing."""

    def rearm(self) -> None:
        """Clear for real."""
        super().clear()


class ExecChannel(paramiko.Channel):
    """A channel that wakes its reader for everything that happens on it."""

    def __init__(self, number: int, wire: Carrier) -> None:
        """Belong to `wire`; not open yet."""
        super().__init__(number)
        self.wire = wire
        self.wake = _Wake()
        #: name of the signal that ended the program ("KILL"), "" when none did
        self.exit_signal = ""
        self.in_buffer.set_event(self.wake)
        self.in_stderr_buffer.set_event(self.wake)

    def attach(self, window: int, packet: int) -> None:
        """Take part in the wire's bookkeeping."""
        inner: Any = self
        inner._set_transport(self.wire)
        inner._set_window(window, packet)

    def start(self, line: bytes) -> None:
        """Ask for a program; the answer is not awaited, a refusal closes the channel."""
        inner: Any = self
        inner._event_pending()
        try:
            self._request("exec", line, reply=True)
        except OSError as error:
            raise Unreachable(
                f"{self.wire.where}: the connection was cut as a command was sent; whether it started is unknown.",
                hint="Read the host's journal before doing it again.",
            ) from error

    def close(self) -> None:
        """End the channel; on a connection that is cut there is nothing left to say."""
        with suppress(OSError):
            super().close()

    def signal(self, name: str) -> None:
        """Ask the server to signal the program; servers may ignore it."""
        with suppress(OSError):
            self._request("signal", name.encode("ascii"), reply=False)

    def _request(self, kind: str, argument: bytes, *, reply: bool) -> None:
        message = Message()
        message.add_byte(common.cMSG_CHANNEL_REQUEST)
        message.add_int(self.remote_chanid)
        message.add_string(kind)
        message.add_boolean(reply)
        message.add_string(argument)
        self.wire.say(message)


def on_request(channel: ExecChannel, message: Message) -> None:
    """Let paramiko handle a channel request, but keep the signal name that it drops."""
    start = message.packet.tell()
    if message.get_string() == b"exit-signal":
        message.get_boolean()
        channel.exit_signal = message.get_string().decode("ascii", "replace") or "?"
    message.packet.seek(start)
    _CHANNEL._handle_request(channel, message)
    channel.wake.set()


def on_window(channel: ExecChannel, message: Message) -> None:
    """Let paramiko count the window, then wake a writer that waits for room."""
    _CHANNEL._window_adjust(channel, message)
    channel.wake.set()
