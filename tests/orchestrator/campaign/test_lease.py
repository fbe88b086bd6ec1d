"""How long a campaign keeps a host it lost sight of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.campaign.lease import kept_until
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from tests.support.campaigns import NOON, plain_campaign

#: seconds around noon
_SECONDS = st.integers(-100_000, 100_000)
_MAYBE = st.none() | _SECONDS


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


@st.composite
def _lost(draw: st.DrawFn) -> Campaign:
    """A campaign with one host that was ordered something and has no end."""
    campaign = replace(plain_campaign(names=("web-1",)), state=draw(st.sampled_from(CampaignState)))
    ordered = draw(_SECONDS)
    attempt = Attempt(
        id=f"{campaign.id}/web-1/1",
        number=1,
        epoch=1,
        undo=False,
        undo_of=None,
        ordered_at=NOON + timedelta(seconds=ordered),
        expires_at=NOON + timedelta(seconds=ordered + draw(st.integers(1, 600))),
        heard_at=_at(draw(_MAYBE)),
        asked_at=_at(draw(_MAYBE)),
    )
    run = replace(campaign.runs[0], state=HostState.UNKNOWN, attempts=(attempt,))
    ended = _at(draw(_SECONDS)) if campaign.state in FINAL_CAMPAIGN else None
    return replace(campaign, runs=(run,), ended_at=ended, timeout_s=float(draw(st.integers(1, 7200))))


@given(campaign=_lost(), now=_SECONDS, lease_for_s=st.integers(60, 7 * 86_400))
def test_no_lock_runs_out_while_its_attempt_may_be_at_work_or_its_campaign_asks(
    campaign: Campaign, now: int, lease_for_s: int
) -> None:
    (run,) = campaign.runs
    assert run.attempt is not None
    at = NOON + timedelta(seconds=now)
    until = kept_until(campaign, run, at, lease_for_s)
    span = timedelta(seconds=campaign.timeout_s + lease_for_s)
    if campaign.state not in FINAL_CAMPAIGN:
        assert until == at + span, "it counts from now on, whatever is known"
        return
    assert until == kept_until(campaign, run, at + timedelta(days=9), lease_for_s), (
        "it comes, however late it is"
    )
    signs = (campaign.ended_at, run.attempt.expires_at, run.attempt.heard_at, run.attempt.asked_at)
    for sign in signs:
        assert sign is None or until >= sign + span, "whoever began at the last instant is past his deadline"
    assert until - span in {campaign.created_at, *signs}
