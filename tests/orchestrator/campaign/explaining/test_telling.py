"""What is told to whom is chosen from two versions of a campaign, and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import (
    ApproveAsked,
    DenyAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    Started,
)
from orchestrator.campaign.explaining.telling import occasions, told
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.rollout import Approval, Clock, Clocks, Share, StopAction, StopRule
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, World, failed, planned
from tests.support.campaigns import campaigns

EVERYTHING = tuple(Occasion)
PATIENT = (StopRule(tolerate=Share(value=9)),)


class Told:
    """A world, and what people were told of it, one list a transaction."""

    def __init__(self, campaign: Campaign) -> None:
        """Nothing was told of the plan."""
        self.world = World(campaign, start=False)
        self.news: list[Occasion] = []

    def then(self, *steps: Callable[[], object]) -> list[Occasion]:
        """Do these in one transaction, and give what is told of it."""
        before = self.world.campaign
        for step in steps:
            step()
        found = list(occasions(before, self.world.campaign))
        self.news += found
        return found

    def start(self) -> list[Occasion]:
        """Apply the plan."""
        return self.then(lambda: self.world.see(Started(by="ops")))


def test_a_campaign_that_goes_well_tells_its_start_and_its_end() -> None:
    told_of = Told(planned(2))
    assert told_of.start() == [Occasion.STARTED]
    told_of.then(told_of.world.run)
    told_of.then(lambda: told_of.world.change("h1"))
    assert told_of.then(lambda: told_of.world.change("h2")) == [Occasion.FINISHED]
    assert told_of.news == [Occasion.STARTED, Occasion.FINISHED]


def test_a_breach_is_told_at_once_and_the_end_when_the_host_is_back() -> None:
    told_of = Told(planned(2))
    told_of.start()
    told_of.then(told_of.world.run)
    breach = told_of.then(lambda: told_of.world.end("h1", failed(changed=True)), told_of.world.run)
    assert breach == [Occasion.HALTED]
    assert told_of.then(lambda: told_of.world.end("h1", UNDONE), told_of.world.run) == [Occasion.FINISHED]
    assert told_of.world.state() is CampaignState.ROLLED_BACK


def test_each_pause_is_told_and_a_resume_is_not() -> None:
    told_of = Told(planned(2))
    world = told_of.world
    told_of.start()
    for _ in range(2):
        assert told_of.then(lambda: world.see(PauseAsked(by="ann"))) == [Occasion.PAUSED]
        assert told_of.then(world.run) == []
        assert told_of.then(lambda: world.see(ResumeAsked(by="ann"))) == []


def test_a_campaign_that_others_must_approve_tells_first_that_it_waits() -> None:
    asked = Approval(required=1, group="sre", expires_s=600.0, abort_on_timeout=True)
    told_of = Told(planned(1, tune={"approval": asked}))
    world = told_of.world
    assert told_of.start() == [Occasion.APPROVAL]
    yes = ApproveAsked(by="bert", plan_hash=world.campaign.plan_hash)
    assert told_of.then(lambda: world.see(yes)) == [Occasion.STARTED]


def test_a_denial_or_an_unanswered_question_tells_the_stop_and_the_end() -> None:
    asked = Approval(required=1, group="sre", expires_s=600.0, abort_on_timeout=True)
    for denied in (True, False):
        told_of = Told(planned(1, tune={"approval": asked}))
        world = told_of.world
        told_of.start()
        steps: list[Callable[[], object]] = [partial(world.run, seconds=0.0 if denied else 601.0)]
        if denied:
            steps.insert(0, partial(world.see, DenyAsked(by="bert", reason="freeze")))
        assert told_of.then(*steps) == [Occasion.HALTED, Occasion.FINISHED]


def test_a_clock_and_a_rule_that_only_notes_are_warnings() -> None:
    slow = Clocks(progress=Clock(warn_s=60.0))
    told_of = Told(planned(1, tune={"clocks": slow}))
    told_of.start()
    told_of.then(told_of.world.run)
    assert told_of.then(lambda: told_of.world.run(seconds=61)) == [Occasion.WARNING]
    noting = (StopRule(tolerate=Share(value=0), action=StopAction.CONTINUE),)
    told_of = Told(planned(2, tune={"stop_rules": noting}))
    told_of.start()
    told_of.then(told_of.world.run)
    noted = told_of.then(lambda: told_of.world.end("h1", failed(changed=False)), told_of.world.run)
    assert noted == [Occasion.WARNING]


def test_a_failed_undo_that_the_others_wait_for_is_told_as_a_pause() -> None:
    waiting = {"rollback_on_failure": StopAction.PAUSE, "stop_rules": PATIENT, "parallelism": 2}
    told_of = Told(planned(2, waves=(Share(value=2),), tune=waiting))
    world = told_of.world
    told_of.start()
    told_of.then(world.run)
    told_of.then(lambda: world.see(RollbackAsked(by="ann")), world.run)
    for name in ("h1", "h2"):
        told_of.then(partial(world.end, name, CHANGED), world.run)
    (first,) = world.undos()
    assert told_of.then(lambda: world.end(first, failed(changed=True)), world.run) == [Occasion.PAUSED]
    assert told_of.then(world.run) == []


def test_a_plan_that_nobody_applied_is_nobodys_news() -> None:
    told_of = Told(planned(1))
    assert told_of.then(lambda: told_of.world.run(seconds=25 * 3600)) == []
    assert told_of.world.state() is CampaignState.VOID
    told_of = Told(planned(1))
    assert told_of.then(told_of.world.abort, told_of.world.run) == []


def test_each_channel_is_told_once_of_what_it_asked_for() -> None:
    notify = (
        Notify(to="ops", on=(Occasion.STARTED, Occasion.HALTED)),
        Notify(to="chat", on=(Occasion.FINISHED,)),
        Notify(to="ops", on=(Occasion.STARTED,)),
    )
    plan = planned(1, tune={"notify": notify})
    world = World(plan)
    assert told(plan, world.campaign) == (("ops", Occasion.STARTED),)
    assert "tells ops when it is: started, halted" in words(plan)
    assert plan.plan_hash != planned(1).plan_hash


@settings(max_examples=25)
@given(campaigns(), campaigns(), st.data())
def test_any_two_versions_tell_only_what_was_asked_and_the_same_one_nothing(
    before: Campaign, after: Campaign, data: st.DataObject
) -> None:
    entries = st.builds(
        Notify,
        to=st.sampled_from(("ops", "chat")),
        on=st.lists(st.sampled_from(EVERYTHING), min_size=1, max_size=6).map(tuple),
    )
    notify = tuple(data.draw(st.lists(entries, max_size=4)))
    after = replace(after, policy=replace(after.policy, notify=notify))
    found = told(before, after)
    asked = {(entry.to, occasion) for entry in notify for occasion in entry.on}
    assert set(found) == {pair for pair in asked if pair[1] in occasions(before, after)}
    assert len(set(found)) == len(found)
    order = [EVERYTHING.index(occasion) for _, occasion in found]
    assert order == sorted(order)
    assert told(after, after) == ()


STEPS = ("run", "good", "bad", "pause", "resume", "abort", "rollback", "wait")


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3), min_size=1, max_size=14))
def test_however_a_campaign_goes_its_start_and_its_end_are_told_once_and_every_stop_is(
    transactions: list[list[str]],
) -> None:
    told_of = Told(planned(3, waves=(Share(value=3),), parallelism=2))
    world = told_of.world
    told_of.start()
    for steps in transactions:
        before = world.campaign
        news = told_of.then(*(partial(_do, world, step) for step in steps))
        entered = before.state is not CampaignState.PAUSED and world.state() is CampaignState.PAUSED
        assert not entered or Occasion.PAUSED in news
        assert world.campaign is not before or not news
    counts = Counter(told_of.news)
    assert counts[Occasion.STARTED] == 1
    assert counts[Occasion.FINISHED] == (world.state() in FINAL_CAMPAIGN)
    standing = [stop for stop in world.campaign.stops if stop.action is not StopAction.PAUSE]
    assert (counts[Occasion.HALTED] > 0) is bool(standing)


def _do(world: World, step: str) -> None:
    flying = [run.host.name for run in world.campaign.runs if run.attempt and run.attempt.ended_at is None]
    if step == "run":
        world.run()
    elif step in {"good", "bad"} and flying:
        undo = world.host(flying[0]).attempts[-1].undo
        good = UNDONE if undo else CHANGED
        world.end(flying[0], good if step == "good" else failed(changed=True))
    elif step == "wait":
        world.now += timedelta(seconds=5)
    elif step == "abort":
        world.abort()
    else:
        event = {"pause": PauseAsked, "resume": ResumeAsked, "rollback": RollbackAsked}.get(step)
        if event is not None:
            world.see(event(by="ann"))
