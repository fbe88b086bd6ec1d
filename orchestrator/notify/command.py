"""A channel that is a program on the control host: the message is its standard input, exit 0 means it is told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

from orchestrator.hook_process import run_hook
from orchestrator.notify.trouble import NotTold
from orchestrator.settings.channels import Channel


def tell(channel: Channel, message: bytes, unwanted: Callable[[], bool]) -> None:
    """Run it once; NotTold says why that came to nothing. What it prints may hold its secrets and is thrown away."""
    with tempfile.TemporaryFile() as said:
        # a file, no pipe: a program that never reads cannot hold us up
        said.write(message)
        said.seek(0)
        try:
            code = run_hook(channel.argv, timeout_s=channel.timeout_s, stdin=said, unwanted=unwanted)
        except (OSError, ValueError) as error:
            raise NotTold(f"it cannot be started: {getattr(error, 'strerror', None) or error}") from error
    if code is None:
        raise NotTold(f"it did not end within {channel.timeout_s:g} s and was killed")
    if code != 0:
        raise NotTold(f"exit {code}")
