"""States of hosts and campaigns, and which may follow which (rollout-semantics sections 3 and 4)."""

from __future__ import annotations

from enum import StrEnum


class HostState(StrEnum):
    """Where one host of a campaign is; moves only along LEGAL."""

    #: not ordered yet
    PENDING = "PENDING"
    #: attempt committed and published; no word from the host
    ORDERED = "ORDERED"
    #: the host's journal accepted it
    RUNNING = "RUNNING"
    #: changed, being proven (read back)
    VERIFYING = "VERIFYING"
    #: proven, being watched for `monitor`; after an undo, equal to its snapshot and watched for `rollback.monitor`
    SOAKING = "SOAKING"
    #: ordered and no news: only a receipt or a person resolves it
    UNKNOWN = "UNKNOWN"
    #: being brought back to its snapshot
    ROLLING_BACK = "ROLLING_BACK"
    #: changed and proven, soak over (read-only procedures: answered)
    SUCCEEDED = "SUCCEEDED"
    #: nothing needed to change; neither success nor failure
    ALREADY_RIGHT = "ALREADY_RIGHT"
    #: failed with nothing changed
    FAILED_CLEAN = "FAILED_CLEAN"
    #: equal to its snapshot again, proven
    ROLLED_BACK = "ROLLED_BACK"
    #: could not be brought back, or must not be touched again by a machine
    NEEDS_HUMAN = "NEEDS_HUMAN"
    #: left out: by an operator, or excluded at plan time; with a reason
    SKIPPED = "SKIPPED"
    #: unreachable before anything was started
    UNREACHABLE = "UNREACHABLE"
    #: never started, because the campaign ended before
    CANCELLED = "CANCELLED"


#: states a host never leaves
FINAL_HOST = frozenset(
    {
        HostState.SUCCEEDED,
        HostState.ALREADY_RIGHT,
        HostState.FAILED_CLEAN,
        HostState.ROLLED_BACK,
        HostState.NEEDS_HUMAN,
        HostState.SKIPPED,
        HostState.UNREACHABLE,
        HostState.CANCELLED,
    }
)

#: states that hold one of the campaign's `parallelism` slots
HOLDS_SLOT = frozenset(
    {
        HostState.ORDERED,
        HostState.RUNNING,
        HostState.VERIFYING,
        HostState.UNKNOWN,
        HostState.ROLLING_BACK,
    }
)

_H = HostState

#: which state may follow which; everything else is ignored (and recorded as an event)
LEGAL: dict[HostState, frozenset[HostState]] = {
    _H.PENDING: frozenset({_H.ORDERED, _H.SKIPPED, _H.CANCELLED, _H.ALREADY_RIGHT, _H.UNREACHABLE}),
    _H.ORDERED: frozenset(
        {
            _H.RUNNING, _H.VERIFYING, _H.SOAKING, _H.UNKNOWN, _H.ROLLING_BACK,
            _H.SUCCEEDED, _H.ALREADY_RIGHT, _H.FAILED_CLEAN, _H.NEEDS_HUMAN, _H.UNREACHABLE, _H.CANCELLED,
            _H.PENDING,
        }
    ),
    _H.RUNNING: frozenset(
        {
            _H.VERIFYING, _H.SOAKING, _H.UNKNOWN, _H.ROLLING_BACK,
            _H.SUCCEEDED, _H.ALREADY_RIGHT, _H.FAILED_CLEAN, _H.NEEDS_HUMAN,
        }
    ),
    _H.VERIFYING: frozenset(
        {_H.SOAKING, _H.UNKNOWN, _H.ROLLING_BACK, _H.SUCCEEDED, _H.ALREADY_RIGHT, _H.FAILED_CLEAN, _H.NEEDS_HUMAN}
    ),
    # UNKNOWN: it does not answer when it is read again after its soak
    _H.SOAKING: frozenset({_H.SUCCEEDED, _H.ROLLING_BACK, _H.ROLLED_BACK, _H.NEEDS_HUMAN, _H.UNKNOWN}),
    _H.UNKNOWN: frozenset(
        {
            _H.RUNNING, _H.VERIFYING, _H.SOAKING, _H.ROLLING_BACK, _H.SUCCEEDED, _H.ALREADY_RIGHT,
            _H.FAILED_CLEAN, _H.ROLLED_BACK, _H.NEEDS_HUMAN, _H.UNREACHABLE, _H.PENDING,
        }
    ),
    _H.ROLLING_BACK: frozenset({_H.SOAKING, _H.ROLLED_BACK, _H.NEEDS_HUMAN, _H.UNKNOWN}),
    # an operator's or a gate's rollback of a host that had succeeded
    _H.SUCCEEDED: frozenset({_H.ROLLING_BACK}),
    **{state: frozenset() for state in FINAL_HOST - {_H.SUCCEEDED}},
}  # fmt: skip


