"""Campaigns that were read lately: watchers ask for the same one many times a second."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from orchestrator.campaign.campaign import Campaign
from orchestrator.store.reader import Reader

#: campaigns kept; a record of 500 hosts with their plans takes a few megabytes
_KEPT = 32


class Shelf:
    """Gives campaigns as SQL has them, without reading again what has not changed."""

    def __init__(self, cached: Callable[[str], Campaign | None]) -> None:
        """Look first at what the loop has in hand."""
        self._cached = cached
        self._recent: OrderedDict[str, Campaign] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, reader: Reader, campaign_id: str) -> Campaign | None:
        """Give the campaign in the version SQL has now, or None."""
        version = reader.version_of(campaign_id)
        if version is None:
            return None
        for known in (self._cached(campaign_id), self._recent.get(campaign_id)):
            if known is not None and known.version == version:
                return known
        found = reader.load(campaign_id)
        if found is not None:
            with self._guard:
                self._recent[campaign_id] = found
                self._recent.move_to_end(campaign_id)
                while len(self._recent) > _KEPT:
                    self._recent.popitem(last=False)
        return found
