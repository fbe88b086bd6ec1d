"""The moments of a rehearsal: what changed from one save of the campaign to the next, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.explaining.telling import occasion_words, told
from orchestrator.campaign.gate import Moment as Asked
from orchestrator.campaign.gate import Verdict
from orchestrator.campaign.limits.approval import approval_of, approvers, asked_words
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.wording import names, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the story."""

    #: true seconds since the beginning
    at_s: float
    #: wave at work; 0 before the first
    wave: int
    #: wave | starts | host | waits | gate | approval | stop | notice | state | told | fault
    kind: str
    text: str
    #: hosts it is about
    hosts: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Time and wave, in columns."""
        days, clock = divmod(int(self.at_s), 86_400)
        time = f"{clock // 3600}:{clock // 60 % 60:02}:{clock % 60:02}"
        wave = f"wave {self.wave}" if self.wave else "-"
        return f"{f'{days}d ' if days else ''}{time:>8}  {wave:<8}"

    @property
    def told(self) -> str:
        """The text and a few of its hosts; hostile names in it are escaped by whoever prints it."""
        return f"{self.text}: {names(self.hosts)}" if self.hosts else self.text


#: what is said of hosts that came to these states
_NOW = {
    HostState.ORDERED: "starts",
    HostState.PENDING: "not started after all, waits again",
    HostState.SOAKING: "changed, and watched from now on",
    HostState.UNKNOWN: "no news: keeps its slot, and its journal is asked",
    HostState.SUCCEEDED: "well",
    HostState.ALREADY_RIGHT: "right already",
    HostState.FAILED_CLEAN: "failed with nothing changed",
    HostState.ROLLING_BACK: "to be brought back",
    HostState.ROLLED_BACK: "back, proven equal to its snapshot",
    HostState.NEEDS_HUMAN: "left to a person, and quarantined",
    HostState.SKIPPED: "left out",
    HostState.UNREACHABLE: "not reached, so not touched",
    HostState.CANCELLED: "never started",
}
#: what comes of a stop, or of a wave that opens, is told after it
_BACK = "begins to come back"
_STARTS = frozenset({_NOW[HostState.ORDERED], _BACK})
_EFFECTS = _STARTS | {_NOW[HostState.CANCELLED], _NOW[HostState.ROLLING_BACK]}


def moments(before: Campaign, after: Campaign, at_s: float) -> Iterator[Moment]:
    """What this save says, the cause before its effects."""
    news = _hosts(before, after)
    known = [("host", text, hosts) for text, hosts in news.items() if text not in _EFFECTS]
    effects = [
        ("starts" if text in _STARTS else "host", text, hosts)
        for text, hosts in sorted(news.items(), key=lambda item: item[0] in _STARTS)
        if text in _EFFECTS
    ]
    for kind, text, hosts in (*known, *_causes(before, after)):
        yield Moment(at_s=at_s, wave=before.wave, kind=kind, text=text, hosts=tuple(hosts))
    opened = [("wave", text, ()) for text in _opened(before, after)]
    ends = [("state", text, ()) for text in _state(before, after)]
    for kind, text, hosts in (*opened, *effects, *ends):
        yield Moment(at_s=at_s, wave=after.wave, kind=kind, text=text, hosts=tuple(hosts))


def _causes(before: Campaign, after: Campaign) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What people, gates, rules and clocks said."""
    if approvers(after) != approvers(before):
        yield "approval", f"approved by {', '.join(approvers(after))}", ()
    yield from (("gate", text, ()) for text in _answers(before, after))
    for stop in after.stops[len(before.stops) :]:
        does = stop.action.value if stop.action is not None else "stop"
        text = f"STOPS ({does}): {stop.rule}; tolerated: {stop.limit}; observed: {stop.observed}"
        yield "stop", text, stop.hosts
    for notice in after.notices[len(before.notices) :]:
        text = f"WARNS: {notice.rule}; limit: {notice.limit}; observed: {notice.observed}"
        yield "notice", text, notice.hosts
    for channel, occasion in told(before, after):
        yield "told", f"tells {channel} that it is {occasion_words(occasion)}", ()


def _opened(before: Campaign, after: Campaign) -> Iterator[str]:
    if before.started_at is None and after.started_at is not None:
        yield "begins"
    if after.wave != before.wave:
        size = sum(run.wave == after.wave for run in after.runs)
        yield f"opens wave {after.wave} of {after.waves}: {plural(size, 'host')}"


def _hosts(before: Campaign, after: Campaign) -> dict[str, list[str]]:
    """Hosts of which something new is known, those with the same news together, in the order of the plan."""
    found: dict[str, list[str]] = {}
    for was, run in zip(before.runs, after.runs, strict=True):
        if was is not run:
            for text in _news(was, run):
                found.setdefault(text, []).append(run.host.name)
    return found


def _news(was: HostRun, run: HostRun) -> Iterator[str]:
    if run.state is not was.state and run.state in _NOW:
        failed = run.error is not None and run.failed_as is not None and run.failed_as != was.failed_as
        watched_back = run.state is HostState.SOAKING and run.attempt is not None and run.attempt.undo
        text = "back, and watched from now on" if watched_back else _NOW[run.state]
        yield text + (f" ({run.error.code})" if failed and run.error is not None else "")
    new = run.attempts[len(was.attempts) :]
    if any(attempt.undo for attempt in new):
        yield _BACK
    if (
        not new
        and run.attempt is not None
        and was.attempt is not None
        and run.attempt.sent > was.attempt.sent
    ):
        yield "gets its order again"


def _answers(before: Campaign, after: Campaign) -> Iterator[str]:
    """What gates said; a gate that says the same again is told once."""
    known = {(item.gate, item.wave): item.detail for item in before.gates}
    at_hosts = {gate.name for gate in after.policy.gates if gate.at is Asked.HOST}
    for item in after.gates:
        # hosts that pass are seen to start
        started = item.gate in at_hosts and item.verdict is Verdict.PASS
        if (
            item.answered_at is None
            or item.host
            or started
            or item in before.gates
            or known.get((item.gate, item.wave)) == item.detail
        ):
            continue
        place = f" for wave {item.wave}" if item.wave > 0 else " before all" if item.wave else ""
        yield f"gate {item.gate}{place} answers {item.verdict}: {item.detail}"


def _state(before: Campaign, after: Campaign) -> Iterator[str]:
    if after.state is before.state or after.state in {CampaignState.RUNNING, CampaignState.PAUSED}:
        return
    asked = approval_of(after)
    if after.state is CampaignState.AWAITING_APPROVAL and asked is not None:
        yield f"WAITS for the approval of {asked_words(asked)}"
    elif after.state is CampaignState.PLANNED:
        yield f"planned: {plural(after.waves, 'wave')}"
    elif after.state is CampaignState.ROLLING_BACK:
        yield "starts nothing new; what is under way settles"
    else:
        yield f"is {after.state.value}"
