"""Asks gates in threads of its own, a bounded number at a time, and hands their answers back.

It keeps nothing: a question that is lost with it is asked again by the loop. One that had to wait until the loop asks
again is dropped, so that those of a wave with many slots do not queue up behind their own repetitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import Gate, GateKind, Verdict
from orchestrator.campaign.gates.needed import PATIENCE_S
from orchestrator.gates import command, http, prometheus
from orchestrator.gates.about import Unanswerable, about
from orchestrator.gates.answer import Answer, answer
from orchestrator.loop.gate_questions import GateQuestion
from tasks.model import Host

log = structlog.get_logger()

_TOGETHER = 32


class Asker:
    """Questions on their way."""

    def __init__(self, deliver: Callable[[str, GateAnswered], None], *, now: Callable[[], datetime]) -> None:
        """Give every answer to `deliver`, with its campaign."""
        self._deliver = deliver
        self._now = now
        self._pool = ThreadPoolExecutor(_TOGETHER, thread_name_prefix="gate")

    def ask(self, questions: Sequence[GateQuestion]) -> None:
        """Begin to ask these, without waiting."""
        for question in questions:
            self._pool.submit(self._one, question)

    def stop(self) -> None:
        """Ask no more; each question under way ends at its own deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, question: GateQuestion) -> None:
        if self._now() - question.asked_at > timedelta(seconds=question.gate.timeout_s + PATIENCE_S):
            log.info("A question waited until it is asked again", action="gate", gate=question.gate.name)
            return
        try:
            said = answer_of(question.gate, self._now(), question.host)
        except Exception as error:
            # a defect of ours is no pass, and says so where the gate is shown
            log.exception("A gate could not be asked", action="gate", gate=question.gate.name)
            said = answer(Verdict.ERROR, f"it could not be asked: {type(error).__name__}")
        event = GateAnswered(
            gate=question.gate.name,
            wave=question.wave,
            asked_at=question.asked_at,
            verdict=said.verdict,
            detail=said.detail,
            host=question.host.name if question.host is not None else "",
        )
        self._deliver(question.campaign_id, event)


def answer_of(gate: Gate, now: datetime, host: Host | None = None) -> Answer:
    """Ask the gate, of moment host about this one, and wait for what it says."""
    if host is not None:
        try:
            gate = about(gate, host)
        except Unanswerable as error:
            return answer(Verdict.ERROR, str(error))
    if gate.kind is GateKind.HTTP:
        return http.ask(gate)
    if gate.kind is GateKind.PROMETHEUS:
        return prometheus.ask(gate, now)
    return command.ask(gate)
