"""Turns a Command into the argv that runs on the host, and recognises sudo's refusal."""

from __future__ import annotations

import re

from tasks.connection import Command, CommandResult, Secret
from tasks.errors import BadInput, TransportError

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: what sudo itself says, in the C locale, when it will not run a command without asking
_SUDO_REFUSALS = (
    b"sudo: a password is required",
    b"sudo: a terminal is required",
    b"sudo: sorry, you must have a tty",
    b"sudo: no tty present",
    b"is not in the sudoers file",
    b"is not allowed to execute",
    b"may not run sudo",
)


def host_argv(command: Command, *, sudo: bool) -> tuple[str, ...]:
    """The argv that runs `command`: `env LC_ALL=C K=V ... program args`, behind `sudo -n --` where asked.

    The environment goes through `env` because sshd drops variables it is not told to accept and sudo resets
    them. LC_ALL=C is set for sudo too, so that its refusals can be recognised.
    """
    _check(command)
    inner = ("env", *(f"{name}={value}" for name, value in command.env.items()), "LC_ALL=C", *command.argv)
    if sudo and command.privileged:
        return ("env", "LC_ALL=C", "sudo", "-n", "--", *inner)
    return inner


def raise_sudo_refusal(result: CommandResult, *, host: str, user: str) -> None:
    """Raise E_SUDO when `result` is sudo saying no instead of the program's own answer."""
    if result.stdout.size_bytes:
        return
    said = result.stderr.head
    # env's own message comes in the login user's language and quotes
    missing = result.exit_code == 127 and re.search(rb"^env: \W*sudo\W*:", said, re.MULTILINE) is not None
    refused = result.exit_code == 1 and any(text in said for text in _SUDO_REFUSALS)
    if missing or refused:
        why = "sudo is not installed" if missing else "sudo asks for a password or refuses the command"
        raise TransportError(
            f"{host}: {user} cannot run {result.argv[0]!r} as root: {why}",
            code="E_SUDO",
            hint=f"Allow {user} to run it with NOPASSWD in /etc/sudoers.d on {host}, or log in as root.",
        )


def _check(command: Command) -> None:
    """Refuse what `env`, the kernel or a process list could misread; nothing was run."""
    if not command.argv or not command.argv[0]:
        raise BadInput("A command has no program: argv is empty.")
    program = command.argv[0]
    if program.startswith("-") or "=" in program:
        raise BadInput(f"{program!r} cannot be a program: it starts with '-' or contains '='.")
    for name, value in command.env.items():
        if not _ENV_NAME.match(name):
            raise BadInput(f"{name!r} cannot be the name of an environment variable.")
        _check_text(value, f"environment variable {name}")
    for position, text in enumerate(command.argv):
        _check_text(text, f"argument {position} of {program!r}")


def _check_text(text: str, what: str) -> None:
    if isinstance(text, Secret):
        raise BadInput(
            f"The {what} is a secret, and every user of a host can read its command lines.",
            hint="Pass secrets on the program's standard input.",
        )
    if "\0" in text:
        raise BadInput(f"The {what} contains a NUL byte, which no program can be given.")
