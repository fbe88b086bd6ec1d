"""The http gate: status 2xx passes, any other fails, no answer is an error."""

from __future__ import annotations

from orchestrator.campaign.gate import Gate, Verdict
from orchestrator.gates.answer import Answer, answer
from orchestrator.gates.web import NoAnswer, get


def ask(gate: Gate) -> Answer:
    """Probe the address once."""
    try:
        page = get(gate.url, gate.timeout_s)
    except NoAnswer as error:
        return answer(Verdict.ERROR, str(error))
    good = 200 <= page.status < 300
    return answer(Verdict.PASS if good else Verdict.FAIL, f"status {page.status}")
