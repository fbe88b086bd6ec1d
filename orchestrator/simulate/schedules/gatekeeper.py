"""Gates as the script has them: they pass mostly, late, twice or never."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import Verdict
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.told import Told


class Gatekeeper:
    """Answers questions, and remembers which it answered well."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        verdicts: Sequence[Verdict | None],
        told: Told,
        deliver: Callable[[str, GateAnswered], None],
    ) -> None:
        """Answer by these weights, and hand answers to `deliver`."""
        self._clock = clock
        self._dice = dice
        self._verdicts = verdicts
        self._told = told
        self._deliver = deliver

    def ask(self, questions: Sequence[GateQuestion]) -> None:
        """Answer these a little later, or never."""
        for question in questions:
            verdict = self._dice.among(self._verdicts)
            if verdict is None:
                continue
            for _ in range(2 if self._dice.chance(0.1) else 1):
                self._clock.after(self._dice.between(0.1, 6.0), self._answer(question, verdict))

    def _answer(self, question: GateQuestion, verdict: Verdict) -> Callable[[], None]:
        host = question.host.name if question.host is not None else ""
        event = GateAnswered(
            gate=question.gate.name,
            wave=question.wave,
            asked_at=question.asked_at,
            verdict=verdict,
            host=host,
        )

        def answer() -> None:
            if verdict is Verdict.PASS:
                self._passed(question, host)
            self._deliver(question.campaign_id, event)

        return answer

    def _passed(self, question: GateQuestion, host: str) -> None:
        campaign, gate = question.campaign_id, question.gate.name
        if host:
            self._told.host_passes.setdefault((campaign, gate, host), []).append(question.asked_at)
        else:
            key = (campaign, gate, question.wave)
            self._told.passes.setdefault(key, []).append(question.asked_at)
