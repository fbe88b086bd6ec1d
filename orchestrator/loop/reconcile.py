"""The loop: for every campaign once per tick, look, decide, commit, publish; in this order, whatever happens.

It keeps nothing that is not in SQL but a cache, so it may die at any instruction: after a restart it looks again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.campaign.actions import WakeAt
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import WORKING, decide
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.lease import LEASE_FOR_S
from orchestrator.campaign.limits.disruption import keeps_budgets
from orchestrator.campaign.rollout import Clocks
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop import expiring
from orchestrator.loop.acting import act
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.committing import commit
from orchestrator.loop.gate_questions import GateAnswers, GateQuestion
from orchestrator.loop.held import note_blocked, note_switches
from orchestrator.loop.in_hand import InHand
from orchestrator.loop.inbox import Inbox, Item, done, settle, taken
from orchestrator.loop.ingest import campaign_id_of
from orchestrator.loop.leading import Lead
from orchestrator.loop.observing import observe_event, observe_reports
from orchestrator.loop.open_orders import send_again, unsent
from orchestrator.loop.orders import Sending
from orchestrator.loop.outside import Outside, with_details
from orchestrator.loop.planning_turn import freeze, plan_turn
from orchestrator.loop.strangers import breaking_lines, strange_lines
from orchestrator.loop.turn import Turn
from orchestrator.store.errors import Conflict, Deposed, LeaseHeld, StoreUnusable
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer
from tasks.queues import celery_task_id
from tasks.wire import Report

log = structlog.get_logger()

_T = TypeVar("_T")

#: the loop looks at least this often, news or not
TICK_S = 1.0
#: how often a campaign is read again in one tick when somebody else wrote it meanwhile
_TRIES = 3


class Outbox(Protocol):
    """Where orders go after they are committed."""

    def send(self, sendings: Sequence[Sending]) -> None:
        """Publish these soon, without blocking."""
        ...

    def clear(self) -> None:
        """Forget what was not published yet."""
        ...


class Reconciler:
    """Moves every campaign on; the only place where decisions are committed and orders leave."""

    def __init__(
        self,
        store: Store,
        lead: Lead,
        outbox: Outbox,
        *,
        now: Callable[[], datetime],
        bulletin: Bulletin | None = None,
        ask: Callable[[Sequence[GateQuestion]], None] | None = None,
        fleet_budget: int | None = None,
        lease_for_s: float = LEASE_FOR_S,
    ) -> None:
        """Work on `store` while `lead` is held, with `fleet_budget` and `lease_for_s` of the settings."""
        self._store = store
        self._lead = lead
        self._outbox = outbox
        self._now = now
        self._bulletin = bulletin or Bulletin()
        self._wake = threading.Event()
        #: makes the loop look now instead of at the next tick
        self.wake = self._wake.set
        self.inbox = Inbox(self.wake)
        self.gate_answers = GateAnswers(self.wake)
        self._ask = ask
        self._fleet_budget = fleet_budget
        self._lease_for_s = lease_for_s
        self._campaigns = InHand(store, fleet_budget)
        #: takes over what this process has committed elsewhere; gives campaigns to readers who check their version
        self.adopt, self.cached = self._campaigns.adopt, self._campaigns.newest
        #: campaigns whose open orders were looked at since this process began to lead
        self._rechecked: set[str] = set()
        #: hosts each campaign was last told to leave alone
        self._blocked: dict[str, frozenset[str]] = {}
        #: kill switches each campaign was last told of
        self._thrown: dict[str, tuple[Switch, ...]] = {}

    def run(self, stopping: threading.Event) -> None:
        """Tick until told to stop; a database in trouble is waited for."""
        self.inbox.open()
        while not stopping.is_set():
            try:
                wait = self.tick()
            except (StoreUnusable, SQLAlchemyError) as error:
                log.warning("The database is in trouble", action="tick", trouble=_kind(error))
                wait = TICK_S
            except Exception:
                # a loop that died would leave hosts alone with half a campaign
                log.exception("A tick failed; the next one looks again", action="tick")
                wait = TICK_S
            self._wake.wait(wait)
            self._wake.clear()
        self.inbox.refuse()

    def tick(self) -> float:
        """Give every campaign its turn; returns how many seconds the loop may rest."""
        if not self._lead.ensure():
            self._stand_by()
            return TICK_S
        items = self.inbox.take()
        try:
            return self._turns(items)
        except Deposed:
            self._lead.lose()
            self.inbox.put_back(items)
            self._stand_by()
            return TICK_S
        except BaseException:
            self.inbox.put_back(items)
            raise

    def _stand_by(self) -> None:
        """Know nothing and send nothing."""
        self._campaigns.clear()
        self._rechecked.clear()
        self._blocked.clear()
        self._thrown.clear()
        self._outbox.clear()
        self.inbox.refuse()
        self.inbox.open()

    def _turns(self, items: list[Item]) -> float:
        reports: dict[str, list[Item]] = defaultdict(list)
        strangers: list[Item] = []
        for item in items:
            if isinstance(item.received, Report):
                reports[campaign_id_of(item.received)].append(item)
            else:
                strangers.append(item)
        outside = self._campaigns.refresh(reports)
        strangers += [
            item for own, mine in reports.items() if self._campaigns.get(own) is None for item in mine
        ]
        if strangers:
            self._write(
                lambda writer: writer.log(strange_lines([s.received for s in strangers], self._now()))
            )
            done(items, strangers)
        self._sweep(outside)
        rest = TICK_S
        for campaign_id in self._campaigns:
            mine = reports.get(campaign_id, [])
            rest = min(rest, self._turn(campaign_id, mine, outside))
            taken(items, mine)
        return rest

    def _sweep(self, outside: Outside) -> None:
        """Renew leases that run out, or take them away; one that cannot be judged holds up no campaign."""
        now = self._now()
        leases = expiring.due(outside.leases, now)
        if not leases:
            return
        try:
            self._write(
                lambda writer: expiring.sweep(writer, leases, self._campaigns.get, now, self._lease_for_s)
            )
        except (Deposed, StoreUnusable, SQLAlchemyError):
            raise
        except Exception:
            # campaigns get their turns all the same; a lease that lasts longer frees nothing too early
            log.exception("Leases could not be looked at", action="sweep", leases=len(leases))

    def _turn(self, campaign_id: str, items: list[Item], outside: Outside) -> float:
        """Give one campaign its turn; one that fails holds up none of the others."""
        for _ in range(_TRIES):
            campaign = self._campaigns.get(campaign_id)
            if campaign is None:
                break
            try:
                rest = self._advance(campaign, items, outside)
            except (Conflict, LeaseHeld) as error:
                log.info("Somebody else was first", action="save", campaign=campaign_id, why=error.message)
                outside = self._campaigns.reload(campaign_id)
            except (Deposed, StoreUnusable, SQLAlchemyError):
                # perhaps it was committed all the same: then its orders have not left
                self._rechecked.discard(campaign_id)
                raise
            except Exception:
                # a defect, or a report nobody foresaw: this campaign waits, the others go on
                log.exception("This campaign's turn failed", action="turn", campaign=campaign_id)
                self._set_aside(campaign_id, items)
                return TICK_S
            else:
                settle(items)
                return rest
        self.inbox.put_back(items)
        return TICK_S / 4

    def _set_aside(self, campaign_id: str, items: Sequence[Item]) -> None:
        """Keep reports that broke a turn as evidence, so that they do not break every later one too."""
        reports = [item.received for item in items if isinstance(item.received, Report)]
        if reports:
            self._write(lambda writer: writer.log(breaking_lines(reports, campaign_id, self._now())))
        settle(items)

    def _advance(self, campaign: Campaign, items: Sequence[Item], outside: Outside) -> float:
        now = self._now()
        turn = Turn(
            before=campaign,
            after=campaign,
            now=now,
            fleet_budget=self._fleet_budget,
            lease_for_s=self._lease_for_s,
        )
        reports = [item.received for item in items if isinstance(item.received, Report)]
        if campaign.state is CampaignState.PLANNING:
            plan_turn(self._store, turn, reports)
        else:
            observe_reports(turn, reports)
        answers = self.gate_answers.of(campaign.id)
        for answer in answers:
            observe_event(turn, answer)
        # once after every start: orders that were committed and perhaps never left are published again
        again = [] if campaign.id in self._rechecked else unsent(turn, outside)
        around = self._around(turn, outside)
        actions = decide(turn.after, now, around)
        if turn.idle and not again and all(isinstance(action, WakeAt) for action in actions):
            turn.wake_at = next((action.at for action in actions if isinstance(action, WakeAt)), None)
        else:

            def write(writer: Writer) -> Campaign:
                outside.check(writer, campaign)
                writer.raise_epochs(turn.epochs_seen)
                act(turn, writer, actions, around)
                send_again(turn, again, outside)
                saved = commit(turn, writer)
                freeze(turn, writer)
                return saved

            # known only once it is committed: a version that was never saved would pass for one that was
            self._campaigns.put(self._write(write))
        # a plan that is not at work yet is told when it begins
        self._blocked[campaign.id] = around.left_alone if turn.after.state in WORKING else frozenset()
        self._thrown[campaign.id] = around.thrown if turn.after.state in WORKING else ()
        self._rechecked.add(campaign.id)
        self.gate_answers.taken(campaign.id, answers)
        if self._ask is not None and turn.questions:
            self._ask(turn.questions)
        # committed above, or there was nothing to commit: only now may anything leave
        self._outbox.send(tuple({celery_task_id(item.order): item for item in turn.sendings}.values()))
        return TICK_S if turn.wake_at is None else min(max((turn.wake_at - now).total_seconds(), 0.0), TICK_S)

    def _write(self, work: Callable[[Writer], _T]) -> _T:
        with self._store.write(self._lead.epoch) as writer:
            done = work(writer)
            seq = writer.last_seq()
        self._bulletin.announce(seq)
        return done

    def _around(self, turn: Turn, outside: Outside) -> Surroundings:
        """Collect what the campaign must know of the world outside itself; what is new of it is logged."""
        campaign = turn.after
        around = outside.around(campaign)
        note_switches(turn, self._thrown.get(campaign.id, ()), around.thrown)
        note_blocked(turn, self._blocked.get(campaign.id, frozenset()), around, outside)
        if not keeps_budgets(campaign, around) and campaign.policy.clocks == Clocks():
            return around
        # read now: another campaign may have started hosts in this very tick
        with self._store.read() as reader:
            return with_details(reader, campaign, around)


def _kind(error: StoreUnusable | SQLAlchemyError) -> str:
    # SQLAlchemy's own text quotes parameters
    return error.message if isinstance(error, StoreUnusable) else type(error).__name__
