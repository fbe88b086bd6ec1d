"""Who may ask: a pure ASGI layer before every route; nothing is parsed, routed or answered before it agrees.

Deny by default: only /healthz needs no token, so a route added tomorrow is closed without anyone thinking of it.
Foreign Host and Origin headers are refused first: a page in a browser on the same machine must not reach the API by
DNS rebinding or a cross-site request.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.problem import Problem
from orchestrator.api.speaker import recognise
from orchestrator.settings.people import Person
from tasks.connection import Secret

#: the only path that answers without a token; it says nothing but "ok"
OPEN_PATHS = frozenset({"/healthz"})

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Guard:
    """Lets a request through when host, origin and token are right."""

    def __init__(
        self, app: ASGIApp, *, token: Secret, names: Collection[str], people: tuple[Person, ...] = ()
    ) -> None:
        """Guard `app`; `names` are the addresses this server is called by besides loopback.

        Besides the shared token each of these people has one.
        """
        self.app = app
        self.token = token
        self.people = people
        self.names = LOOPBACK | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or pass on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        problem = self._objection(scope) or self._stranger(scope)
        if problem is None:
            await self.app(scope, receive, send)
        else:
            await problem.response()(scope, receive, send)

    def _objection(self, scope: Scope) -> Problem | None:
        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _name(hosts[0]) not in self.names:
            fix = "Call the API by the address it listens on."
            return Problem(421, "E_HOST_HEADER", "The Host header names another server", fix=fix)
        origins = [value for name, value in headers if name == b"origin"]
        if any(origin.partition("://")[2] != hosts[0] for origin in origins):
            fix = "The API is not for pages of other sites."
            return Problem(403, "E_ORIGIN", "The request comes from a foreign origin", fix=fix)
        return None

    def _stranger(self, scope: Scope) -> Problem | None:
        """Whoever has no token; who has one is remembered for the routes."""
        if scope["path"] in OPEN_PATHS:
            return None
        tokens = [
            value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"
        ]
        found = recognise(tokens[0], self.token, self.people) if len(tokens) == 1 else None
        if found is not None:
            scope.update(found)
            return None
        fix = "Send `Authorization: Bearer TOKEN`; `dockwave config show` names the token file."
        return Problem(401, "E_UNAUTHENTICATED", "The request carries no valid token", fix=fix)


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
