"""The report as JUnit XML: a test case per host, for whatever shows the results of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from orchestrator.campaign.states import HostState
from orchestrator.reporting.markup import as_xml, node
from orchestrator.reporting.record import Record
from orchestrator.screens.explain import render
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.report import elapsed, plain_text, seconds_of, what_of
from orchestrator.screens.views import HostView

#: what a test case holds for hosts that are not as wanted; every other state is a pass
_VERDICTS: Mapping[HostState, str] = {
    HostState.FAILED_CLEAN: "failure",
    HostState.ROLLED_BACK: "failure",
    HostState.NEEDS_HUMAN: "failure",
    HostState.ROLLING_BACK: "failure",
    # nobody knows, which is not the same as "it failed"
    HostState.UNREACHABLE: "error",
    HostState.UNKNOWN: "error",
    # not done, or not yet: no pass is claimed
    HostState.SKIPPED: "skipped",
    HostState.CANCELLED: "skipped",
    HostState.PENDING: "skipped",
    HostState.ORDERED: "skipped",
    HostState.RUNNING: "skipped",
    HostState.VERIFYING: "skipped",
    HostState.SOAKING: "skipped",
}

_UNBROKEN = 2000


def junit(record: Record) -> str:
    """The whole file: one suite, cases in the order of the plan, the text of `why` as its output."""
    view = record.view
    cases = [
        _case(f"{view.procedure}.wave-{wave.number}", host) for wave in view.waves for host in wave.hosts
    ]
    name = f"{view.procedure} {view.id}"
    seconds = f"{elapsed(view, record.written_at) or 0.0:.3f}"
    counts = {
        "tests": str(len(cases)),
        "failures": _count(cases, "failure"),
        "errors": _count(cases, "error"),
        "time": seconds,
    }
    facts = {
        "state": view.state,
        "exit_code": "" if view.exit_code is None else str(view.exit_code),
        "plan_hash": view.plan_hash,
        "author": view.author,
        "reason": view.reason,
        "audit_head": record.head,
    }
    properties = [node("property", {"name": key, "value": value}) for key, value in facts.items()]
    began = view.started_at or view.created_at
    suite = node(
        "testsuite",
        {
            "name": name,
            "timestamp": f"{began:%Y-%m-%dT%H:%M:%S}",
            **counts,
            "skipped": _count(cases, "skipped"),
        },
        node("properties", {}, *properties),
        *cases,
        node("system-out", {}, plain_text(render(view, record.why), width=_UNBROKEN)),
    )
    return as_xml(node("testsuites", {"name": name, **counts}, suite))


def _case(group: str, host: HostView) -> Element:
    case = node("testcase", {"name": host.host, "classname": group, "time": f"{seconds_of(host) or 0.0:.3f}"})
    verdict = _VERDICTS.get(host.state)
    if verdict is not None:
        case.append(_verdict(verdict, host))
    output = "\n".join(
        f"{step.get('state', '')}: {step.get('title', '')} {step.get('detail', '')}".rstrip()
        for attempt in host.attempts
        for step in (attempt.result or {}).get("steps") or ()
    )
    if output:
        case.append(node("system-out", {}, output))
    return case


def _verdict(verdict: str, host: HostView) -> Element:
    word = HOST_MARKS[host.state].word
    what = what_of(host).plain
    kind = {} if verdict == "skipped" else {"type": host.state.value}
    hint = [f"next: {host.error.hint}"] if host.error is not None and host.error.hint else []
    return node(verdict, {"message": f"{word}: {what}" if what else word, **kind}, *hint)


def _count(cases: list[Element], verdict: str) -> str:
    return str(sum(case.find(verdict) is not None for case in cases))
