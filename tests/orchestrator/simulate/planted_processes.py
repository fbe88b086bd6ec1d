"""Bugs: what happens between campaigns, processes and copies of orders."""

from __future__ import annotations

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.planted_bug import ACT, COMMIT, DECIDE, LOOP, Bug, bug

PROCESSES: tuple[Bug, ...] = (
    # -- two campaigns, two processes, two copies
    bug(
        Law.ALONE,
        7,
        "Leases of other campaigns are ignored",
        (f"{DECIDE}:_Turn._dispatches", "not in self.alone", "not in self.around.quarantined"),
        ("store.leases:take", "raise LeaseHeld(lease.host, owner)", "pass"),
    ),
    bug(
        Law.ALONE,
        7,
        "No lease is ever taken",
        (f"{COMMIT}:commit", "    writer.take_leases(turn.leases)", "    pass"),
    ),
    bug(
        Law.ALONE,
        0,
        "An UNKNOWN host gives its lease back",
        (
            f"{COMMIT}:released",
            "FINAL_HOST | {HostState.PENDING}",
            "FINAL_HOST | {HostState.PENDING, HostState.UNKNOWN}",
        ),
    ),
    bug(
        Law.ALONE,
        388,
        "A host is taken back while its undo is under way",
        ("campaign.census:take_census", "(waiting if open_attempt(run) is None else flying)", "waiting"),
        ("campaign.record:_dispatched", " or open_attempt(run) is not None", ""),
    ),
    bug(
        Law.LEAD,
        477,
        "A process that lost the lead may go on writing: no fencing",
        ("store.lead:check", "row is None or int(row.epoch) != epoch", "row is None"),
    ),
    bug(
        Law.LEAD,
        477,
        "A campaign is saved over a version that was not read",
        ("store.campaigns:_over", ".rowcount != 1", ".rowcount > 1"),
        (
            "store.campaigns:_update_campaign",
            '(CAMPAIGNS.c.version == bindparam("key_version"))',
            '(bindparam("key_version") > 0)',
        ),
    ),
    bug(
        Law.EPOCHS,
        0,
        "Epochs are not raised to what hosts have seen after a restore",
        ("store.hosts:raise_epochs", "epoch <= HIGHEST_EPOCH and", "False and"),
    ),
    bug(
        Law.RECORD,
        7,
        "Orders leave before their commit",
        (
            f"{LOOP}:Reconciler._advance",
            "saved = commit(turn, writer)",
            "self._outbox.send(tuple(turn.sendings)); saved = commit(turn, writer)",
        ),
    ),
    bug(
        Law.RECORD,
        35,
        "Reports are acknowledged before their commit",
        (f"{LOOP}:Reconciler._turn", "rest = self._advance(", "settle(items); rest = self._advance("),
    ),
    bug(
        Law.RECORD,
        115,
        "An order that is published again gets a new id",
        (
            "loop.orders:_sending",
            "attempt_id=attempt.id",
            'attempt_id=f"{attempt.id}{attempt.sent - 1 or str()}"',
        ),
    ),
    bug(
        Law.RECORD,
        7,
        "Orders are not written to the log",
        (
            f"{ACT}:_note_action",
            "    turn.note(kind_of(action), data",
            "    isinstance(action, Dispatch) or turn.note(kind_of(action), data",
        ),
    ),
    bug(
        Law.CHAIN,
        7,
        "Lines of the log are not chained to each other",
        ("store.events:append", "chain = link(chain, line)", "chain = link(GENESIS, line)"),
    ),
    bug(
        Law.ANSWER,
        123,
        "The refusal of one copy of an order speaks for the other",
        ("campaign.refusals:not_started", "if not (dead or _is_final(error)):", "if False:"),
    ),
    # -- a new process, the same orders
    bug(
        Law.LATE,
        80,
        "A new process publishes orders again that have expired",
        ("loop.open_orders:open_orders", " or attempt.expires_at <= now", ""),
        ("loop.open_orders:send_again", "unsent(turn, outside)", "before"),
    ),
    bug(
        Law.STOP,
        245,
        "A new process publishes orders again of a campaign that was stopped",
        ("loop.open_orders:open_orders", "stopped(campaign) or campaign.state is", "campaign.state is"),
    ),
    bug(
        Law.WINDOW,
        323,
        "A new process publishes orders again while no host may be started",
        ("loop.open_orders:open_orders", " or brakes(campaign, now).start", ""),
    ),
    bug(
        Law.KILL,
        184,
        "A new process publishes orders again although a kill switch holds",
        ("loop.open_orders:open_orders", "if killed:", "if killed and not killed:"),
    ),
    bug(
        Law.APART,
        411,
        "A new process publishes orders again to quarantined hosts",
        ("loop.open_orders:open_orders", "run.host.name in quarantined", "run.host.name in ()"),
    ),
)
