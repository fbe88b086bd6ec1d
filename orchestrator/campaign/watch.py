"""What must be asked again about hosts that are in flight or soaking, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestrator.campaign.actions import Action, AskJournal, Recheck, Resend
from orchestrator.campaign.campaign import Attempt, HostRun
from orchestrator.campaign.expiry import dead_at
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import HostState
from tasks.model import Kind


@dataclass(slots=True)
class Timers:
    """Instants at which something becomes due, gathered while deciding."""

    instants: list[datetime] = field(default_factory=list)

    def at(self, instant: datetime | None) -> None:
        """Remember that something is due then."""
        if instant is not None:
            self.instants.append(instant)

    def first_after(self, now: datetime) -> datetime | None:
        """The next of them that lies ahead."""
        return min((instant for instant in self.instants if instant > now), default=None)


def watch(
    policy: RolloutPolicy,
    kind: Kind,
    runs: Iterable[HostRun],
    now: datetime,
    timers: Timers,
    *,
    resend: bool,
    undos: bool = True,
    quarantined: frozenset[str] = frozenset(),
) -> tuple[Action, ...]:
    """Questions and repeated orders that are due.

    `resend` is False when nothing new may start, `undos` when not even an undo may; `quarantined`
    hosts get no order again, nor do those whose gates passed too long ago.
    """
    look = _Watch(
        policy=policy,
        kind=kind,
        now=now,
        timers=timers,
        resend=resend,
        undos=undos,
        quarantined=quarantined,
    )
    return tuple(action for run in runs if (action := look.at(run)) is not None)


def still_passed(attempt: Attempt, now: datetime) -> bool:
    """Whether what gates said before its host still lets it start; an order that may not start waits to expire."""
    return attempt.passed_until is None or now < attempt.passed_until


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    policy: RolloutPolicy
    kind: Kind
    now: datetime
    timers: Timers
    resend: bool
    undos: bool
    quarantined: frozenset[str]

    def at(self, run: HostRun) -> Action | None:
        """The one thing that is due about this host, if any."""
        attempt = run.attempt
        if attempt is None:
            return None
        if run.state is HostState.SOAKING:
            return self._soaking(run, attempt)
        if run.state is HostState.UNKNOWN:
            return self._unknown(run, attempt)
        if attempt.accepted_at is None:
            return self._ordered(run, attempt)
        return self._running(run, attempt)

    def _due(self, since: datetime, seconds: float) -> bool:
        instant = since + timedelta(seconds=seconds)
        self.timers.at(instant)
        return instant <= self.now

    def _soaking(self, run: HostRun, attempt: Attempt) -> Action | None:
        end = run.soak_until or self.now
        first = attempt.asked_at is None or attempt.asked_at < end
        due = self._due(end, 0) if first else self._due(attempt.asked_at or end, self.policy.ask_every_s)
        return Recheck(host=run.host.name, attempt_id=attempt.id) if due else None

    def _unknown(self, run: HostRun, attempt: Attempt) -> Action | None:
        asked = attempt.asked_at
        if asked is not None and not self._due(self._again(attempt, asked), 0):
            return None
        if attempt.ended_at is not None:
            # its change is proven; what is unknown is whether it lasted
            return Recheck(host=run.host.name, attempt_id=attempt.id)
        return AskJournal(host=run.host.name, attempt_id=attempt.id)

    def _again(self, attempt: Attempt, asked: datetime) -> datetime:
        """When a host that was asked is asked again: now and then, and once its order can start no more."""
        due, dead = asked + timedelta(seconds=self.policy.ask_every_s), dead_at(attempt, self.kind)
        return min(due, dead) if asked < dead else due

    def _ordered(self, run: HostRun, attempt: Attempt) -> Action | None:
        """Nobody accepted it yet: publish again while it may start, ask when it may not."""
        last = max(attempt.sent_at or attempt.ordered_at, attempt.heard_at or attempt.ordered_at)
        if self._due(dead_at(attempt, self.kind), 0):
            # a worker that is still on its way to the host says so; it is asked when it falls silent
            if attempt.heard_at is None or self._due(last, self.policy.heartbeat_timeout_s):
                return AskJournal(host=run.host.name, attempt_id=attempt.id)
            return None
        if self.now >= attempt.expires_at:
            return None
        again = (self.undos if attempt.undo else self.resend) and run.host.name not in self.quarantined
        again = again and still_passed(attempt, self.now)
        if again and attempt.sent < self.policy.max_orders and self._due(last, self.policy.resend_after_s):
            return Resend(host=run.host.name, attempt_id=attempt.id)
        return None

    def _running(self, run: HostRun, attempt: Attempt) -> Action | None:
        heard = attempt.heard_at or attempt.accepted_at or attempt.ordered_at
        # a read sends no heartbeat of its own; its order may take as long as any order
        patience = self.policy.heartbeat_timeout_s
        if self.kind is Kind.READ_ONLY:
            patience = max(patience, self.policy.order_ttl_s)
        if self._due(heard, patience):
            return AskJournal(host=run.host.name, attempt_id=attempt.id)
        return None
