"""Laws of the look at untouched hosts: it comes before a rollback, and what all of them say is heard."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Found, Law, Violation
from orchestrator.simulate.laws.undos import SHARED, new_undos, overruled


def on_save(
    before: Campaign, after: Campaign, taken: AbstractSet[str], let_go: AbstractSet[str] = frozenset()
) -> Found:
    """Judge one saved turn; `taken` are at work for others or quarantined, `let_go` may have been when it began."""
    if overruled(after):
        return
    yield from _heard(before, after, taken)
    failed = [run for run in new_undos(before, after) if run.failed_as is not None]
    if failed and after.policy.control_hosts and not after.looks:
        free = [
            run.host.name
            for was, run in zip(before.runs, after.runs, strict=True)
            if run.state is was.state is HostState.PENDING
            and run.wave
            and not run.attempts
            and run.host.name not in taken
            and run.host.name not in let_go
        ]
        if free:
            detail = f"{failed[0].host.name} is brought back and nobody looked at {free[:3]}"
            yield Violation(law=Law.LOOK, detail=detail)


def _heard(before: Campaign, after: Campaign, taken: AbstractSet[str]) -> Found:
    """A look that has ended with nothing but failures has stopped the campaign."""
    known = {look.number for look in before.looks if look.ended_at is not None}
    for look in after.looks:
        if look.ended_at is None or look.number in known:
            continue
        heard = [
            item
            for item in look.controls
            if item.answered_at is not None
            and item.reached
            and item.host not in taken
            # one that is ordered in this very turn was untouched when the look ended
            and not _attempts(before, item.host)
        ]
        stops = [stop for stop in after.stops[len(before.stops) :] if stop.rule == SHARED]
        if heard and all(item.error is not None for item in heard) and not stops:
            names = [item.host for item in heard]
            yield Violation(law=Law.LOOK, detail=f"{names} all fail too, and it goes on")


def _attempts(campaign: Campaign, host: str) -> int:
    run = campaign.run_of(host)
    return len(run.attempts) if run is not None else 0
