"""One GET within a deadline and a size: it follows no redirect, and uses no proxy or password of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

#: more than any answer of a gate needs
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came back."""

    status: int
    body: bytes


class NoAnswer(Exception):
    """Nothing usable came back in time; the text says why."""


def get(url: str, timeout_s: float, params: Mapping[str, str] | None = None) -> Page:
    """Fetch; NoAnswer when it fails, takes too long or is too large."""
    until = time.monotonic() + timeout_s
    try:
        with (
            httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, params=params) as response,
        ):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise NoAnswer(f"the answer is larger than {MAX_BYTES} bytes")
                if time.monotonic() > until:
                    raise NoAnswer(f"no whole answer within {timeout_s:g} s")
            return Page(status=response.status_code, body=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error
