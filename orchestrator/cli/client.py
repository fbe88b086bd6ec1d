"""The command line's side of the API: one connection, problems turned into errors with their code and fix."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from orchestrator.api.token import read_secret
from orchestrator.cli.exits import ApiError, NoControlPlane
from orchestrator.screens.views import CampaignView
from orchestrator.settings.settings import Settings

#: seconds one long poll asks the server to wait for news
POLL_S = 20.0


class Client:
    """Speaks to one orchestrator; safe to use after it was away and came back."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        """Open nothing yet; a missing token file means that nothing was ever started here."""
        self.url = settings.api_url
        self._http = httpx.Client(
            base_url=settings.api_url,
            headers={"Authorization": f"Bearer {self._token(settings.token_file)}"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            trust_env=False,
            transport=transport,
        )

    def _token(self, path: Path) -> str:
        if not path.exists():
            raise NoControlPlane(
                f"No control plane has been started here: there is no token file {path}",
                hint="`dockwave up` starts one; or name another by --data-dir, --api-url and --token-file.",
            )
        return read_secret(path, "API token").reveal()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: str | int | float) -> Any:
        """The JSON at that path."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON, get JSON."""
        return self._ask("POST", path, json=dict(body))

    def campaign(self, reference: str, *, full: bool = True, at: datetime | None = None) -> CampaignView:
        """One campaign by its id, or by a beginning of it that no other has; as it is, or as it was at an instant."""
        params = {"detail": "full" if full else "summary"} | ({} if at is None else {"at": at.isoformat()})
        body = self.get(f"/v1/campaigns/{_segment(reference)}", **params)
        return CampaignView.model_validate(body, extra="ignore")

    def news(self, campaign_id: str, after: int, wait_s: float = POLL_S) -> tuple[list[dict[str, Any]], int]:
        """Events after that number, waiting for one when there is none, and the number to go on from."""
        body = self.get(f"/v1/campaigns/{_segment(campaign_id)}/events", after=after, wait=wait_s)
        return list(body["events"]), int(body["next"])

    def events(self, campaign_id: str, **params: str) -> list[dict[str, Any]]:
        """Every line of the log about a campaign (or with `host`, about that host in it), oldest first."""
        events: list[dict[str, Any]] = []
        after = 0
        while True:
            body = self.get(f"/v1/campaigns/{_segment(campaign_id)}/events", after=after, wait=0, **params)
            if not body["events"]:
                return events
            events += body["events"]
            after = body["next"]

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.InvalidURL as error:
            raise NoControlPlane(f"{self.url} is no address: {error}", hint="Correct --api-url.") from None
        except httpx.TransportError as error:
            raise NoControlPlane(
                f"The control plane at {self.url} does not answer ({type(error).__name__})",
                hint="`dockwave up` starts it; `dockwave status` shows what runs. Campaigns go on by themselves.",
            ) from None
        if answer.is_success:
            try:
                return answer.json()
            except ValueError:
                raise _foreign(self.url) from None
        raise self._problem(answer)

    def _problem(self, answer: httpx.Response) -> Exception:
        try:
            body = answer.json()
            message, code = str(body["title"]), str(body["code"])
        except (ValueError, KeyError, TypeError):
            return _foreign(self.url)
        items = body.get("problems") or []
        more = tuple(str(item.get("what", "")) for item in items[1:])
        hint = str(body.get("fix", ""))
        return ApiError(message, code=code, hint=hint, status=answer.status_code, more=more)


def _foreign(url: str) -> NoControlPlane:
    return NoControlPlane(
        f"Something answers at {url}, but it is not a Dockwave orchestrator", hint="Correct --api-url."
    )


def _segment(reference: str) -> str:
    return quote(reference, safe="") or "-"


def pause_after_loss(times: int) -> None:
    """Wait before asking a lost control plane again: longer each time, at most five seconds."""
    time.sleep(min(5.0, 0.25 * 2 ** min(times, 5)))
