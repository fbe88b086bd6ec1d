"""The docker SDK's client on a stream of ours: nothing read from the environment, answers of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import docker
import requests
from docker.auth import AuthConfig
from docker.constants import DEFAULT_TIMEOUT_SECONDS
from docker.utils.proxy import ProxyConfig

from tasks.errors import EngineError
from workers.connections.deadline import Deadline
from workers.connections.http_adapter import StreamAdapter

#: largest answer taken: /system/df of a host with a hundred thousand build records is about 40 MB
ANSWER_LIMIT_BYTES: Final = 128 << 20


class EngineClient(docker.APIClient):
    """The SDK's client on our adapter, with nothing read from the worker's environment or home.

    The SDK's own start reads ~/.docker/config.json, registry passwords included, and fails on one it cannot read; so
    the session is started without it, and gets what the SDK would have set.
    """

    def __init__(self, adapter: StreamAdapter) -> None:
        super(docker.APIClient, self).__init__()
        self.base_url = "http+docker://localhost"
        self.timeout = DEFAULT_TIMEOUT_SECONDS
        self.credstore_env: dict[str, str] | None = None
        self._version = "1.41"
        # no proxies, no .netrc, no headers of somebody's docker configuration, no logins
        self.trust_env = False
        self._general_configs: dict[str, Any] = {}
        self._proxy_configs = ProxyConfig()
        self._auth_configs = AuthConfig({})
        # nothing but the stream can be spoken to, whatever an answer redirects to
        self.adapters.clear()
        self._custom_adapter = adapter
        self.mount("http+docker://", adapter)

    def fetch(self, method: str, path: str, params: Mapping[str, str], deadline: Deadline) -> bytes:
        """The body of an answer that says success; EngineError with the daemon's own words otherwise."""
        response = self.request(
            method,
            self.base_url + path,
            params=params,
            timeout=max(0.001, deadline.remaining()),
            stream=True,
            allow_redirects=False,
        )
        with response:
            data = _limited(response, path)
        if response.status_code < 300:
            return data
        said = _daemon_words(data) or response.reason or "no reason given"
        raise EngineError(
            f"{method} {path}: {said}",
            status=response.status_code,
            code="E_PRUNE_BUSY" if "prune operation is already running" in said else "E_API",
        )


def _limited(response: requests.Response, path: str) -> bytes:
    data = bytearray()
    for chunk in response.iter_content(1 << 16):
        data += chunk
        if len(data) > ANSWER_LIMIT_BYTES:
            raise EngineError(f"The answer to {path} is over {ANSWER_LIMIT_BYTES} bytes and was not read on.")
    return bytes(data)


def _daemon_words(data: bytes) -> str:
    """What the daemon gave as reason, on one printable line: it may quote names chosen by containers."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    message = answer.get("message") if isinstance(answer, dict) else None
    text = message if isinstance(message, str) else data.decode("utf-8", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:2000]).split())
