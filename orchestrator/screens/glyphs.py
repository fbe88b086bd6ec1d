"""A state is glyph + word + colour, never colour alone (Okabe-Ito colours, told apart in all colour visions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.campaign.states import CampaignState, HostState


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state looks and reads."""

    glyph: str
    word: str
    style: str


_OK = "#009e73"
_RUNNING = "#56b4e9"
_SOAKING = "#0072b2"
_FAILED = "#d55e00"
_BACK = "#cc79a7"
_WAITING = "#f0e442"
_PENDING = "dim"

HOST_MARKS: Mapping[HostState, Mark] = {
    HostState.PENDING: Mark("○", "pending", _PENDING),
    HostState.ORDERED: Mark("◌", "ordered", _RUNNING),
    HostState.RUNNING: Mark("●", "running", _RUNNING),
    HostState.VERIFYING: Mark("◍", "verifying", _RUNNING),
    HostState.SOAKING: Mark("◔", "soaking", _SOAKING),
    HostState.UNKNOWN: Mark("?", "unknown", f"bold {_WAITING}"),
    HostState.ROLLING_BACK: Mark("↺", "rolling back", _BACK),
    HostState.SUCCEEDED: Mark("✔", "succeeded", _OK),
    HostState.ALREADY_RIGHT: Mark("=", "already right", _OK),
    HostState.FAILED_CLEAN: Mark("✖", "failed, nothing changed", _FAILED),
    HostState.ROLLED_BACK: Mark("↩", "rolled back", _BACK),
    HostState.NEEDS_HUMAN: Mark("‼", "needs a human", f"bold {_FAILED}"),
    HostState.SKIPPED: Mark("-", "skipped", _PENDING),
    HostState.UNREACHABLE: Mark("⚠", "unreachable", "bold white on #2b2b2b"),
    HostState.CANCELLED: Mark("·", "not started", _PENDING),
}

CAMPAIGN_MARKS: Mapping[CampaignState, Mark] = {
    CampaignState.PLANNING: Mark("◌", "planning", _RUNNING),
    CampaignState.PLANNED: Mark("○", "planned", _PENDING),
    CampaignState.AWAITING_APPROVAL: Mark("‖", "waits for approval", _WAITING),
    CampaignState.RUNNING: Mark("●", "running", _RUNNING),
    CampaignState.PAUSED: Mark("‖", "paused", _WAITING),
    CampaignState.ROLLING_BACK: Mark("↺", "rolling back", _BACK),
    CampaignState.COMPLETE: Mark("✔", "complete", _OK),
    CampaignState.COMPLETE_WITH_EXCEPTIONS: Mark("✖", "complete with exceptions", _FAILED),
    CampaignState.INCOMPLETE: Mark("⚠", "incomplete", _FAILED),
    CampaignState.HALTED: Mark("✖", "halted", _FAILED),
    CampaignState.ABORTED: Mark("✖", "aborted", _FAILED),
    CampaignState.ROLLED_BACK: Mark("↩", "rolled back", _BACK),
    CampaignState.ROLLBACK_INCOMPLETE: Mark("‼", "rollback incomplete", f"bold {_FAILED}"),
    CampaignState.VOID: Mark("-", "void", _PENDING),
}

#: worst first: the order of counts in one line
COUNT_ORDER: tuple[HostState, ...] = (
    HostState.NEEDS_HUMAN,
    HostState.UNKNOWN,
    HostState.UNREACHABLE,
    HostState.FAILED_CLEAN,
    HostState.ROLLING_BACK,
    HostState.ROLLED_BACK,
    HostState.VERIFYING,
    HostState.RUNNING,
    HostState.ORDERED,
    HostState.SOAKING,
    HostState.SUCCEEDED,
    HostState.ALREADY_RIGHT,
    HostState.SKIPPED,
    HostState.CANCELLED,
    HostState.PENDING,
)


def campaign_mark(state: str) -> Mark:
    """The mark of a campaign state; a state this version does not know shows as its own word."""
    try:
        return CAMPAIGN_MARKS[CampaignState(state)]
    except ValueError:
        return Mark("?", state.lower().replace("_", " "), "bold")
