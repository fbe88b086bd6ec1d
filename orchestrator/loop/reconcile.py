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

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import WORKING, decide
from orchestrator.campaign.disruption import keeps_budgets
from orchestrator.campaign.events import WakeAt
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.rollout import Clocks
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.acting import act
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.committing import commit
from orchestrator.loop.gate_questions import GateAnswers, GateQuestion
from orchestrator.loop.held import note_blocked, note_switches
from orchestrator.loop.inbox import Inbox, Item, settle
from orchestrator.loop.ingest import campaign_id_of
from orchestrator.loop.leading import Lead
from orchestrator.loop.observing import observe_event, observe_reports
from orchestrator.loop.open_orders import send_again
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
    ) -> None:
        """Work on `store` while `lead` is held; no more than `fleet_budget` hosts are away at a time."""
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
        self._cache: dict[str, Campaign] = {}
        #: campaigns as people's requests left them since the last tick
        self._adopted: dict[str, Campaign] = {}
        #: campaigns whose open orders were looked at since this process began to lead
        self._rechecked: set[str] = set()
        #: hosts each campaign was last told to leave alone
        self._blocked: dict[str, frozenset[str]] = {}
        #: kill switches each campaign was last told of
        self._thrown: dict[str, tuple[Switch, ...]] = {}

    def cached(self, campaign_id: str) -> Campaign | None:
        """Give the campaign as this loop knows it: for readers who check its version themselves."""
        return self._adopted.get(campaign_id) or self._cache.get(campaign_id)

    def adopt(self, campaign: Campaign) -> None:
        """Take over what this process has just committed elsewhere; it counts while SQL has that very version."""
        self._adopted[campaign.id] = campaign

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
        self._cache.clear()
        self._adopted = {}
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
        outside = self._refresh(reports)
        strangers += [item for own, mine in reports.items() if own not in self._cache for item in mine]
        if strangers:
            self._write(
                lambda writer: writer.log(strange_lines([s.received for s in strangers], self._now()))
            )
            _done(items, strangers)
        rest = TICK_S
        for campaign_id in list(self._cache):
            mine = reports.get(campaign_id, [])
            rest = min(rest, self._turn(campaign_id, mine, outside))
            _taken(items, mine)
        return rest

    def _refresh(self, reports: dict[str, list[Item]]) -> Outside:
        """Read what changed under us: campaigns begun, applied or aborted by others, leases and kill switches."""
        adopted, self._adopted = self._adopted, {}
        with self._store.read() as reader:
            heads = {head.id: head for head in reader.heads()}
            for own in (*heads, *reports):
                cached = self._cache.get(own)
                head = heads.get(own)
                if cached is not None and (head is None or head.version == cached.version):
                    continue
                known = adopted.get(own)
                same = known is not None and head is not None and known.version == head.version
                found = known if same else reader.load(own)
                if found is not None:
                    self._cache[own] = found
            outside = Outside.read(reader, self._fleet_budget)
        for own in [own for own in self._cache if own not in heads and own not in reports]:
            del self._cache[own]
        return outside

    def _turn(self, campaign_id: str, items: list[Item], outside: Outside) -> float:
        """Give one campaign its turn; one that fails holds up none of the others."""
        for _ in range(_TRIES):
            campaign = self._cache.get(campaign_id)
            if campaign is None:
                break
            try:
                rest = self._advance(campaign, items, outside)
            except (Conflict, LeaseHeld) as error:
                log.info("Somebody else was first", action="save", campaign=campaign_id, why=error.message)
                outside = self._reload(campaign_id)
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

    def _reload(self, campaign_id: str) -> Outside:
        with self._store.read() as reader:
            found = reader.load(campaign_id)
            outside = Outside.read(reader, self._fleet_budget)
        if found is None:
            self._cache.pop(campaign_id, None)
        else:
            self._cache[campaign_id] = found
        return outside

    def _set_aside(self, campaign_id: str, items: Sequence[Item]) -> None:
        """Keep reports that broke a turn as evidence, so that they do not break every later one too."""
        reports = [item.received for item in items if isinstance(item.received, Report)]
        if reports:
            self._write(lambda writer: writer.log(breaking_lines(reports, campaign_id, self._now())))
        settle(items)

    def _advance(self, campaign: Campaign, items: Sequence[Item], outside: Outside) -> float:
        now = self._now()
        turn = Turn(before=campaign, after=campaign, now=now, fleet_budget=self._fleet_budget)
        reports = [item.received for item in items if isinstance(item.received, Report)]
        if campaign.state is CampaignState.PLANNING:
            plan_turn(self._store, turn, reports)
        else:
            observe_reports(turn, reports)
        answers = self.gate_answers.of(campaign.id)
        for answer in answers:
            observe_event(turn, answer)
        self._recheck(turn, outside)
        around = self._around(turn, outside)
        actions = decide(turn.after, now, around)
        if turn.idle and all(isinstance(action, WakeAt) for action in actions):
            turn.wake_at = next((action.at for action in actions if isinstance(action, WakeAt)), None)
        else:

            def write(writer: Writer) -> Campaign:
                outside.check(writer, campaign)
                writer.raise_epochs(turn.epochs_seen)
                act(turn, writer, actions, around)
                saved = commit(turn, writer)
                freeze(turn, writer)
                return saved

            # known only once it is committed: a version that was never saved would pass for one that was
            self._cache[campaign.id] = self._write(write)
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

    def _recheck(self, turn: Turn, outside: Outside) -> None:
        """Once after every start: orders that were committed and perhaps never left are published again."""
        if turn.before.id not in self._rechecked:
            send_again(turn, outside)

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


def _taken(items: list[Item], some: Sequence[Item]) -> None:
    """Take these out of the list in place: what is left in it when a tick breaks comes again."""
    gone = {id(item) for item in some}
    items[:] = [item for item in items if id(item) not in gone]


def _done(items: list[Item], some: Sequence[Item]) -> None:
    settle(some)
    _taken(items, some)


def _kind(error: StoreUnusable | SQLAlchemyError) -> str:
    # SQLAlchemy's own text quotes parameters
    return error.message if isinstance(error, StoreUnusable) else type(error).__name__
