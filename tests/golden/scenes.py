"""Scripted campaigns worth recording: each gives the campaign as planned, its log, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import PauseAsked, ResumeAsked, RollbackAsked, SkipAsked
from orchestrator.campaign.states import HostState
from orchestrator.store.store import Store
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

FIVE = tuple(f"web-{number}" for number in range(1, 6))

#: plays a campaign to its end: begins it by `begin(policy…)`, which notes how it was planned
Scene = Callable[[Control, Callable[..., str]], None]


def _host(name: str, state: HostState) -> Callable[[Campaign], bool]:
    def reached(campaign: Campaign) -> bool:
        run = campaign.run_of(name)
        return run is not None and run.state is state

    return reached


def _clean(control: Control, begin: Callable[..., str]) -> None:
    control.run(begin(waves="1,rest", parallelism=2, monitor_s=5), over)


def _canary_fails(control: Control, begin: Callable[..., str]) -> None:
    control.hosts.script = {"web-1": failed(changed=True)}
    control.run(begin(waves="1,rest", parallelism=2), over)


def _third_host_tolerated(control: Control, begin: Callable[..., str]) -> None:
    control.hosts.script = {"web-3": failed(changed=False)}
    control.run(begin(waves="all", parallelism=1, max_failures="1"), over)


def _third_host_not_tolerated(control: Control, begin: Callable[..., str]) -> None:
    control.hosts.script = {"web-3": failed(changed=True)}
    control.run(begin(waves="all", parallelism=2, max_failures="0"), over)


def _unknown_then_receipt(control: Control, begin: Callable[..., str]) -> None:
    own = begin(waves="1,rest", parallelism=2)
    control.tick()
    orders, control.outbox.waiting = control.outbox.waiting, []
    for order in orders:
        accepted, *_lost = control.hosts.answer(order)
        control.say(accepted)
    control.run(own, _host("web-1", HostState.UNKNOWN), lose=lambda _order: True)
    control.run(own, over)


def _abort(control: Control, begin: Callable[..., str]) -> None:
    own = begin(waves="1,rest", parallelism=1)
    control.run(own, _host("web-2", HostState.ORDERED))
    control.service.abort(own, "anna", "wrong release")
    control.run(own, over)


def _pause_and_resume(control: Control, begin: Callable[..., str]) -> None:
    own = begin(waves="all", parallelism=1)
    control.run(own, _host("web-2", HostState.SUCCEEDED))
    control.service.operate(own, PauseAsked(by="anna", reason="a look"))
    for _ in range(5):
        control.tick()
        control.work()
        control.clock.turn(1)
    control.service.operate(own, ResumeAsked(by="bert"))
    control.run(own, over)


def _rollback(control: Control, begin: Callable[..., str]) -> None:
    own = begin(waves="2,rest", parallelism=2)
    control.run(own, _host("web-3", HostState.SUCCEEDED))
    control.service.operate(own, RollbackAsked(by="anna", reason="wrong release"))
    control.run(own, over)


def _skip(control: Control, begin: Callable[..., str]) -> None:
    own = begin(waves="1,rest", parallelism=1)
    control.tick()
    control.service.operate(own, SkipAsked(host="web-4", by="anna", reason="in repair"))
    control.run(own, over)


SCENES: Mapping[str, Scene] = {
    "clean": _clean,
    "canary-fails": _canary_fails,
    "third-host-tolerated": _third_host_tolerated,
    "third-host-not-tolerated": _third_host_not_tolerated,
    "unknown-then-receipt": _unknown_then_receipt,
    "abort": _abort,
    "pause-and-resume": _pause_and_resume,
    "rollback": _rollback,
    "skip": _skip,
}


def control_for(store: Store) -> Control:
    """A control plane whose hosts say the same in every process."""
    return Control(store, hosts=ScriptedHosts(machine_id=lambda name: f"{int(name[4:]):032x}"))
