"""People: they pause, approve, abort, stop everything, set hosts apart and clear up, and keep what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import ApproveAsked, PauseAsked, ResumeAsked, RollbackAsked, SkipAsked
from orchestrator.campaign.kill_switch import Target, holding
from orchestrator.campaign.rollout import Quorum
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.service.retrying import Retry
from orchestrator.service.service import Service
from orchestrator.service.stopping import StopAll
from orchestrator.service.undoing import Undo
from orchestrator.simulate.laws.law import is_open, is_over, waits_for_a_person
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import SimHost
from orchestrator.simulate.stage.overrides import opened, wishes
from orchestrator.simulate.stage.told import Told
from orchestrator.store.errors import Deposed
from orchestrator.store.store import Store
from tasks.errors import DockwaveError

#: who plans everything
AUTHOR = "simulator"
#: names people approve under, and which person that is; "" = one whose yes may not count
_NAMES = (
    (AUTHOR, ""), (f"{AUTHOR}@desk", ""), ("ann", "ann"), ("ann@desk", "ann"), ("Ann", "ann"), ("bob", "bob"),
)  # fmt: skip
#: after this long people abort what cannot go on by itself
_PATIENCE_S = 1500.0
OPERATORS = frozenset(
    {"pause", "resume", "abort", "abort-hard", "skip", "rollback", "undo", "retry", "override"}
)


class People:
    """Everybody who asks something of the engine."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        *,
        told: Told,
        service: Callable[[], Service],
        store: Store,
        campaigns: Mapping[str, Campaign],
        hosts: Mapping[str, SimHost],
        apply: Callable[[str], None],
    ) -> None:
        """Ask whoever leads; `campaigns` and `hosts` are looked at, never changed; `apply` applies a plan."""
        self._clock = clock
        self._dice = dice
        self._told = told
        self._service = service
        self._store = store
        self._campaigns = campaigns
        self._hosts = hosts
        self._apply = apply

    # -- one campaign ----------------------------------------------------------------------------------------

    def operate(self, what: str, dice: Dice) -> None:
        """Ask something of a campaign that was started."""
        started = [item for item in self._campaigns.values() if item.started_at]
        if started:
            campaign = dice.among(started)
            self._try(lambda: self._operate(what, campaign, dice))

    def _operate(self, what: str, campaign: Campaign, dice: Dice) -> None:
        own, service = campaign.id, self._service()
        if what in {"abort", "abort-hard"}:
            self._abort(own, hard=what == "abort-hard")
        elif what == "undo":
            self._again(lambda: service.undo(own, Undo(parallelism=dice.whole(1, 3), by=AUTHOR))[0])
        elif what == "retry":
            self._again(lambda: service.retry(own, Retry(by=AUTHOR)))
        elif what == "override":
            self._override(campaign)
        elif what == "skip":
            pending = [run.host.name for run in campaign.runs if run.state is HostState.PENDING]
            if pending:
                service.operate(own, SkipAsked(host=dice.among(pending), by=AUTHOR))
        elif what == "pause":
            service.operate(own, PauseAsked(by=AUTHOR))
        elif what == "resume":
            service.operate(own, ResumeAsked(by=AUTHOR, silence=dice.chance(0.3)))
        else:
            service.operate(own, RollbackAsked(by=AUTHOR))

    def _again(self, plan: Callable[[], str]) -> None:
        """Plan a campaign from what another one left, and apply it; its hosts are asked first."""
        own = plan()
        self._clock.after(3.0, lambda: self._apply(own))

    def _override(self, campaign: Campaign) -> None:
        """Let whatever gate holds it pass; those that hold nothing are refused."""
        for wish in wishes(campaign, AUTHOR):
            gate = opened(campaign, wish)
            # before it returns: whoever is killed may have written it
            fresh = gate not in self._told.overridden
            self._told.overridden.add(gate)
            done = self._try(lambda wish=wish: self._service().operate(campaign.id, wish))  # type: ignore[misc]  # a lambda's default
            if not done and fresh:
                self._told.overridden.discard(gate)

    def approve_soon(self, campaign: Campaign) -> None:
        """Everybody approves it in some order, also those whose yes may not count, and for another plan."""
        if campaign.policy.approval is None:
            return
        for by, who in _NAMES:
            if self._dice.chance(0.7):
                self._clock.after(
                    self._dice.between(1.0, 40.0),
                    lambda by=by, who=who: self._approve(campaign, by, who),  # type: ignore[misc]  # a lambda's defaults
                )
        self._clock.after(
            self._dice.between(1.0, 40.0), lambda: self._approve(campaign, "carl", "", "0" * 64)
        )

    def _approve(self, campaign: Campaign, by: str, who: str, plan_hash: str = "") -> None:
        event = ApproveAsked(by=by, plan_hash=plan_hash or campaign.plan_hash)
        if who:
            # before it returns: the last one starts the campaign
            self._told.agreed.setdefault(campaign.id, set()).add(who)
        self._try(lambda: self._service().operate(campaign.id, event))

    # -- more than one campaign ------------------------------------------------------------------------------

    def happen(self, what: str) -> None:
        """Do what concerns more than one campaign."""
        {
            "stop-all": lambda: self._throw(Target.EVERYTHING, ""),
            "stop-procedure": lambda: self._throw(Target.PROCEDURE, "engine.restart"),
            "stop-campaign": self._throw_one,
            "let-go": self._let_go,
            "quarantine": lambda: self._set_apart(self._dice.among(tuple(self._hosts))),
            "quarantine-at-work": lambda: self.set_apart("at work"),
            "release": self._release_one,
        }[what]()

    def resume_all(self) -> None:
        """Resume everything that is paused, whatever paused it."""
        for campaign in tuple(self._campaigns.values()):
            if campaign.state is CampaignState.PAUSED:
                self._resume(campaign.id)

    def _resume(self, own: str) -> None:
        self._try(lambda: self._service().operate(own, ResumeAsked(by=AUTHOR)))

    def interrupt(self) -> None:
        """Stop something that is at work, in any of the ways there are."""
        what = self._dice.among(
            ("pause", "abort", "stop-all", "quarantine-at-work", "quarantine-at-work", "")
        )
        if what in OPERATORS:
            self.operate(what, self._dice)
        elif what:
            self.happen(what)

    def set_apart(self, which: str) -> None:
        """Quarantine a host that is to be ordered next, or one that is at work or about to be brought back."""
        states = {HostState.PENDING} if which == "next" else {HostState.ORDERED, HostState.ROLLING_BACK}
        found = [
            run.host.name
            for campaign in self._campaigns.values()
            if campaign.wave and not is_over(campaign)
            for run in campaign.runs
            if run.state in states and run.wave <= campaign.wave + 1
        ]
        if found:
            self._set_apart(found[0] if self._dice.chance(0.5) else self._dice.among(found))

    def meddle(self) -> None:
        """Do anything at all."""
        what = self._dice.among(
            ("pause", "abort", "skip", "stop-all", "stop-campaign", "quarantine", "resume")
        )
        if what in OPERATORS:
            self.operate(what, self._dice)
        else:
            self.happen(what)

    def _throw_one(self) -> None:
        if self._campaigns:
            self._throw(Target.CAMPAIGN, self._dice.among(tuple(self._campaigns)))

    def _throw(self, target: Target, name: str) -> None:
        wish = StopAll(target=target, name=name, by=AUTHOR, reason="wait")
        if self._try(lambda: self._service().stop_all(wish)):
            self._told.thrown.setdefault((target, name), self._clock.true)

    def _let_go(self) -> None:
        if self._told.thrown:
            target, name = self._dice.among(tuple(self._told.thrown))
            self._release(target, name)

    def _release(self, target: Target, name: str) -> None:
        wish = StopAll(target=target, name=name, by=AUTHOR, reason="go on")
        self._told.thrown.pop((target, name), None)
        if self._try(lambda: self._service().release_all(wish)):
            # somebody may have thrown it once more, to no effect, before the release was written
            self._told.thrown.pop((target, name), None)

    def _set_apart(self, host: str) -> None:
        if self._try(lambda: self._service().quarantine_host(host, AUTHOR, "odd")):
            self._told.apart.add(host)

    def _release_one(self) -> None:
        idle = [host for host in sorted(self._told.apart) if self._hosts[host].running() is None]
        if idle:
            self._release_host(self._dice.among(idle))

    def _release_host(self, host: str, *, budget: bool = False) -> bool:
        held = self._told.apart & {host}
        self._told.apart -= held
        try:
            self._service().release_host(host, AUTHOR, "looked at it", budget=budget)
        except DockwaveError as refused:
            # where nobody leads, nothing was written
            self._told.apart |= held if isinstance(refused, Deposed) else set()
            return False
        # somebody may have quarantined it once more, to no effect, before the release was written
        self._told.apart.discard(host)
        return True

    # -- the end ---------------------------------------------------------------------------------------------

    def clear_up(self) -> None:
        """Look at hosts that finished campaigns left, let others change them, and let go of everything else."""
        with self._store.read() as reader:
            leases = reader.leases()
            left = [item.host for item in reader.quarantines()]
            thrown = holding(reader.switches())
        free = [host for host in left if not self._in_hand(host)]
        for lease in leases:
            owner = self._campaigns.get(lease.campaign_id)
            if (owner is None or is_over(owner)) and self._hosts[lease.host].running() is None:
                free.append(lease.host)
        for host in dict.fromkeys(free):
            self._release_host(host, budget=True)
        for switch in thrown:
            self._release(switch.target, switch.name)
        for campaign in tuple(self._campaigns.values()):
            if campaign.state is CampaignState.AWAITING_APPROVAL:
                self._approve(campaign, "ann", "ann")
                self._approve(campaign, "bob", "bob")
            elif waits_for_a_person(campaign):
                self._resume(campaign.id)
            elif self._clock.true_s > _PATIENCE_S and self._waits_for_the_unreachable(campaign):
                self._try(lambda own=campaign.id: self._abort(own))  # type: ignore[misc]  # a lambda's default

    def _in_hand(self, host: str) -> bool:
        """Whether a campaign waits for the end of what is at work there; what was forgotten, nobody waits for."""
        entry = self._hosts[host].running()
        owner = self._campaigns.get(entry.order.campaign_id) if entry is not None else None
        run = owner.run_of(host) if owner is not None else None
        attempt = run.attempt if run is not None else None
        return (
            entry is not None
            and is_open(attempt)
            and attempt is not None
            and attempt.id == entry.order.attempt_id
        )

    def _waits_for_the_unreachable(self, campaign: Campaign) -> bool:
        """Whether hosts nobody reaches, of whatever campaign, may use up for good what others wait for."""
        states = {run.state for run in campaign.runs}
        if campaign.state is CampaignState.PAUSED:
            return HostState.UNKNOWN in states
        shares = campaign.policy.budgets is not None or campaign.policy.quorum is not Quorum.OFF
        gone = HostState.UNREACHABLE in states or any(host.dark for host in self._hosts.values())
        return campaign.state is CampaignState.RUNNING and shares and gone and HostState.PENDING in states

    def _abort(self, own: str, *, hard: bool = False) -> None:
        self._service().abort(own, AUTHOR, hard=hard)
        # acknowledged now: it returned
        self._told.aborted.setdefault(own, self._clock.true)

    @staticmethod
    def _try(what: Callable[[], object]) -> bool:
        """Whether it was done; refused, everything is as before: the judge sees that nothing was saved."""
        try:
            what()
        except DockwaveError:
            return False
        return True
