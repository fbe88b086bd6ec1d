"""A service that plays a script instead of a fleet, and its API on a real port: what CLI and API tests talk to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from orchestrator.api.app import create_app
from orchestrator.api.token import ensure_secret
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Stop
from orchestrator.campaign.events import OperatorEvent
from orchestrator.campaign.explaining.why import Explanation, explain
from orchestrator.campaign.kill_switch import Switch, applying, holding
from orchestrator.campaign.limits.conflict import OnConflict, Rival
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.plan import PlanRequest, make_plan
from orchestrator.campaign.plan_document import canonical_json, plan_document
from orchestrator.campaign.quarantine import Quarantine, concerning
from orchestrator.campaign.rollout import FailureKind
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.planning import NewPlan
from orchestrator.service.quarantining import Quarantined, Released
from orchestrator.service.retrying import Retry, again
from orchestrator.service.stopping import StopAll
from orchestrator.service.travelling import Past
from orchestrator.service.undoing import Undo, way_back
from orchestrator.settings.people import Person
from orchestrator.store.chain import GENESIS, Line, LogHead, data_text, link
from orchestrator.store.records import BudgetUse, Lease, LoggedEvent
from tasks import catalog
from tasks.errors import BadInput, DockwaveError, Refused
from tasks.model import UndoClass
from tasks.result import HostError, HostResult, Outcome, StepResult, StepState

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

#: what every host says it would do, unless the script says otherwise
DRAFT: Mapping[str, Any] = {
    "steps": [
        {
            "kind": "engine",
            "key": "image:sha256:aa",
            "title": "old/app:1",
            "undo": "exact",
            "size_bytes": 1_200_000_000,
        }
    ],
    "kept": [{"key": "image:sha256:bb", "title": "base:1", "reason": "label dockwave.protect"}],
    "findings": [],
    "summary": "1 image; 0.9 to 1.2 GB",
    "reclaim_low_bytes": 900_000_000,
    "reclaim_high_bytes": 1_200_000_000,
    "containers_at_risk": ["db"],
}


@dataclass
class ScriptedService:
    """Keeps campaigns in memory; tests move them by hand."""

    kept: dict[str, Campaign] = field(default_factory=dict)
    log: list[LoggedEvent] = field(default_factory=list)
    requests: list[NewPlan] = field(default_factory=list)
    applied: list[tuple[str, str, bool]] = field(default_factory=list)
    aborted: list[tuple[str, str, str]] = field(default_factory=list)
    operated: list[OperatorEvent] = field(default_factory=list)
    refused: list[tuple[str, OperatorEvent, str]] = field(default_factory=list)
    released: list[tuple[str, str, str]] = field(default_factory=list)
    accepted: list[tuple[str, str, str]] = field(default_factory=list)
    thrown: list[Switch] = field(default_factory=list)
    apart: list[Quarantine] = field(default_factory=list)
    draft: Mapping[str, Any] = field(default_factory=lambda: dict(DRAFT))
    #: state a campaign has once applied
    after_apply: CampaignState = CampaignState.COMPLETE
    #: campaigns in the way of whatever is applied
    in_the_way: tuple[Rival, ...] = ()
    #: hosts that use budgets without a lease
    uses: tuple[BudgetUse, ...] = ()
    #: raised by the next call
    fails: Exception | None = None
    #: instant plans expire
    expires_at: datetime | None = None

    def _check(self) -> None:
        if self.fails is not None:
            failure, self.fails = self.fails, None
            raise failure

    def plan(self, request: NewPlan) -> str:
        """Plan at once."""
        self._check()
        self.requests.append(request)
        identity = f"c{len(self.kept):08d}"
        answer = HostResult(outcome=Outcome.OK, plan=self.draft, identity={"machine_id": "m"})
        self.kept[identity] = make_plan(
            PlanRequest(
                campaign_id=identity,
                procedure=request.procedure,
                kind=catalog.find(request.procedure).spec.kind,
                params=request.params,
                policy=request.policy,
                hosts=request.hosts,
                created_at=NOON,
                expires_at=self.expires_at or datetime.now(tz=UTC) + timedelta(hours=24),
                protect=request.protect,
                author=request.author,
                reason=request.reason,
                allow_empty=request.allow_empty,
                origin=request.origin,
            ),
            {host.name: answer for host in request.hosts},
        )
        return identity

    def campaign(self, reference: str) -> Campaign:
        """By id or unique beginning."""
        self._check()
        found = [item for key, item in self.kept.items() if key.startswith(reference)]
        if len(found) == 1:
            return found[0]
        what = "names several campaigns" if found else "names no campaign"
        raise BadInput(f"{reference} {what}", code="E_NOT_FOUND", hint="`dockwave ls` lists them.")

    def at(self, reference: str, instant: datetime) -> Past:
        """Before the campaign there was none; else as it is."""
        campaign = self.campaign(reference)
        if instant < campaign.created_at:
            raise BadInput("It did not exist", code="E_TIME", hint="Give a later time.")
        return Past(campaign=replace(campaign, state=CampaignState.PAUSED), at=instant, sure=False)

    def campaigns(self, limit: int) -> Sequence[Campaign]:
        """Newest first."""
        return list(self.kept.values())[::-1][:limit]

    def document(self, campaign_id: str) -> tuple[bytes, str]:
        """What was hashed."""
        campaign = self.kept[campaign_id]
        return canonical_json(plan_document(campaign)), campaign.plan_hash

    def apply(
        self,
        document: bytes,
        by: str,
        *,
        allow_data_loss: bool,
        on_conflict: OnConflict = OnConflict.QUEUE,
    ) -> str:
        """Once, unexpired, with data loss accepted where there is any, and turns taken with those in the way."""
        self._check()
        if self.in_the_way and on_conflict is OnConflict.REFUSE:
            raise Refused("It would have to wait", code="E_CONFLICT", hint="Wait.")
        found = [item for item in self.kept.values() if self.document(item.id)[0] == document]
        if not found:
            raise BadInput("That plan is not known here", code="E_PLAN_UNKNOWN", hint="Plan again.")
        campaign = found[0]
        if campaign.id in [item[0] for item in self.applied]:
            raise Refused("The plan was applied already", code="E_PLAN_APPLIED", hint="Plan again.")
        if any(run.undo is UndoClass.ONE_WAY for run in campaign.runs) and not allow_data_loss:
            raise Refused("It loses data", code="E_DATA_LOSS", hint="Accept it.")
        self.applied.append((campaign.id, by, allow_data_loss))
        self.kept[campaign.id] = replace(
            campaign, state=self.after_apply, started_at=NOON, ended_at=NOON, wave=campaign.waves
        )
        return campaign.id

    def rivals(self, campaign_id: str) -> Sequence[Rival]:
        """The same for all."""
        del campaign_id
        return self.in_the_way

    def abort(self, campaign_id: str, by: str, reason: str, *, hard: bool) -> Campaign:
        """Note it."""
        self._check()
        self.aborted.append((campaign_id, by, f"{reason} (hard)" if hard else reason))
        self.kept[campaign_id] = replace(
            self.kept[campaign_id], state=CampaignState.ABORTED, abort_requested=True
        )
        return self.kept[campaign_id]

    def operate(self, campaign_id: str, event: OperatorEvent) -> Campaign:
        """The real decision, on the campaign in memory."""
        self._check()
        self.operated.append(event)
        against = objection(self.kept[campaign_id], event, datetime.now(tz=UTC))
        if against is not None:
            raise Refused(against.reason, code="E_NOT_NOW", hint=against.hint)
        self.kept[campaign_id] = observe(self.kept[campaign_id], event, NOON)
        return self.kept[campaign_id]

    def refuse(self, campaign_id: str, event: OperatorEvent, problem: DockwaveError) -> None:
        """Kept for the test to look at."""
        self.refused.append((campaign_id, event, problem.code))

    def retry(self, campaign_id: str, wish: Retry) -> str:
        """The real request, planned at once."""
        return self.plan(again(self.kept[campaign_id], wish))

    def undo(self, campaign_id: str, wish: Undo) -> tuple[str, Mapping[str, str]]:
        """The real request, planned at once."""
        back = way_back(self.kept[campaign_id], wish, others=self.undone_by(campaign_id))
        return self.plan(back.request), back.left_out

    def undone_by(self, campaign_id: str) -> Sequence[Campaign]:
        """Those that take it back."""
        return [item for item in self.kept.values() if item.undoes == campaign_id]

    def taken_back(self, campaign: Campaign) -> Campaign | None:
        """The one it takes back."""
        return self.kept.get(campaign.undoes)

    def stop_all(self, wish: StopAll) -> Switch:
        """Note it."""
        self._check()
        switch = Switch(target=wish.target, name=wish.name, by=wish.by, reason=wish.reason, at=NOON)
        self.thrown.append(switch)
        return switch

    def release_all(self, wish: StopAll) -> Switch:
        """Note it."""
        self._check()
        (found,) = [item for item in self.thrown if (item.target, item.name) == (wish.target, wish.name)]
        self.thrown.remove(found)
        return replace(found, released_at=NOON, released_by=wish.by, release_reason=wish.reason)

    def switches(self) -> Sequence[Switch]:
        """Those that hold."""
        return holding(self.thrown)

    def leases(self) -> Sequence[Lease]:
        """One host is kept, since noon."""
        self._check()
        return [
            Lease(
                host="web-1",
                campaign_id="c0",
                attempt_id="c0/web-1/1",
                epoch=7,
                since=NOON,
                reason="engine.upgrade",
                expires_at=NOON + timedelta(hours=2),
            )
        ]

    def quarantine_host(self, host: str, by: str, reason: str) -> Quarantined:
        """Note it."""
        self._check()
        found = [item for item in self.apart if item.host == host]
        item = found[0] if found else Quarantine(host=host, by=by, reason=reason, at=NOON)
        self.apart += [] if found else [item]
        at_work = next((lease for lease in self.leases() if lease.host == host), None)
        return Quarantined(quarantine=item, known=host.startswith("web-"), at_work=at_work)

    def quarantines(self) -> Sequence[Quarantine]:
        """Those that hold."""
        return tuple(self.apart)

    def budget_uses(self) -> Sequence[BudgetUse]:
        """As the test says."""
        return self.uses

    def release_host(self, host: str, by: str, reason: str, *, budget: bool = False) -> Released:
        """Note it."""
        self._check()
        self.released.append((host, by, reason))
        uses = () if budget else tuple(use.campaign_id for use in self.uses if use.host == host)
        found = [item for item in self.apart if item.host == host]
        lease = Lease(host=host, campaign_id="c0", attempt_id=f"c0/{host}/1", epoch=1, since=NOON)
        if not found:
            return Released(host=host, quarantine=None, lease=lease, kept=None, uses=uses)
        self.apart.remove(found[0])
        lifted = replace(found[0], released_at=NOON, released_by=by, release_reason=reason)
        return Released(host=host, quarantine=lifted, lease=None, kept=lease if host == "web-1" else None)

    def accept_identity(self, host: str, by: str, reason: str) -> None:
        """Note it."""
        self._check()
        self.accepted.append((host, by, reason))

    def events(self, campaign_id: str, after_seq: int, *, host: str | None = None) -> Sequence[LoggedEvent]:
        """The log of one campaign."""
        mine = [item for item in self.log if item.campaign_id == campaign_id and item.seq > after_seq]
        return [item for item in mine if host is None or item.host == host]

    def audit_lines(self, after_seq: int, limit: int) -> Sequence[Line]:
        """The log as it would be stored."""
        return [line for line in self._chained() if line.seq > after_seq][:limit]

    def audit_head(self) -> LogHead:
        """The real head."""
        lines = self._chained()
        return LogHead(length=len(lines), chain=lines[-1].chain if lines else GENESIS)

    def audit_newest(
        self, *, campaign_id: str | None, people: bool, limit: int
    ) -> Sequence[tuple[LoggedEvent, str]]:
        """The newest lines, newest first."""
        found = [
            (item, self.kept[item.campaign_id].plan_hash if item.campaign_id in self.kept else "")
            for item in reversed(self.log)
            if campaign_id in {None, item.campaign_id} and ("by" in item.data or not people)
        ]
        return found[:limit]

    def _chained(self) -> list[Line]:
        lines: list[Line] = []
        for item in self.log:
            line = Line(
                seq=item.seq, campaign_id=item.campaign_id, host=item.host, attempt_id=item.attempt_id,
                at=item.at, kind=item.kind, data=data_text(dict(item.data)),
            )  # fmt: skip
            lines.append(replace(line, chain=link(lines[-1].chain if lines else GENESIS, line)))
        return lines

    def around(self, campaign: Campaign) -> Surroundings:
        """Nobody else works; kill switches and quarantines hold."""
        return Surroundings(
            switches=applying(self.thrown, campaign), quarantines=concerning(self.apart, campaign)
        )

    def why(self, campaign_id: str) -> Explanation:
        """The real explanation."""
        campaign = self.kept[campaign_id]
        return explain(campaign, NOON, self.around(campaign))

    def wait(self, campaign_id: str, after_seq: int, timeout_s: float) -> bool:
        """Wait as the real one does, only shorter."""
        end = time.monotonic() + min(timeout_s, 0.05)
        while time.monotonic() < end:
            if self.events(campaign_id, after_seq):
                return True
            time.sleep(0.01)
        return False

    def status(self) -> Mapping[str, Any]:
        """All is well."""
        return {"leading": True, "campaigns": len(self.kept)}

    # ---- the script

    def move(self, campaign_id: str, **changes: Any) -> None:
        """Change fields of a campaign."""
        self.kept[campaign_id] = replace(self.kept[campaign_id], **changes)

    def move_host(self, campaign_id: str, host: str, **changes: Any) -> None:
        """Change fields of one host's run, and say so in the log."""
        campaign = self.kept[campaign_id]
        runs = tuple(replace(run, **changes) if run.host.name == host else run for run in campaign.runs)
        self.kept[campaign_id] = replace(campaign, runs=runs)
        self.say(campaign_id, "moved", host)

    def say(self, campaign_id: str, kind: str, host: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Write a line of the log."""
        event = LoggedEvent(
            seq=len(self.log) + 1, kind=kind, at=NOON, campaign_id=campaign_id, host=host, data=data or {}
        )
        self.log.append(event)


def finished(run: HostRun, state: HostState, text: str = "done", error: HostError | None = None) -> HostRun:
    """A run at its end, with one attempt that says `text` everywhere."""
    outcome = Outcome.CHANGED if state is HostState.SUCCEEDED else Outcome.FAILED
    step = StepResult(key="install", title=text, state=StepState.DONE, detail=text, output=f"{text}\n{text}")
    attempt = Attempt(
        id=f"c/{run.host.name}/1",
        number=1,
        epoch=1,
        undo=False,
        undo_of=None,
        ordered_at=NOON,
        expires_at=NOON,
        accepted_at=NOON,
        ended_at=NOON + timedelta(seconds=90),
        worker="gw-default-1@here",
        result=HostResult(outcome=outcome, changed=True, summary=text, steps=(step,), error=error),
    )
    return replace(
        run,
        state=state,
        attempts=(attempt,),
        changed=state is HostState.SUCCEEDED,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=90),
        error=error,
        failed_as=FailureKind.FAILED if error is not None else None,
    )


def halt(campaign: Campaign) -> Campaign:
    """The campaign as a stop rule left it."""
    stop = Stop(rule="any > 0 in wave 1", limit="0 hosts", observed="1 of 1", hosts=("web-1",), at=NOON)
    return replace(campaign, state=CampaignState.HALTED, stops=(stop,), started_at=NOON, ended_at=NOON)


@dataclass(frozen=True)
class RunningApi:
    """An API that listens."""

    url: str
    token_file: Path
    service: ScriptedService


@contextmanager
def running_api(
    folder: Path, service: ScriptedService | None = None, people: tuple[Person, ...] = ()
) -> Iterator[RunningApi]:
    """Serve a scripted service on a port of its own."""
    scripted = service or ScriptedService()
    token = ensure_secret(folder / "token", "API token")
    app = create_app(scripted, token=token, now=lambda: NOON, people=people)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise DockwaveError("the test's API did not start")
                time.sleep(0.01)
            port = listener.getsockname()[1]
            yield RunningApi(url=f"http://127.0.0.1:{port}", token_file=folder / "token", service=scripted)
        finally:
            server.should_exit = True
            thread.join(10)
