"""What the API needs of the service behind it; declared here, by its consumer, as narrow as its use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import OperatorEvent
from orchestrator.campaign.explaining.why import Explanation
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.limits.conflict import OnConflict, Rival
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.planning import NewPlan
from orchestrator.service.quarantining import Quarantined, Released
from orchestrator.service.retrying import Retry
from orchestrator.service.stopping import StopAll
from orchestrator.service.travelling import Past
from orchestrator.service.undoing import Undo
from orchestrator.store.chain import Line, LogHead
from orchestrator.store.records import BudgetUse, Lease
from tasks.errors import DockwaveError


class LoggedEvent(Protocol):
    """One line of the event log."""

    @property
    def seq(self) -> int:
        """Its number; only grows."""
        ...

    @property
    def campaign_id(self) -> str | None:
        """The campaign it is about."""
        ...

    @property
    def host(self) -> str | None:
        """The host it is about."""
        ...

    @property
    def attempt_id(self) -> str | None:
        """The attempt it is about."""
        ...

    @property
    def at(self) -> datetime:
        """When it was written."""
        ...

    @property
    def kind(self) -> str:
        """What it says."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """More of it."""
        ...


class Service(Protocol):
    """Plans, campaigns and their log; every refusal is a DockwaveError with code and hint."""

    def plan(self, request: NewPlan) -> str:
        """Begin to plan; the id of the new campaign."""
        ...

    def campaign(self, reference: str) -> Campaign:
        """A campaign by id or by a beginning of it that no other has."""
        ...

    def at(self, reference: str, instant: datetime) -> Past:
        """A campaign as it was at an instant."""
        ...

    def around(self, campaign: Campaign) -> Surroundings:
        """What the campaign knows of the world outside itself."""
        ...

    def campaigns(self, limit: int) -> Sequence[Campaign]:
        """The newest campaigns, newest first."""
        ...

    def document(self, campaign_id: str) -> tuple[bytes, str]:
        """The plan's bytes and their SHA-256."""
        ...

    def apply(self, document: bytes, by: str, *, allow_data_loss: bool, on_conflict: OnConflict) -> str:
        """Apply a plan, once; the campaign's id."""
        ...

    def rivals(self, campaign_id: str) -> Sequence[Rival]:
        """The campaigns in the way of this one."""
        ...

    def abort(self, campaign_id: str, by: str, reason: str, *, hard: bool) -> Campaign:
        """Start no further host, and stop those at work between two steps; the campaign as it is then."""
        ...

    def operate(self, campaign_id: str, event: OperatorEvent) -> Campaign:
        """Do what a person asks of a campaign at work; the campaign as it is then."""
        ...

    def refuse(self, campaign_id: str, event: OperatorEvent, problem: DockwaveError) -> None:
        """Record that somebody asked for what they may not do."""
        ...

    def retry(self, campaign_id: str, wish: Retry) -> str:
        """Plan again what a campaign left; the id of the new one."""
        ...

    def undo(self, campaign_id: str, wish: Undo) -> tuple[str, Mapping[str, str]]:
        """Plan to take a finished campaign back; the id of the new one, and hosts that stay out with the reason."""
        ...

    def undone_by(self, campaign_id: str) -> Sequence[Campaign]:
        """The campaigns that were planned to take this one back."""
        ...

    def taken_back(self, campaign: Campaign) -> Campaign | None:
        """The campaign this one takes back; None when it is no undo."""
        ...

    def stop_all(self, wish: StopAll) -> Switch:
        """Start nothing more of it until it is released; the switch that holds."""
        ...

    def release_all(self, wish: StopAll) -> Switch:
        """Let go of it; the switch that was released."""
        ...

    def switches(self) -> Sequence[Switch]:
        """The kill switches that hold, oldest first."""
        ...

    def leases(self) -> Sequence[Lease]:
        """Every host that is kept, with owner, reason and since when."""
        ...

    def quarantine_host(self, host: str, by: str, reason: str) -> Quarantined:
        """Let no campaign change a host until it is released."""
        ...

    def quarantines(self) -> Sequence[Quarantine]:
        """The hosts no campaign changes before their release, oldest first."""
        ...

    def budget_uses(self) -> Sequence[BudgetUse]:
        """Every host that uses budgets, with the campaign it does so for."""
        ...

    def release_host(self, host: str, by: str, reason: str, *, budget: bool) -> Released:
        """Let campaigns change a host again that was quarantined, or that one of them keeps."""
        ...

    def accept_identity(self, host: str, by: str, reason: str) -> None:
        """Accept whatever machine answers to this name next."""
        ...

    def events(self, campaign_id: str, after_seq: int, *, host: str | None = None) -> Sequence[LoggedEvent]:
        """Lines of the log after that number, oldest first, a bounded many."""
        ...

    def audit_lines(self, after_seq: int, limit: int) -> Sequence[Line]:
        """Lines of the log over all campaigns exactly as they are stored."""
        ...

    def audit_head(self) -> LogHead:
        """The length of the log and the hash of its last line."""
        ...

    def audit_newest(
        self, *, campaign_id: str | None, people: bool, limit: int
    ) -> Sequence[tuple[LoggedEvent, str]]:
        """The newest lines, newest first, each with its campaign's plan hash."""
        ...

    def why(self, campaign_id: str) -> Explanation:
        """Why it stopped, or how it stands."""
        ...

    def wait(self, campaign_id: str, after_seq: int, timeout_s: float) -> bool:
        """Return as soon as the log has a line after that number, at the latest after that time."""
        ...

    def status(self) -> Mapping[str, Any]:
        """How the orchestrator is: leading, broker, campaigns at work."""
        ...
