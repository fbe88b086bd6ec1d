"""What people are told of a campaign, ready to be sent, written in the transaction of what it is about.

Its text is the text of `why` at that moment, made harmless: hosts may have said anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.occasion import Occasion
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.outside import surroundings_of
from orchestrator.screens.sanitize import clean_lines
from orchestrator.store.reader import Reader
from orchestrator.store.records import LogEntry, Notification

log = structlog.get_logger()

#: kind of the line in the log that announces one message, and gives it its number
ANNOUNCED = "notify"
#: version of the message
_VERSION = 1
_LONGEST = 20_000

Telling = Sequence[tuple[str, Occasion]]


def announced(campaign: Campaign, telling: Telling, now: datetime) -> Iterator[LogEntry]:
    """Lines of the log, one a message; the last ones of their transaction."""
    return (
        LogEntry(
            kind=ANNOUNCED, at=now, campaign_id=campaign.id, data={"to": channel, "event": occasion.value}
        )
        for channel, occasion in telling
    )


def notifications(
    reader: Reader, campaign: Campaign, telling: Telling, now: datetime, fleet_budget: int | None
) -> list[Notification]:
    """The messages, numbered like the lines just written about them."""
    text = _text(campaign, now, surroundings_of(reader, campaign, fleet_budget))
    first = reader.last_seq() - len(telling) + 1
    return [
        Notification(
            seq=seq,
            campaign_id=campaign.id,
            channel=channel,
            event=occasion.value,
            document=_message(campaign, seq, occasion, text, now),
            next_try=now,
        )
        for seq, (channel, occasion) in enumerate(telling, start=first)
    ]


def _message(campaign: Campaign, seq: int, occasion: Occasion, text: str, now: datetime) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "id": f"{campaign.id}/{seq}",
        "event": occasion.value,
        "campaign": campaign.id,
        "procedure": campaign.procedure,
        "state": campaign.state.value,
        "at": now.isoformat(),
        "text": text,
    }


def _text(campaign: Campaign, now: datetime, around: Surroundings) -> str:
    try:
        lines = explain(campaign, now, around).lines
    except Exception:
        # a defect in a text must not keep a campaign from being saved
        log.exception("It could not be explained", action="notify", campaign=campaign.id)
        lines = (f"{campaign.id} is {campaign.state.value}", f"next: dockwave why {campaign.id}")
    return clean_lines("\n".join(" ".join(line.split("\n")) for line in lines), limit=_LONGEST)
