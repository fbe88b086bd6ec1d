"""A channel that is a webhook: one POST of the message within its time, and a status 2xx means it is told.

It follows no redirect, uses no proxy and reads no answer. The secret is read for each message and shown nowhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from orchestrator.notify.trouble import NotTold
from orchestrator.settings.channels import PLACEHOLDER, Channel
from tasks.connection import Secret

_SHAPE = re.compile(r"[\x21-\x7e]{1,4000}")


def tell(channel: Channel, message: bytes) -> None:
    """Post it once; NotTold says why that came to nothing."""
    secret = secret_of(channel)
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(json.loads(message)["id"])}
    url = channel.url
    if secret is not None and PLACEHOLDER in url:
        url = url.replace(PLACEHOLDER, quote(secret.reveal(), safe="/"))
    elif secret is not None:
        headers["Authorization"] = f"Bearer {secret.reveal()}"
    try:
        status = asyncio.run(asyncio.wait_for(_post(url, headers, message), channel.timeout_s))
    except TimeoutError:
        raise NotTold(f"no answer within {channel.timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # the text of the error may quote the URL, and the URL may hold the secret
        raise NotTold(f"no answer: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise NotTold(f"status {status}")


async def _post(url: str, headers: dict[str, str], message: bytes) -> int:
    limits: dict[str, Any] = {"timeout": None, "follow_redirects": False, "trust_env": False}
    async with (
        httpx.AsyncClient(**limits) as client,
        client.stream("POST", url, headers=headers, content=message) as response,
    ):
        return response.status_code


def secret_of(channel: Channel) -> Secret | None:
    """The channel's secret, from where its settings say it is; NotTold when it is not there, or not private."""
    if channel.secret_env:
        text = os.environ.get(channel.secret_env, "")
        where = f"the variable {channel.secret_env}"
    elif channel.secret_file:
        text = _private_text(Path(channel.secret_file))
        where = f"the file {channel.secret_file}"
    else:
        return None
    if not _SHAPE.fullmatch(text.strip()):
        raise NotTold(f"{where} holds no secret of 1 to 4000 printable characters")
    return Secret(text.strip())


def _private_text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotTold(f"the file {path} with its secret cannot be read: {error.strerror}") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise NotTold(f"{path} is no file that only its owner may read: chmod 600 {path}")
        return os.read(descriptor, 5_000).decode("ascii", "replace")
    finally:
        os.close(descriptor)
