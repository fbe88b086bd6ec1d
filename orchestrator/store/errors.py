"""Why a write was refused: somebody else wrote first, took over, or keeps the host.

DockwaveError
├── Conflict        the campaign was saved by someone else since it was read; read it again
├── Deposed         another orchestrator holds the lease; this one must not write any more
├── LeaseHeld       the host is being changed by another campaign
└── StoreUnusable   the database cannot be opened, or was written by a newer Dockwave
"""

from __future__ import annotations

from tasks.errors import DockwaveError


class Conflict(DockwaveError):
    """The campaign changed since it was read; nothing was written."""

    default_code = "E_CONFLICT"


class Deposed(DockwaveError):
    """Another orchestrator holds the lease; nothing was written."""

    default_code = "E_STANDBY"


class LeaseHeld(DockwaveError):
    """The host is leased by another campaign; nothing was written."""

    default_code = "E_HOST_LEASED"

    def __init__(self, host: str, campaign_id: str) -> None:
        """Name the host and the campaign that keeps it."""
        super().__init__(
            f"Host {host} is being changed by campaign {campaign_id}",
            hint=f"It is free again when that campaign is done with it; see `dockwave show {campaign_id}`",
        )
        self.host = host
        self.campaign_id = campaign_id


class StoreUnusable(DockwaveError):
    """The database cannot be used as it is; nothing was written."""

    default_code = "E_STORE"
