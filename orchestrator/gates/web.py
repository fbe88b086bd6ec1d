"""One GET within a deadline and a size: it follows no redirect, and uses no proxy or password of ours."""

from __future__ import annotations

import asyncio
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
    """Fetch; NoAnswer when it fails, takes too long or is too large.

    The time is that of the whole exchange: httpx's own limits begin anew with every byte that comes.
    """
    try:
        return asyncio.run(asyncio.wait_for(_get(url, params), timeout_s))
    except TimeoutError:
        raise NoAnswer(f"no whole answer within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error


async def _get(url: str, params: Mapping[str, str] | None) -> Page:
    async with (
        httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False) as client,  # noqa: S113 - get() bounds the whole
        client.stream("GET", url, params=params) as response,
    ):
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise NoAnswer(f"the answer is larger than {MAX_BYTES} bytes")
        return Page(status=response.status_code, body=body)