class CampaignState(StrEnum):
    """Where a campaign is."""

    #: hosts are being asked for facts and dry runs
    PLANNING = "PLANNING"
    #: the plan is frozen and hashed, and waits to be applied
    PLANNED = "PLANNED"
    #: applied, and waits for an approver
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RUNNING = "RUNNING"
    #: stopped by a rule or a person; sticky over restarts
    PAUSED = "PAUSED"
    #: nothing new starts; changed hosts are being brought back, running ones settle
    ROLLING_BACK = "ROLLING_BACK"
    COMPLETE = "COMPLETE"
    #: finished, with hosts that failed, were rolled back, skipped or need a human
    COMPLETE_WITH_EXCEPTIONS = "COMPLETE_WITH_EXCEPTIONS"
    #: finished, with hosts unreachable or unknown
    INCOMPLETE = "INCOMPLETE"
    #: a stop rule ended it and nothing had to be, or was to be, rolled back
    HALTED = "HALTED"
    ABORTED = "ABORTED"
    #: a stop rule ended it and every host it had to bring back is proven back
    ROLLED_BACK = "ROLLED_BACK"
    #: the same, but at least one host could not be brought back
    ROLLBACK_INCOMPLETE = "ROLLBACK_INCOMPLETE"
    #: the plan expired or could not be made; nothing was touched
    VOID = "VOID"


#: states a campaign never leaves
FINAL_CAMPAIGN = frozenset(
    {
        CampaignState.COMPLETE,
        CampaignState.COMPLETE_WITH_EXCEPTIONS,
        CampaignState.INCOMPLETE,
        CampaignState.HALTED,
        CampaignState.ABORTED,
        CampaignState.ROLLED_BACK,
        CampaignState.ROLLBACK_INCOMPLETE,
        CampaignState.VOID,
    }
)

_C = CampaignState
_ENDS = frozenset(
    {
        _C.COMPLETE, _C.COMPLETE_WITH_EXCEPTIONS, _C.INCOMPLETE, _C.HALTED,
        _C.ABORTED, _C.ROLLED_BACK, _C.ROLLBACK_INCOMPLETE,
    }
)  # fmt: skip

#: which campaign state may follow which
LEGAL_CAMPAIGN: dict[CampaignState, frozenset[CampaignState]] = {
    _C.PLANNING: frozenset({_C.PLANNED, _C.VOID, _C.ABORTED}),
    _C.PLANNED: frozenset({_C.AWAITING_APPROVAL, _C.RUNNING, _C.VOID, _C.ABORTED}),
    _C.AWAITING_APPROVAL: frozenset({_C.RUNNING, _C.VOID, _C.ABORTED}),
    _C.RUNNING: frozenset({_C.PAUSED, _C.ROLLING_BACK}) | _ENDS,
    _C.PAUSED: frozenset({_C.RUNNING, _C.ROLLING_BACK}) | _ENDS,
    _C.ROLLING_BACK: _ENDS,
    **{state: frozenset() for state in FINAL_CAMPAIGN},
}

#: exit code of the command line for each state (rollout-semantics section 4); absent = still going on
EXIT_CODES: dict[CampaignState, int] = {
    CampaignState.COMPLETE: 0,
    CampaignState.COMPLETE_WITH_EXCEPTIONS: 3,
    CampaignState.INCOMPLETE: 3,
    CampaignState.HALTED: 4,
    CampaignState.ABORTED: 4,
    CampaignState.PAUSED: 4,
    CampaignState.ROLLED_BACK: 5,
    CampaignState.ROLLBACK_INCOMPLETE: 5,
    CampaignState.AWAITING_APPROVAL: 6,
    CampaignState.VOID: 7,
}
