"""The prometheus gate: all samples of a query lie within the limits; no data, NaN and old data are errors."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

from orchestrator.campaign.gate import Gate, Verdict
from orchestrator.gates.answer import Answer, answer
from orchestrator.gates.web import NoAnswer, get

#: samples this much older than now are not about the present
STALE_S = 60.0


def ask(gate: Gate, now: datetime) -> Answer:
    """Ask the query API once, and judge what it says."""
    try:
        page = get(f"{gate.url.rstrip('/')}/api/v1/query", gate.timeout_s, {"query": gate.query})
    except NoAnswer as error:
        return answer(Verdict.ERROR, str(error))
    try:
        document = json.loads(page.body)
    except (ValueError, RecursionError):
        return answer(Verdict.ERROR, f"status {page.status}, and no JSON: it is no Prometheus")
    return judge(gate, document, now)


def judge(gate: Gate, document: Any, now: datetime) -> Answer:
    """The answer that a document of the query API stands for."""
    try:
        if document["status"] != "success":
            return answer(Verdict.ERROR, f"the query was refused: {document.get('error', 'no reason given')}")
        samples = _samples(document["data"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return answer(Verdict.ERROR, "the answer is not one of the query API, or no instant vector")
    if not samples:
        return answer(Verdict.ERROR, "no data: the query matched nothing")
    if any(not math.isfinite(value) for _, value in samples):
        return answer(Verdict.ERROR, "a sample is not a finite number")
    age = now.timestamp() - min(instant for instant, _ in samples)
    if age > STALE_S:
        return answer(Verdict.ERROR, f"stale: a sample is {age:.0f} s old")
    values = [value for _, value in samples]
    for value in values:
        if gate.least is not None and value < gate.least:
            return answer(Verdict.FAIL, f"{value:g} is below least {gate.least:g}")
        if gate.most is not None and value > gate.most:
            return answer(Verdict.FAIL, f"{value:g} is above most {gate.most:g}")
    return answer(Verdict.PASS, f"{len(values)} samples from {min(values):g} to {max(values):g}")


def _samples(data: Any) -> list[tuple[float, float]]:
    if data["resultType"] == "scalar":
        pairs = [data["result"]]
    elif data["resultType"] == "vector":
        pairs = [item["value"] for item in data["result"]]
    else:
        raise ValueError("not an instant value")
    return [(float(pair[0]), float(pair[1])) for pair in pairs]
