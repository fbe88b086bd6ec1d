"""What a report is made of: the campaign as everybody sees it, why it is so, what the log says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.screens.views import CampaignView


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One campaign at one moment, whole; text of hosts in it is hostile and as it came."""

    view: CampaignView
    #: what `why -o json` says
    why: Mapping[str, Any]
    #: lines of the event log of this campaign, oldest first
    events: Sequence[Mapping[str, Any]]
    #: LENGTH:HASH of the whole event log, read after its lines
    head: str
    written_at: datetime
