"""Bugs: what is said of hosts and campaigns, and how hosts come back."""

from __future__ import annotations

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.planted_bug import ANSWERS, Bug, bug

TRUTH: tuple[Bug, ...] = (
    # -- the truth about hosts and campaigns
    bug(
        Law.FORWARD,
        491,
        "A late result flips a settled state",
        (f"{ANSWERS}:react", "if attempt.ended_at is not None:", "if False:"),
        (
            "campaign.moves:to",
            "if state is run.state or state not in LEGAL[run.state]:",
            "if state is run.state:",
        ),
    ),
    bug(
        Law.TRUTH,
        30,
        "A failed rollback counts as rolled back",
        (f"{ANSWERS}:_undone", "if equal_to_snapshot(result):", "if True:"),
    ),
    bug(
        Law.BACK,
        222,
        "A rollback that failed is tried again",
        (f"{ANSWERS}:_undone", "return moves.fail(run, HostState.NEEDS_HUMAN, error, now)", "return run"),
    ),
    bug(
        Law.TRUTH,
        138,
        "A host that failed when it was changed counts as untouched",
        (
            f"{ANSWERS}:_untouched",
            "return result.changed is False and not done and not run.changed",
            "return True",
        ),
    ),
    bug(
        Law.END,
        121,
        "A rollback that failed on a host ends as ROLLED_BACK: failed, but completed",
        (
            "campaign.ending:_stopped",
            "if any(_not_back(campaign, run, back=back) for run in campaign.runs):",
            "if False:",
        ),
    ),
    bug(
        Law.END,
        138,
        "Hosts at work when the campaign turns back are forgotten",
        (f"{ANSWERS}:_proven", "if run.wave in campaign.rollback_waves:", "if False:"),
        (f"{ANSWERS}:_rechecked", "if run.wave in campaign.rollback_waves:", "if False:"),
    ),
    bug(
        Law.END,
        393,
        "A campaign with failed hosts ends as COMPLETE",
        (
            "campaign.ending:final_state",
            "if states & _EXCEPTIONS or HostState.PENDING in states:",
            "if False:",
        ),
    ),
    bug(
        Law.END,
        7,
        "A campaign ends while hosts are at work",
        (
            "campaign.closing:Closing.actions",
            "busy or census.flying or census.soaking",
            "busy or census.soaking",
        ),
    ),
    # -- one attempt for another
    bug(
        Law.TRUTH,
        325,
        "One copy of an order that did not reach its host speaks for the other",
        (f"{ANSWERS}:_never", " and asked and now >= dead", ""),
    ),
    bug(
        Law.ANSWER,
        274,
        "A late answer about an earlier attempt counts for the one at work",
        (
            f"{ANSWERS}:react",
            "if attempt is None or attempt.id != event.attempt_id or attempt.epoch != event.epoch:",
            "if attempt is None:",
        ),
    ),
    bug(
        Law.END,
        452,
        "A campaign ends as COMPLETE with hosts that are UNKNOWN",
        (
            "campaign.ending:final_state",
            "states & {HostState.UNKNOWN, HostState.UNREACHABLE}",
            "states & {HostState.UNREACHABLE}",
        ),
    ),
    # -- the way back
    bug(
        Law.WATCHED,
        8,
        "A host that was brought back is not watched",
        (f"{ANSWERS}:_undone", "if soak <= 0:", "if soak >= 0:"),
    ),
    bug(
        Law.TRUTH,
        152,
        "A host that broke after it was brought back counts as rolled back all the same",
        (
            f"{ANSWERS}:_rechecked",
            "return moves.fail(broken, HostState.NEEDS_HUMAN, error, now)",
            "return replace(moves.to(run, HostState.ROLLED_BACK, now), soak_until=None)",
        ),
    ),
    bug(
        Law.DELAY,
        277,
        "The pause between two rollbacks is not waited for",
        ("campaign.bringing_back:undo_room", "if not policy.rollback_delay_s:", "if room:"),
    ),
    bug(
        Law.HELD,
        152,
        "A rollback that failed holds none of the others although it should",
        ("campaign.brakes:_failed_undo", "if not hosts:", "if hosts is not None:"),
    ),
    bug(
        Law.LOOK,
        16,
        "Hosts are brought back while untouched ones are asked whether they fail too",
        ("campaign.brakes:_shared_cause", "if look is not None and not", "if look is not None and"),
    ),
    bug(
        Law.LOOK,
        8,
        "Nobody hears that every untouched host fails too",
        ("campaign.limits.shared_cause:end_look", "len(sick) < len(heard)", "len(sick) <= len(heard)"),
    ),
    bug(
        Law.LOOK,
        8,
        "A cause that is shared holds no rollback",
        ("campaign.brakes:_shared_cause", "if stop is None:", "if stop is not campaign:"),
    ),
    bug(
        Law.LOOK,
        16,
        "No untouched host is asked before a rollback",
        ("campaign.limits.shared_cause:ask_controls", "if not failed or", "if failed or"),
    ),
    # -- what hosts are to do
    bug(
        Law.OBJECTS,
        0,
        "Orders approve whatever the host finds",
        ("loop.orders:_sending", "approved=run.approved", "approved=None"),
    ),
    bug(
        Law.OBJECTS,
        0,
        "Orders do not name what is protected",
        ("loop.orders:_sending", "protect=campaign.protect,", ""),
    ),
)
