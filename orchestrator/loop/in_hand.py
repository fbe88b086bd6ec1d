"""Campaigns as the loop knows them: nothing that is not in SQL too, and none in a version SQL does not have."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.campaign.campaign import Campaign
from orchestrator.loop.outside import Outside
from orchestrator.store.store import Store


class InHand:
    """Reads a campaign again only when somebody else wrote it."""

    def __init__(self, store: Store, fleet_budget: int | None) -> None:
        """Know nothing yet."""
        self._store = store
        self._fleet_budget = fleet_budget
        self._known: dict[str, Campaign] = {}
        #: as people's requests left them since the last look; other threads write here
        self._adopted: dict[str, Campaign] = {}

    def __iter__(self) -> Iterator[str]:
        """Give their ids, as they are now."""
        return iter(list(self._known))

    def get(self, campaign_id: str) -> Campaign | None:
        """Give a campaign as the loop last read or wrote it."""
        return self._known.get(campaign_id)

    def newest(self, campaign_id: str) -> Campaign | None:
        """Give it as anybody in this process last wrote it: for readers who check its version themselves."""
        return self._adopted.get(campaign_id) or self._known.get(campaign_id)

    def put(self, campaign: Campaign) -> None:
        """Know it as it was just committed by the loop."""
        self._known[campaign.id] = campaign

    def adopt(self, campaign: Campaign) -> None:
        """Take over what another thread has just committed; it counts while SQL has that very version."""
        self._adopted[campaign.id] = campaign

    def clear(self) -> None:
        """Know nothing any more."""
        self._known.clear()
        self._adopted = {}

    def refresh(self, named: Collection[str]) -> Outside:
        """Read what changed under us: campaigns begun, applied or aborted by others, leases and kill switches.

        Campaigns that are over are known only while reports name them.
        """
        adopted, self._adopted = self._adopted, {}
        with self._store.read() as reader:
            heads = {head.id: head for head in reader.heads()}
            for own in (*heads, *named):
                known, head = self._known.get(own), heads.get(own)
                if known is not None and (head is None or head.version == known.version):
                    continue
                given = adopted.get(own)
                same = given is not None and head is not None and given.version == head.version
                found = given if same else reader.load(own)
                if found is not None:
                    self._known[own] = found
            outside = Outside.read(reader, self._fleet_budget)
        for own in [own for own in self._known if own not in heads and own not in named]:
            del self._known[own]
        return outside

    def reload(self, campaign_id: str) -> Outside:
        """Read one campaign and what is around it, whatever was known of it."""
        with self._store.read() as reader:
            found = reader.load(campaign_id)
            outside = Outside.read(reader, self._fleet_budget)
        if found is None:
            self._known.pop(campaign_id, None)
        else:
            self._known[campaign_id] = found
        return outside
