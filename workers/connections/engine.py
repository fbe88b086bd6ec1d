"""The Docker Engine of one host: the docker SDK over a stream, with our deadlines, limits and errors.

The SDK negotiates versions and reads error answers; its calls without a time limit of their own, and the
blanket prune calls above all, are not used. Nothing connects before the first call: connecting to the socket
starts a stopped daemon where docker.socket is enabled.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import requests
import urllib3

from tasks.connection import JsonObject
from tasks.errors import BadInput, EngineError
from workers.connections.deadline import Deadline
from workers.connections.engine_client import EngineClient
from workers.connections.http_adapter import StreamAdapter
from workers.connections.streams import Dialer

OLDEST_API: Final = (1, 41)
_READ_S: Final = 60.0
_REMOVE_S: Final = 300.0
_CACHE_ID: Final = re.compile(r"[A-Za-z0-9]{1,64}\Z")
_API: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\Z")


class DockerEngine:
    """The engine's API on a kept stream; for one thread at a time."""

    def __init__(self, dial: Dialer, *, where: str) -> None:
        """Remember how to reach the engine; connect nowhere."""
        self._where = where
        self._adapter = StreamAdapter(dial)
        self._client = EngineClient(self._adapter)
        self._version: tuple[int, int] | None = None
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the kept stream; safe to call twice."""
        self._client.close()

    @property
    def api_version(self) -> tuple[int, int]:
        """The version both sides speak: the server's own."""
        if self._version is None:
            self._call("GET", "/_ping")
        if self._version is None:
            raise self._nonsense("/version")
        return self._version

    def ping(self, timeout_s: float = 5.0) -> None:
        """Return when the daemon answers /_ping."""
        self._call("GET", "/_ping", versioned=False, timeout_s=timeout_s)

    def version(self) -> JsonObject:
        """GET /version."""
        return self._object("GET", "/version")

    def info(self) -> JsonObject:
        """GET /info."""
        return self._object("GET", "/info")

    def disk_usage(self, timeout_s: float = 300.0) -> JsonObject:
        """GET /system/df (all types)."""
        return self._object("GET", "/system/df", timeout_s=timeout_s)

    def containers(self, timeout_s: float = _READ_S) -> list[JsonObject]:
        """GET /containers/json?all=1."""
        return self._list("/containers/json", {"all": "1"}, timeout_s=timeout_s)

    def container(self, ref: str) -> JsonObject:
        """GET /containers/{id}/json; EngineError status 404 when gone."""
        return self._object("GET", f"/containers/{_segment(ref)}/json")

    def images(self) -> list[JsonObject]:
        """GET /images/json (dangling included, intermediate layers not)."""
        return self._list("/images/json", {"all": "0"})

    def image(self, ref: str) -> JsonObject:
        """GET /images/{id}/json."""
        return self._object("GET", f"/images/{_reference(ref)}/json")

    def volumes(self) -> list[JsonObject]:
        """GET /volumes, the list inside; none is none."""
        return self._objects(self._object("GET", "/volumes").get("Volumes") or [], "/volumes")

    def networks(self) -> list[JsonObject]:
        """GET /networks."""
        return self._list("/networks", {})

    def network(self, ref: str) -> JsonObject:
        """GET /networks/{id}."""
        return self._object("GET", f"/networks/{_segment(ref)}")

    def remove_container(self, ref: str) -> None:
        """DELETE /containers/{id}?v=0&force=0."""
        self._remove(f"/containers/{_segment(ref)}", {"v": "0", "force": "0"})

    def remove_image(self, ref: str) -> list[JsonObject]:
        """DELETE /images/{ref}, no force, parents pruned as the API does by default."""
        path = f"/images/{_reference(ref)}"
        return self._objects(self._json(self._remove(path, {"force": "0", "noprune": "0"}), path), path)

    def remove_volume(self, name: str) -> None:
        """DELETE /volumes/{name}, no force."""
        self._remove(f"/volumes/{_segment(name)}", {"force": "0"})

    def remove_network(self, ref: str) -> None:
        """DELETE /networks/{id}."""
        self._remove(f"/networks/{_segment(ref)}", {})

    def prune_build_cache(self, *, keep_bytes: int, until_s: int, cache_ids: Sequence[str]) -> JsonObject:
        """POST /build/prune once for each id; no id, no request.

        A record in use by a later one goes only after that one, so the rest is asked again while some go.
        """
        for cache_id in cache_ids:
            # the engine reads the filter as a regular expression: only plain ids, and anchored below
            if not _CACHE_ID.match(cache_id):
                raise BadInput(f"{cache_id!r} is not the id of a build cache record.")
        left = list(cache_ids)
        deleted: list[str] = []
        reclaimed = 0
        progress = True
        while left and progress:
            progress = False
            for cache_id in tuple(left):
                answer = self._prune_one(cache_id, keep_bytes=keep_bytes, until_s=until_s)
                gone = answer.get("CachesDeleted") or []
                if gone:
                    progress = True
                    left.remove(cache_id)
                    deleted += gone
                    reclaimed += int(answer.get("SpaceReclaimed") or 0)
        return {"CachesDeleted": deleted, "SpaceReclaimed": reclaimed}

    def _prune_one(self, cache_id: str, *, keep_bytes: int, until_s: int) -> JsonObject:
        filters: dict[str, list[str]] = {"id": [f"^{cache_id}$"]}
        if until_s > 0:
            filters["until"] = [f"{until_s}s"]
        params = {"all": "1", "filters": json.dumps(filters)}
        if keep_bytes > 0:
            params["reserved-space" if self.api_version >= (1, 48) else "keep-storage"] = str(keep_bytes)
        return self._object("POST", "/build/prune", params=params, timeout_s=_REMOVE_S)

    def _remove(self, path: str, params: Mapping[str, str]) -> bytes:
        return self._call("DELETE", path, params=params, timeout_s=_REMOVE_S)

    def _list(self, path: str, params: Mapping[str, str], *, timeout_s: float = _READ_S) -> list[JsonObject]:
        data = self._call("GET", path, params=params, timeout_s=timeout_s)
        return self._objects(self._json(data, path), path)

    def _object(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        timeout_s: float = _READ_S,
    ) -> JsonObject:
        data = self._call(method, path, params=params, timeout_s=timeout_s)
        answer = self._json(data, path)
        if not isinstance(answer, dict):
            raise self._nonsense(path)
        return answer

    def _objects(self, answer: object, path: str) -> list[JsonObject]:
        if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
            raise self._nonsense(path)
        return answer

    def _json(self, data: bytes, path: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._nonsense(path) from error

    def _nonsense(self, path: str) -> EngineError:
        return EngineError(
            f"{self._where}: the Docker Engine's answer to {path} is not what its API promises."
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        versioned: bool = True,
        timeout_s: float = _READ_S,
    ) -> bytes:
        """One request, whole, within `timeout_s`; asked again only where nothing can have happened twice."""
        deadline = Deadline.after(timeout_s)
        with self._turn:
            try:
                return self._once(method, path, params, versioned=versioned, deadline=deadline)
            except _Cut:
                # a daemon restart breaks the kept stream: a read may be repeated, a change may not
                if method != "GET":
                    raise
            except EngineError as error:
                # the daemon was exchanged for an older one and refused without acting: agree anew
                if not (versioned and error.status == 400 and "client version" in error.message):
                    raise
            self._version = None
            return self._once(method, path, params, versioned=versioned, deadline=deadline)

    def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, *, versioned: bool, deadline: Deadline
    ) -> bytes:
        prefix = ""
        if versioned:
            self._version = self._version or self._agreed(self._exchange("GET", "/version", {}, deadline))
            prefix = "/v{}.{}".format(*self._version)
        return self._exchange(method, prefix + path, params or {}, deadline)

    def _exchange(self, method: str, path: str, params: Mapping[str, str], deadline: Deadline) -> bytes:
        self._adapter.budget.deadline = deadline
        try:
            return self._client.fetch(method, path, params, deadline)
        except EngineError as error:
            if error.message.startswith(self._where):
                raise
            raise EngineError(
                f"{self._where}: {error.message}", status=error.status, code=error.code, hint=error.hint
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            unknown = "" if method == "GET" else " Whether it was done is unknown."
            if deadline.expired:
                raise EngineError(
                    f"{self._where}: the Docker Engine did not answer {method} {path} in time.{unknown}",
                    code="E_DAEMON_UNRESPONSIVE",
                    hint="Look there whether dockerd hangs: `systemctl status docker`, `journalctl -u docker`.",
                ) from error
            raise _Cut(
                f"{self._where}: the Docker Engine ended the connection during {method} {path}.{unknown}",
                code="E_DAEMON_DOWN",
                hint="Look at `systemctl status docker` there.",
            ) from error

    def _agreed(self, data: bytes) -> tuple[int, int]:
        """The API version that the daemon's /version tells; refused below 1.41."""
        answer = self._json(data, "/version")
        text = str(answer.get("ApiVersion", "")) if isinstance(answer, dict) else ""
        found = _API.match(text)
        if found is None:
            raise self._nonsense("/version")
        version = (int(found[1]), int(found[2]))
        if version < OLDEST_API:
            raise EngineError(
                f"{self._where}: the Docker Engine speaks API {text}; 1.41 (Docker 20.10) or later is needed.",
                code="E_API_TOO_OLD",
                hint="Upgrade the engine there to 20.10 by hand first.",
            )
        return version


class _Cut(EngineError):
    """The stream to the engine ended before the answer was complete."""


def _segment(ref: str) -> str:
    """`ref` as one segment of a path; an empty or dotted one would name something else."""
    if not ref or ref in (".", "..") or "/" in ref or not ref.isprintable():
        raise BadInput(f"{ref!r} is neither an id nor a name of the Docker Engine.")
    return quote(ref, safe=":@")


def _reference(ref: str) -> str:
    """An image reference as part of a path; only its slashes separate, and no segment is empty or dotted."""
    return "/".join(_segment(part) for part in ref.split("/"))
