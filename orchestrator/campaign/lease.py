"""How long a campaign keeps a host it has lost sight of: the lock runs out, the use of budgets does not.

A lock that ran out is safe to give to another campaign, because it is not what protects the host. Its order expired
long ago, so the host starts it no more; the attempt's own deadline has passed, so no worker goes on with it; a unit of
it that still runs makes the host refuse whatever is new; and the epoch of the next order is higher, so a worker that
thaws after that finds itself overtaken and stops. What nobody knows is whether the host is well: it uses budgets on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.states import FINAL_CAMPAIGN

#: seconds beyond the longest an attempt may take, unless the control plane's settings say otherwise
LEASE_FOR_S = 3600.0


def kept_until(campaign: Campaign, run: HostRun, now: datetime, lease_for_s: float) -> datetime:
    """The instant until which the campaign keeps this host, as far as is known now.

    A campaign at work asks the journal of the host, or has something to do there yet: it counts from now on. One that
    is over counts from the last sign: its end, the end of its order, the last report and the last question.
    """
    span = timedelta(seconds=campaign.timeout_s + lease_for_s)
    if campaign.state not in FINAL_CAMPAIGN:
        return now + span
    attempt = run.attempt
    last = campaign.ended_at or campaign.created_at
    if attempt is not None:
        last = max(last, attempt.expires_at, attempt.heard_at or last, attempt.asked_at or last)
    return last + span
