"""Locks that run out free hosts, never budgets, and never too early; bugs planted there are seen."""

from __future__ import annotations

import pytest

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.lapses import Play
from tests.orchestrator.simulate.planted import Bug, planted
from tests.orchestrator.simulate.planted_bug import Change

#: days that are played every time, those of the bugs besides; and in `make test-full`
SEEDS, MANY = 4, 300

BUGS = (
    Bug(
        says="What a host uses of budgets ends with its lock",
        changes=(
            Change(
                "store.writer:Writer.expire_leases",
                "leases.expire(self.connection, gone)",
                "leases.expire(self.connection, gone)\n"
                "    [budget_uses.end(self.connection, item.campaign_id, [item.host]) for item in gone]",
            ),
        ),
        law=Law.BUDGET,
        seed=0,
    ),
    Bug(
        says="A lock lasts no longer than the tick it was taken in",
        changes=(
            Change(
                "campaign.lease:kept_until",
                "timedelta(seconds=campaign.timeout_s + lease_for_s)",
                "timedelta()",
            ),
        ),
        law=Law.ALONE,
        seed=0,
    ),
    Bug(
        says="The lock of a campaign that waits runs out",
        changes=(
            Change("campaign.lease:kept_until", "if campaign.state not in FINAL_CAMPAIGN:", "if False:"),
        ),
        law=Law.ALONE,
        seed=5,
    ),
    Bug(
        says="A late receipt frees the budget of what was ordered after it",
        changes=(Change("loop.committing:_newest", "known[host].epoch <= epoch", "known[host].epoch"),),
        law=Law.BUDGET,
        seed=52,
    ),
)


def test_days_in_which_hosts_fall_silent_for_good_break_no_law() -> None:
    for seed in sorted({*range(SEEDS), *(bug.seed for bug in BUGS)}):
        assert Play(seed).run() == [], seed


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.says)
def test_a_bug_planted_into_locks_that_run_out_is_caught(bug: Bug) -> None:
    with planted(bug):
        found = Play(bug.seed).run()
    assert bug.law in {item.law for item in found}, found


@pytest.mark.full
@pytest.mark.timeout(0)
def test_many_days_break_no_law_and_locks_run_out_in_them() -> None:
    expired = 0
    for seed in range(MANY):
        play = Play(seed)
        assert play.run() == [], seed
        expired += play.expired
    assert expired > MANY / 2
