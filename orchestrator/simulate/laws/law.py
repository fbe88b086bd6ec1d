"""What must hold whatever happens: each law is a sentence, judged from records and scripted hosts alone.

Nothing here asks the engine for its own opinion (its census, its rules, its table of moves): a law that did would
be wrong together with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from orchestrator.campaign.campaign import Attempt, Campaign
from orchestrator.campaign.states import CampaignState, HostState

#: how far the orchestrator's clock may be wrong, to either side
SKEW_S = 15.0


class Law(Enum):
    """Every law by its sentence."""

    SLOTS = "I1: changing and unknown hosts of a campaign never exceed its parallelism"
    BUDGET = "I2: no host is ordered beyond the budget of its label or the fleet, over all campaigns"
    ALONE = "I3: never two changing attempts on one host"
    ONCE = "I4: at most one effect per campaign, host and step"
    ABORT = (
        "I5: no host starts after an acknowledged abort, later than its order's expiry and the allowed skew"
    )
    KILL = "I6: nothing is ordered or published while a kill switch holds, and what left before expires"
    WAVES = "I7: no host of a wave starts before the wave before it is settled, soaked and its delay over"
    GATES = "I7: no wave opens, no host starts, and no order is published again, past a gate that has not passed lately"
    LATE = "an order that has expired is not published, and none lives longer than its policy says"
    EARLY = "a stop rule stops only when more hosts are in trouble than it tolerates"
    STOP = "I8: past a stop rule, a halt or a pause nothing starts but rollback"
    PLAN = "I9: changed hosts are a subset of the plan's, under the approved hash"
    END = "I10: every ordered host reaches exactly one terminal state or stays visibly UNKNOWN"
    TRUTH = "I11: a final state tells the truth: ROLLED_BACK equals the snapshot, SUCCEEDED is changed"
    EPOCHS = "I12: epochs only grow"
    RECORD = "I13: nothing is published that is not committed, and every effect has its line in the log"
    CHAIN = "I13: the chain of the log verifies"
    AGREED = "I14: nothing starts before so many others than the author have approved this very plan"
    PEOPLE = (
        "I14: no wave opens past a gate of people before so many have approved it since they were asked, "
        "of two or more none its author"
    )
    DENIED = "a gate that people denied, or left without the answer it must have in time, does what it says"
    READ = "no wave opens and no host starts past a gate of hosts unless each of them said lately that it is well"
    CLOCK = "a clock stops when its time is over, and not before"
    STEP = "the clock of a step warns and stops when it has taken that long by the heartbeats, and not before"
    OBJECTS = (
        "I15: hosts are ordered what their own dry run told and nothing else, and what is protected is named"
    )
    WINDOW = "no host is ordered, and no order published again, outside the windows, nor in a blackout"
    QUORUM = "hosts that share a service its policy keeps apart are never away together"
    LOOK = "nobody is brought back while untouched hosts are asked, nor when all that answered fail too"
    HELD = "after a failed rollback nobody else is brought back but as the policy or a person says"
    DELAY = "between two rollbacks rollback.delay passes, and one begins at a time"
    WATCHED = "a host that was brought back counts as back only when it was watched for rollback.monitor"
    HARD = "after a hard abort every host at work is told to stop, and none that goes back"
    ANSWER = "what a campaign says an attempt came to is what its host's journal says"
    APART = "a quarantined host gets no order"
    LEAD = "only the process that leads writes, and never over what it has not read"
    BACK = "a rollback is never rolled back, nor tried again after it failed"
    FORWARD = "states never go back, and history is never rewritten"
    SUM = "the sum of states is the host count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A law that did not hold."""

    law: Law
    detail: str


Found = Iterator[Violation]

_S = HostState
#: states a host of a campaign rests in
FINAL_HOSTS = frozenset(
    {
        _S.SUCCEEDED, _S.ALREADY_RIGHT, _S.FAILED_CLEAN, _S.ROLLED_BACK, _S.NEEDS_HUMAN, _S.SKIPPED,
        _S.UNREACHABLE, _S.CANCELLED,
    }
)  # fmt: skip
OVER = frozenset(
    {
        CampaignState.COMPLETE, CampaignState.COMPLETE_WITH_EXCEPTIONS, CampaignState.INCOMPLETE,
        CampaignState.HALTED, CampaignState.ABORTED, CampaignState.ROLLED_BACK,
        CampaignState.ROLLBACK_INCOMPLETE, CampaignState.VOID,
    }
)  # fmt: skip


def is_over(campaign: Campaign) -> bool:
    """Whether it has ended."""
    return campaign.state in OVER


def is_open(attempt: Attempt | None) -> bool:
    """Whether it has no end yet."""
    return attempt is not None and attempt.ended_at is None


def waits_for_a_person(campaign: Campaign) -> bool:
    """Whether hosts wait to be brought back, or wait because one could not be: a person may have to say so."""
    if is_over(campaign):
        return False
    human, back = HostState.NEEDS_HUMAN, HostState.ROLLING_BACK
    return any(
        (run.state is back and not is_open(run.attempt))
        or (run.state is human and bool(run.attempt and run.attempt.undo))
        for run in campaign.runs
        if run.host.name not in campaign.acknowledged
    )
