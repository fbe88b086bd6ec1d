"""`why` tells of a finished campaign which hosts it keeps locked, until when, and which others may take."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from orchestrator.campaign.explaining.locks import lock_lines
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from tasks.model import Kind
from tests.support.campaigns import NOON, plain_campaign


def _over(kept: dict[str, datetime | None] | None, **also: object) -> tuple[str, ...]:
    campaign = replace(plain_campaign(names=("web-1", "web-2")), state=CampaignState.INCOMPLETE)
    runs = tuple(replace(run, state=HostState.UNKNOWN) for run in campaign.runs)
    around = CALM if kept is None else Surroundings(kept=kept)
    return tuple(lock_lines(replace(campaign, runs=runs, **also), around))  # type: ignore[arg-type]  # fields of Campaign


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            {"web-1": NOON},
            ("locked for other campaigns until 2026-11-24 12:00 UTC", "free for other campaigns"),
        ),
        ({"web-1": None}, ("locked for other campaigns, unless", "free for other campaigns")),
        ({"web-1": NOON, "web-2": NOON}, ("locked for other campaigns until 2026-11-24 12:00 UTC",)),
        ({}, ("free for other campaigns; uses its budgets until it is proven well: web-1, web-2",)),
        (None, ()),
    ],
)
def test_why_says_of_a_finished_campaign_which_hosts_it_keeps_and_which_others_may_take(
    kept: dict[str, datetime | None] | None, said: tuple[str, ...]
) -> None:
    lines = _over(kept)
    assert len(lines) == len(said)
    assert all(line.startswith(words) for line, words in zip(lines, said, strict=True))


def test_reading_keeps_no_host() -> None:
    assert _over({}, kind=Kind.READ_ONLY) == ()
