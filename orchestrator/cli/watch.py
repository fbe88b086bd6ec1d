"""`watch`: follows a campaign to its end; Ctrl-C detaches, a lost control plane shows as stale, nothing is aborted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli import exits
from orchestrator.cli.client import POLL_S, pause_after_loss
from orchestrator.cli.exits import NoControlPlane
from orchestrator.cli.live import changes, picture
from orchestrator.cli.session import Session
from orchestrator.screens.report import plain_text, totals
from orchestrator.screens.sanitize import clean

if TYPE_CHECKING:
    from orchestrator.screens.views import CampaignView

#: without a terminal: seconds between two summary lines
SUMMARY_S = 30.0

Reference = Annotated[str, typer.Argument(metavar="ID", help="Campaign, or the beginning of its id.")]


@dataclass(slots=True)
class Following:
    """What is known of a campaign right now, and since when it may be out of date."""

    session: Session
    campaign_id: str
    view: CampaignView
    after: int = 0
    lost: int = 0
    stale_since: datetime | None = None
    told: Callable[[str], None] = field(default=lambda _line: None)

    def step(self, wait_s: float) -> None:
        """Wait for news, at most so long, and look again; a lost control plane is waited for, not an end."""
        client = self.session.client
        try:
            _, self.after = client.news(self.campaign_id, self.after, wait_s)
            self.view = client.campaign(self.campaign_id, full=False)
        except NoControlPlane:
            if self.stale_since is None:
                self.stale_since = datetime.now(tz=UTC)
                self.told(
                    f"stale since {self.stale_since:%H:%M:%S} UTC: the control plane does not answer; asking again"
                )
            pause_after_loss(self.lost)
            self.lost += 1
            return
        if self.stale_since is not None:
            self.told("the control plane answers again")
        self.stale_since, self.lost = None, 0

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.view.exit_code is not None


def follow(session: Session, campaign_id: str, *, timeout_s: float = 0.0) -> CampaignView:
    """The campaign at its end; exit 8 when the time is up first, 130 when the person leaves."""
    following = Following(
        session=session, campaign_id=campaign_id, view=session.client.campaign(campaign_id, full=False)
    )
    deadline = time.monotonic() + timeout_s if timeout_s else float("inf")
    try:
        if session.err.is_terminal:
            _draw(session.err, following, deadline)
        else:
            _tell(session, following, deadline)
    except KeyboardInterrupt:
        session.say(f"Detached; the campaign goes on. Follow it again with: dockwave watch {campaign_id}")
        raise typer.Exit(exits.DETACHED) from None
    if not following.over:
        session.say(
            f"Campaign {campaign_id} is still {following.view.state} after {timeout_s:g} s; it goes on. "
            f"Follow it with: dockwave watch {campaign_id}"
        )
        raise typer.Exit(exits.TIMED_OUT)
    return session.client.campaign(campaign_id)


class _Picture:
    """Drawn anew at each refresh, so that clocks move between two pieces of news."""

    def __init__(self, following: Following, console: Console) -> None:
        self._following = following
        self._console = console
        settings = following.session.settings
        flower = f"http://{settings.flower_address}:{settings.flower_port}"
        self._hint = f"[Ctrl-C] detaches; the campaign goes on   Flower: {flower}"

    def __rich__(self) -> RenderableType:
        return picture(
            self._following.view,
            datetime.now(tz=UTC),
            width=self._console.width,
            stale_since=self._following.stale_since,
            hint="" if self._following.over else self._hint,
        )


def _draw(console: Console, following: Following, deadline: float) -> None:
    with Live(_Picture(following, console), console=console, refresh_per_second=4):
        while not following.over and (left := deadline - time.monotonic()) > 0:
            following.step(min(POLL_S, max(0.1, left)))


def _tell(session: Session, following: Following, deadline: float) -> None:
    def told(line: str) -> None:
        session.say(f"{datetime.now(tz=UTC):%H:%M:%S} {following.campaign_id} {line}")

    following.told = told
    shown: CampaignView | None = None
    summary_at = time.monotonic() + SUMMARY_S
    while True:
        for line in changes(shown, following.view, datetime.now(tz=UTC)):
            session.say(line)
        shown = following.view
        if following.over or time.monotonic() >= deadline:
            return
        if time.monotonic() >= summary_at:
            session.say(one_line(totals(following.view, datetime.now(tz=UTC))))
            summary_at = time.monotonic() + SUMMARY_S
        left = min(deadline, summary_at) - time.monotonic()
        following.step(min(POLL_S, max(0.1, left)))


def one_line(text: Text) -> str:
    """A rich line as plain text."""
    return clean(plain_text(text, width=10_000), limit=2000)
