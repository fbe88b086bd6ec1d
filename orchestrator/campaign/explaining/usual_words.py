"""How long a campaign will take, in words, from what its procedure took before."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.durations import words
from orchestrator.campaign.explaining.progress import whole_s
from orchestrator.campaign.wording import plural


def usual_words(campaign: Campaign) -> Iterator[str]:
    """One line for each host and the whole, one for the step that takes the longest; or that there is no history."""
    if not campaign.waves:
        return
    usual = campaign.usual
    if usual is None:
        yield f"duration: no history yet of {campaign.procedure}"
        return
    pace = usual.host
    hosts = plural(pace.count, "host")
    yield (
        f"duration: typical {words(pace.p50_s)}, worst tenth {words(pace.p90_s)} per host (of {hosts} before); "
        f"about {words(whole_s(campaign, pace.p50_s))} in all, {words(whole_s(campaign, pace.p90_s))} at worst, "
        "waiting not counted"
    )
    slow = usual.slowest_step
    if slow is not None:
        step, taken = slow
        yield f"longest step: {step}, typical {words(taken.p50_s)}, worst tenth {words(taken.p90_s)}"
