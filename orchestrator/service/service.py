"""What people may ask and do; the API is a thin skin over it, and every refusal says what to do next.

Reading works on every orchestrator, writing on the leading one. Nothing here publishes: what is committed here is
seen by the loop, which sends what follows from it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import AbortAsked, Event, OperatorEvent, Started
from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.campaign.limits.conflict import OnConflict
from orchestrator.campaign.operators import objection
from orchestrator.loop import planning
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.committing import commit
from orchestrator.loop.leading import Lead
from orchestrator.loop.observing import observe_event
from orchestrator.loop.planning import NewPlan
from orchestrator.loop.turn import Turn, kind_of
from orchestrator.service import conflicting, quarantining, stopping
from orchestrator.service.applying import canonical, edited, refusal
from orchestrator.service.quarantining import Quarantined, Released
from orchestrator.service.reading import UNDO_ASKED, Reading
from orchestrator.service.retrying import Retry, again
from orchestrator.service.stopping import StopAll
from orchestrator.service.undoing import Undo, way_back
from orchestrator.store.reader import Reader
from orchestrator.store.records import LogEntry
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer
from tasks import catalog
from tasks.errors import BadInput, DockwaveError, Refused

#: letters of campaign ids: no 0 and 1, which people read as o and l
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def new_campaign_id() -> str:
    """Draw an id no campaign ever had: hosts remember ids for ever, also when the database is lost."""
    return "c" + "".join(secrets.choice(_LETTERS) for _ in range(8))


class Service(Reading):
    """Plans, campaigns and their log."""

    def __init__(
        self,
        store: Store,
        lead: Lead,
        *,
        now: Callable[[], datetime],
        bulletin: Bulletin,
        wake: Callable[[], None],
        cached: Callable[[str], Campaign | None] = lambda _campaign_id: None,
        new_id: Callable[[], str] = new_campaign_id,
        health: Callable[[], Mapping[str, Any]] = dict,
        channels: Collection[str] = (),
        fleet_budget: int | None = None,
        adopt: Callable[[Campaign], None] = lambda _campaign: None,
    ) -> None:
        """Serve what `store` holds; ring `wake` when there is something to do; `channels` are those there are.

        `adopt` is given every campaign as it was just committed here.
        """
        super().__init__(
            store, lead, now=now, bulletin=bulletin, cached=cached, health=health, fleet_budget=fleet_budget
        )
        self._wake = wake
        self._new_id = new_id
        self._channels = channels
        self._adopt = adopt

    def plan(self, request: NewPlan) -> str:
        """Begin to plan: hosts are asked for their dry runs; gives the id of the new campaign."""
        procedure = catalog.find(request.procedure)
        params = catalog.parse_params(procedure, dict(request.params)).model_dump(mode="json")
        now = self._now()
        planning.check(request)
        planning.check_gates(request.policy, request.hosts)
        planning.check_channels(request.policy, self._channels)
        with self._store.write(self._lead.epoch) as writer:
            campaign = planning.begin(
                request,
                campaign_id=self._unused_id(writer),
                kind=procedure.spec.kind,
                params=params,
                timeout_s=request.timeout_s or procedure.spec.timeout_s,
                now=now,
            )
            data = {"procedure": campaign.procedure, "hosts": len(campaign.runs), "by": campaign.author}
            line = LogEntry(kind="plan-asked", at=now, campaign_id=campaign.id, data=data)
            lines = [line]
            if request.origin is not None:
                asked = {"campaign": campaign.id, "by": campaign.author, "reason": campaign.reason}
                lines.append(
                    LogEntry(kind=UNDO_ASKED, at=now, campaign_id=request.origin.campaign, data=asked)
                )
            writer.save(None, campaign, lines)
            writer.ask_plan(campaign.id, {"allow_unreachable": request.allow_unreachable})
        self._changed()
        return campaign.id

    def apply(
        self,
        document: bytes,
        by: str,
        *,
        allow_data_loss: bool = False,
        on_conflict: OnConflict = OnConflict.QUEUE,
    ) -> str:
        """Apply a plan: the very document that was made, once, before it expires; gives the campaign's id."""
        bytes_of_plan = canonical(document)
        with self._store.write(self._lead.epoch) as writer:
            applied = self._apply(
                writer, bytes_of_plan, by, allow_data_loss=allow_data_loss, on_conflict=on_conflict
            )
        if isinstance(applied, DockwaveError):
            self._changed()
            raise applied
        self._changed(applied)
        return applied.id

    def _apply(
        self, writer: Writer, document: bytes, by: str, *, allow_data_loss: bool, on_conflict: OnConflict
    ) -> Campaign | DockwaveError:
        now = self._now()
        plan = writer.plan_by_hash(hashlib.sha256(document).hexdigest())
        campaign = self._shelf.get(writer, plan.campaign_id) if plan is not None else None
        if plan is None or campaign is None:
            problem = edited(writer, document)
            writer.log([_refused("apply", problem, now, by)])
            return problem
        problem_or_none = refusal(campaign, plan, now, allow_data_loss=allow_data_loss)
        found = conflicting.rivals_of(writer, campaign) if problem_or_none is None else ()
        if found and on_conflict is OnConflict.REFUSE:
            problem_or_none = conflicting.refused(campaign, found)
        if problem_or_none is not None:
            writer.log([_refused("apply", problem_or_none, now, by, campaign.id)])
            return problem_or_none
        writer.mark_applied(campaign.id, now, _line(by))
        writer.log(list(conflicting.noted(campaign, found, now)))
        return self._observe(writer, campaign, Started(by=_line(by)), now)

    def abort(self, campaign_id: str, by: str, reason: str = "", *, hard: bool = False) -> Campaign:
        """Start no further host; running ones finish, or stop between two steps. Repeating it changes nothing."""
        with self._store.write(self._lead.epoch) as writer:
            campaign = self._found(writer, campaign_id)
            event = AbortAsked(by=_line(by), reason=_line(reason), hard=hard)
            saved = self._observe(writer, campaign, event, self._now())
        self._changed(saved)
        return saved

    def operate(self, campaign_id: str, event: OperatorEvent) -> Campaign:
        """Do what a person asks of a campaign; done before is no mistake, a refusal says why and is logged."""
        now = self._now()
        event = replace(event, by=_line(event.by), reason=_line(event.reason))
        with self._store.write(self._lead.epoch) as writer:
            campaign = self._found(writer, campaign_id)
            against = objection(campaign, event, now)
            if against is None:
                saved = self._observe(writer, campaign, event, now)
            else:
                problem = Refused(against.reason, code="E_NOT_NOW", hint=against.hint)
                writer.log([_refused(kind_of(event), problem, now, event.by, campaign.id)])
        if against is not None:
            self._changed()
            raise problem
        self._changed(saved)
        return saved

    def refuse(self, campaign_id: str, event: OperatorEvent, problem: DockwaveError) -> None:
        """Log that somebody asked for what they may not do, and why they may not."""
        with self._store.write(self._lead.epoch) as writer:
            writer.log([_refused(kind_of(event), problem, self._now(), event.by, campaign_id)])
        self._changed()

    def retry(self, campaign_id: str, wish: Retry) -> str:
        """Plan again what the campaign did not prove; gives the id of the new campaign."""
        return self.plan(again(self.campaign(campaign_id), wish))

    def undo(self, campaign_id: str, wish: Undo) -> tuple[str, Mapping[str, str]]:
        """Plan to take a finished campaign back; gives the id of the new campaign, and why hosts stay out of it."""
        campaign = self.campaign(campaign_id)
        back = way_back(
            campaign,
            wish,
            leases=self.leases(),
            quarantines=self.quarantines(),
            others=self.undone_by(campaign.id),
        )
        # a channel that was taken out of the settings since keeps nobody from coming back
        policy = back.request.policy
        there = tuple(entry for entry in policy.notify if entry.to in self._channels)
        request = replace(back.request, policy=replace(policy, notify=there))
        return self.plan(request), back.left_out

    def stop_all(self, wish: StopAll) -> Switch:
        """Start nothing more of everything, a procedure or a campaign, undos included, until it is released."""
        stopping.check_procedure(wish)
        with self._store.write(self._lead.epoch) as writer:
            if wish.target is Target.CAMPAIGN:
                campaign = self._found(writer, wish.name)
                stopping.check_campaign(campaign)
                wish = replace(wish, name=campaign.id)
            switch = stopping.throw(writer, _clean(wish), self._now())
        self._changed()
        return switch

    def release_all(self, wish: StopAll) -> Switch:
        """Let go of what was stopped under this very target; repeating it changes nothing."""
        with self._store.write(self._lead.epoch) as writer:
            if wish.target is Target.CAMPAIGN:
                wish = replace(wish, name=self._found(writer, wish.name).id)
            switch = stopping.release(writer, _clean(wish), self._now())
        self._changed()
        return switch

    def quarantine_host(self, host: str, by: str, reason: str) -> Quarantined:
        """Let no campaign change a host until it is released; repeating it changes nothing."""
        with self._store.write(self._lead.epoch) as writer:
            answer = quarantining.quarantine(
                writer, host, by=_line(by), reason=_line(reason), now=self._now()
            )
        self._changed()
        return answer

    def release_host(self, host: str, by: str, reason: str, *, budget: bool = False) -> Released:
        """Let campaigns change a host again that was quarantined, or that one of them keeps; logged with its reason."""
        with self._store.write(self._lead.epoch) as writer:
            answer = quarantining.release(
                writer, host, by=_line(by), reason=_line(reason), now=self._now(), budget=budget
            )
        self._changed()
        return answer

    def accept_identity(self, host: str, by: str, reason: str) -> None:
        """Accept whatever machine answers to this name next: an operator says that it was rebuilt."""
        with self._store.write(self._lead.epoch) as writer:
            if not host.isprintable() or host not in writer.hosts([host]):
                raise BadInput(
                    f"No host named {host[:253]!r} has ever answered",
                    code="E_NOT_FOUND",
                    hint="Check its name",
                )
            data = {"by": _line(by), "reason": _line(reason)}
            writer.log([LogEntry(kind="identity-accepted", at=self._now(), host=host, data=data)])
            writer.forget_identity(host)
        self._changed()

    def _observe(self, writer: Writer, campaign: Campaign, event: Event, now: datetime) -> Campaign:
        turn = Turn(before=campaign, after=campaign, now=now, fleet_budget=self._fleet_budget)
        observe_event(turn, event)
        return commit(turn, writer)

    def _unused_id(self, reader: Reader) -> str:
        while True:
            campaign_id = self._new_id()
            if not reader.starting_with(campaign_id):
                return campaign_id

    def _changed(self, saved: Campaign | None = None) -> None:
        """Let everybody know of what was committed."""
        if saved is not None:
            self._adopt(saved)
        with self._store.read() as reader:
            self._bulletin.announce(reader.last_seq())
        self._wake()


def _refused(what: str, problem: DockwaveError, now: datetime, by: str, campaign_id: str = "") -> LogEntry:
    data = {"code": problem.code, "reason": problem.message, "by": _line(by)}
    return LogEntry(kind=f"refused:{what}", at=now, campaign_id=campaign_id, data=data)


def _clean(wish: StopAll) -> StopAll:
    return replace(wish, name=_line(wish.name), by=_line(wish.by), reason=_line(wish.reason))


def _line(text: str) -> str:
    """Give what a person typed as one bounded line: it goes into columns, journals and logs."""
    return "".join(char for char in text if char.isprintable())[:300]
