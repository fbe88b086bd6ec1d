"""Runs one command given as argv and says clearly what failed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TAIL_CHARACTERS = 2000
#: where root's programs are; not every login puts them on PATH
SYSTEM_PATHS = "/usr/local/sbin:/usr/sbin:/sbin"


class LabError(RuntimeError):
    """The lab cannot do what was asked; the text says what happened, where, and what to do next."""


class CommandFailed(LabError):
    """A command ended with another exit status than zero, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a command left behind."""

    #: exit status; 0 is success
    status: int
    #: standard output, decoded with replacement characters
    out: str
    #: standard error, decoded with replacement characters
    err: str


def program_path() -> str:
    """PATH with the directories of root's programs at its end."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SYSTEM_PATHS}"


def attempt(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout_s: float = 120,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """The command has run to its end, whatever its exit status."""
    try:
        done = subprocess.run(
            list(argv),
            input=b"" if stdin is None else stdin,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, "PATH": program_path(), **(environment or {})},
            check=False,
        )
    except FileNotFoundError as missing:
        text = f"{argv[0]}: no such program on this machine; run: python3 -m deploy.setup"
        raise LabError(text) from missing
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(argv)}: no end after {timeout_s:g} s") from late
    return Finished(
        status=done.returncode,
        out=done.stdout.decode(errors="replace"),
        err=done.stderr.decode(errors="replace"),
    )


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout_s: float = 120,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The command succeeded; the answer is its standard output."""
    done = attempt(argv, stdin=stdin, timeout_s=timeout_s, environment=environment)
    if done.status != 0:
        said = (done.err.strip() or done.out.strip() or "nothing said")[-TAIL_CHARACTERS:]
        raise CommandFailed(f"{' '.join(argv)}: exit status {done.status}: {said}")
    return done.out
