"""What the dockerd on disk says about itself and about the configuration it would start from.

The one on disk is the one the next start runs; between an upgrade and its restart it differs from the one that runs.
"""

from __future__ import annotations

import re

from tasks.connection import Command, CommandResult, Connection
from tasks.engine.files import DAEMON_JSON
from tasks.engine.version import at_least
from tasks.record import Record

#: a broken program may hang; it gets this long, by the clock of the host
_PATIENCE = ("timeout", "--kill-after=5", "20")
#: first engine that can check its configuration without starting
CAN_VALIDATE = 23
_TIMED_OUT = 124


class Binary(Record):
    """The dockerd on disk."""

    #: "26.1.5+dfsg1"; "" when it did not say
    version: str = ""
    #: why it cannot even say its version; "" when it can
    broken: str = ""
    #: why it would not start with the configuration on disk; "" when it would, as far as it can tell
    config_error: str = ""
    #: it was asked about the configuration, and able to answer
    validated: bool = False


def parse_version(text: str) -> str:
    """The version in "Docker version 26.1.5+dfsg1, build 411e817"; "" in anything else."""
    match = re.search(r"Docker version ([^\s,]+)", text)
    return match[1] if match else ""


def read_binary(host: Connection, *, check: bool) -> Binary:
    """Read the version of the dockerd on disk and, when asked, its opinion about daemon.json."""
    said = _ask(host, "--version")
    version = parse_version(said.stdout.text)
    if not version:
        return Binary(broken=f"`dockerd --version` answered with {_complaint(said)}")
    if not check or not at_least(version, CAN_VALIDATE):
        return Binary(version=version)
    if not host.run(Command(argv=("test", "-e", DAEMON_JSON), timeout_s=30)).ok:
        return Binary(version=version, validated=True)
    checked = _ask(host, "--validate", "--config-file", DAEMON_JSON)
    return Binary(version=version, validated=True, config_error="" if checked.ok else _complaint(checked))


def _ask(host: Connection, *arguments: str) -> CommandResult:
    return host.run(Command(argv=(*_PATIENCE, "dockerd", *arguments), timeout_s=60))


def _complaint(result: CommandResult) -> str:
    if result.exit_code == _TIMED_OUT:
        return "nothing for 20 s"
    text = (result.stderr.text or result.stdout.text).strip()
    return text[:600] or f"exit {result.exit_code} and no word"
