"""Orchestrator processes one after another: each may die at any instruction, stand still, and be overtaken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from orchestrator.campaign.events import GateAnswered
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.loop.orders import Sending
from orchestrator.simulate.laws.judge import Judge
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.memory import MemoryStore, Saved
from orchestrator.simulate.stage.plane import Killed, Plane
from orchestrator.simulate.stage.post import Post

#: how long a process stands still that another one overtakes
_STANDS_STILL_S = 10.0


class Processes:
    """The process that leads or is about to, and what becomes of it."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        *,
        store: MemoryStore,
        post: Post,
        judge: Judge,
        ask: Callable[[Sequence[GateQuestion]], None],
    ) -> None:
        """Start the first one."""
        self._clock = clock
        self._dice = dice
        self._store = store
        self._post = post
        self._judge = judge
        self._ask = ask
        self._names = count(1)
        self._ids = count(1)
        store.committed = judge.committed
        store.wrote = judge.wrote
        self.plane = self._start()

    def _start(self) -> Plane:
        return Plane(
            f"sim{next(self._names)}",
            self._store,
            self._clock,
            self._publish,
            lambda: f"csim{next(self._ids):05}",
            ask=self._ask,
        )

    def _publish(self, sendings: Sequence[Sending]) -> None:
        self._judge.published(sendings)
        # what expired while the process stood still, the product's publisher drops
        now = self._clock().timestamp()
        self._post.publish([sending for sending in sendings if sending.order.expires_at > now])

    def answered(self, campaign_id: str, event: GateAnswered) -> None:
        """Hand the answer of a gate to whoever leads by then; one to a dead process is lost."""
        self.plane.reconciler.gate_answers.put(campaign_id, event)

    def tick(self) -> bool:
        """Let the loop look; whether it had something to do."""
        reports, self._post.arrived = self._post.arrived, []
        plane, commits = self.plane, self._judge.commits
        self._judge.heard(reports)
        plane.say(reports)
        versions = self._versions()
        self._judge.stood_s = 0.0
        try:
            plane.reconciler.tick()
        except Killed:
            self._judge.died(plane.settled(), commits)
            self.replace()
            return True
        self._post.arrived += plane.returned()
        return bool(reports) or versions != self._versions()

    def _versions(self) -> dict[str, int]:
        return {own: item.version for own, item in self._judge.campaigns.items()}

    def replace(self, after_s: float | None = None) -> None:
        """Another process takes over, so much later; what the dead one did not commit comes again."""
        dead = self.plane
        self._store.before_begin = self._store.before_commit = _nothing
        self._store.committed = self._judge.committed
        self._post.arrived += dead.unsettled()
        dead.up = False
        if after_s is None:
            # perhaps its lease is still fresh: nobody leads for a while
            after_s = 10.0 if self._dice.chance(0.5) else 0.0
        if after_s:
            self._clock.go(self._clock.true_s + after_s)
        self.plane = self._start()

    def die_in_save(self) -> None:
        """The process dies just before its next commit."""

        def die() -> None:
            raise Killed

        self._store.before_commit = die

    def die_after_save(self) -> None:
        """The process dies when its next turn is committed and nothing of it was sent."""

        def die(saves: list[Saved]) -> None:
            self._store.committed = self._judge.committed
            self._judge.committed(saves)
            raise Killed

        self._store.committed = die

    def overtake(self) -> None:
        """The process stands still just before it writes; another one takes the lead; then it goes on."""

        def stand_still() -> None:
            self._store.before_begin = _nothing
            self._clock.true_s += _STANDS_STILL_S
            other = self._start()
            other.reconciler.tick()
            self._successor(other)
            self._judge.stood_s = _STANDS_STILL_S

        self._store.before_begin = stand_still

    def _successor(self, other: Plane) -> None:
        old = self.plane

        def swap() -> None:
            if self.plane is old:
                self._post.arrived += old.unsettled()
                self.plane = other

        self._clock.after(0.5, swap)

    def race(self, meddle: Callable[[], None]) -> None:
        """A person is served just before the next write: what was decided before that is out of date."""

        def serve() -> None:
            self._store.before_begin = _nothing
            meddle()

        self._store.before_begin = serve


def _nothing() -> None:
    return None
