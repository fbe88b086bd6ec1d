"""Runs a program of somebody else's on the control host: no shell, nothing of our environment, and an end in time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
#: how often it is looked whether nobody waits for it any more
_LOOK_S = 0.2


def run_hook(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    output: int | IO[Any] = subprocess.DEVNULL,
    unwanted: Callable[[], bool] = lambda: False,
) -> int | None:
    """Run it once and give its exit code; None when its time was over, or it was `unwanted`, and it was killed.

    Its whole process group ends with it. OSError or ValueError when it cannot be started.
    """
    process = subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    until = time.monotonic() + timeout_s
    try:
        while (left := until - time.monotonic()) > 0 and not unwanted():
            try:
                return process.wait(min(left, _LOOK_S))
            except subprocess.TimeoutExpired:
                continue
        return process.poll()
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group; the program itself is reaped."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
