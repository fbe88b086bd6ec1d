"""The list of planted bugs: what each breaks, in one sentence, and where."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.simulate.laws import Law


@dataclass(frozen=True, slots=True)
class Change:
    """Text of one function, and what replaces it."""

    #: module below orchestrator, and the function in it
    place: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug, and the schedule that catches it."""

    says: str
    changes: tuple[Change, ...]
    law: Law
    seed: int


def _bug(law: Law, seed: int, says: str, *changes: tuple[str, str, str]) -> Bug:
    return Bug(says=says, changes=tuple(Change(*change) for change in changes), law=law, seed=seed)


_DECIDE, _WATCH, _ANSWERS = "campaign.decide", "campaign.watch", "campaign.answers"
_ACT, _COMMIT, _LOOP = "loop.acting", "loop.committing", "loop.reconcile"

BUGS: tuple[Bug, ...] = (
    # -- slots and waves
    _bug(
        Law.SLOTS,
        7,
        "One host more than `parallelism` is changed at a time",
        (
            f"{_DECIDE}:_Turn._room",
            "slots - taken",
            "slots + 1 - taken",
        ),
    ),
    _bug(
        Law.SLOTS,
        491,
        "An UNKNOWN host frees its slot",
        (
            f"{_DECIDE}:_Turn._room",
            "len(self.census.flying)",
            "sum(run.state is not HostState.UNKNOWN for run in self.census.flying)",
        ),
    ),
    _bug(
        Law.SLOTS,
        33,
        "A rollback takes hosts back without its own parallelism",
        ("campaign.bringing_back:undo_room", "policy.rollback_parallelism - undoing", "policy.parallelism"),
    ),
    _bug(
        Law.WAVES,
        7,
        "The next wave opens while hosts of the last one soak",
        (f"{_DECIDE}:_Turn._wave_over", "count.final < count.hosts", "count.settled < count.hosts"),
    ),
    _bug(
        Law.WAVES,
        115,
        "The next wave opens as soon as one host of the last one is through",
        (f"{_DECIDE}:_Turn._wave_over", "count.final < count.hosts", "not count.final"),
    ),
    _bug(
        Law.WAVES,
        594,
        "The delay between waves is not waited for",
        (f"{_DECIDE}:_Turn._wave_over", "return opens <= self.now", "return True"),
    ),
    _bug(
        Law.WAVES,
        7,
        "A changed host counts as a success without its soak",
        (f"{_ANSWERS}:_proven", "if soak <= 0:", "if soak >= 0:"),
    ),
    _bug(
        Law.TRUTH,
        7,
        "A host that broke in its soak counts as a success all the same",
        (
            f"{_ANSWERS}:_rechecked",
            "return moves.fail_changed(run, campaign.policy, result.error or _unexplained(result), now)",
            "return replace(moves.to(run, HostState.SUCCEEDED, now), soak_until=None)",
        ),
    ),
    # -- stops
    _bug(
        Law.EARLY,
        7,
        "Stop rules stop at what they tolerate: `>=` instead of `>`",
        ("campaign.stop_rules:Reading.breached", ") > self.tolerated", ") >= self.tolerated"),
    ),
    _bug(
        Law.STOP,
        7,
        "Stop rules tolerate one failure more than they say",
        (
            "campaign.stop_rules:tolerated",
            "resolve(rule.tolerate, hosts)",
            "resolve(rule.tolerate, hosts) + 1",
        ),
    ),
    _bug(
        Law.STOP,
        60,
        "Hosts that are UNKNOWN use no budget of the stop rules",
        (
            "campaign.census:take_census",
            "(state in _BAD_STATES or run.failed_as is not None)",
            "run.failed_as is not None",
        ),
    ),
    _bug(
        Law.STOP,
        147,
        "Failures are not counted",
        ("campaign.moves:fail", "failed_as=run.failed_as or kind", "failed_as=None"),
    ),
    _bug(
        Law.STOP,
        60,
        "Hosts are started although the budget of a rule is used up by UNKNOWN ones",
        (f"{_DECIDE}:_Turn._may_start", "not self.judgement.hold and ", ""),
    ),
    _bug(
        Law.END,
        7,
        "A halt does not stop",
        ("campaign.stop_rules:stopped", "SEVERITY[stop.action] >= 2", "SEVERITY[stop.action] > 2"),
    ),
    _bug(
        Law.STOP,
        346,
        "A pause is written down and does not hold",
        (
            "campaign.record:stop_now",
            "return _in_state(after, CampaignState.PAUSED)",
            "return after",
        ),
    ),
    _bug(
        Law.STOP,
        346,
        "Hosts are started while the campaign is paused",
        (
            f"{_DECIDE}:_Turn._may_start",
            "campaign.state is not CampaignState.RUNNING",
            "campaign.state not in WORKING",
        ),
    ),
    _bug(
        Law.STOP,
        173,
        "Orders nobody accepted are published again while the campaign is paused",
        (f"{_DECIDE}:_Turn.actions", " and campaign.state is not CampaignState.PAUSED", ""),
    ),
    # -- people
    _bug(
        Law.STOP,
        691,
        "An abort does not stop",
        (
            "campaign.stop_rules:stopped",
            "campaign.abort_requested or any(SEVERITY[stop.action] >= 2 for stop in campaign.stops)",
            "any(SEVERITY[stop.action] >= 2 for stop in campaign.stops if stop.action)",
        ),
    ),
    _bug(
        Law.ABORT,
        691,
        "An abort is acknowledged and not kept",
        (
            "service.service:Service.abort",
            "saved = self._observe(writer, campaign, event, self._now())",
            "saved = campaign",
        ),
    ),
    _bug(
        Law.LATE,
        7,
        "Orders hardly ever expire",
        ("campaign.record:_dispatched", "seconds=campaign.policy.order_ttl_s", "seconds=90_000.0"),
    ),
    _bug(
        Law.KILL,
        369,
        "Decisions do not look at the kill switch",
        ("campaign.brakes:brakes", "(*_thrown_switches(around), *held,", "(*held,"),
    ),
    _bug(
        Law.KILL,
        33,
        "The kill switch does not hold undos",
        (f"{_DECIDE}:_Turn._undo", "self.judgement.dark or self.held.undo or ", "self.judgement.dark or "),
    ),
    _bug(
        Law.KILL,
        25,
        "A switch thrown between a decision and its commit is not seen",
        ("loop.outside:Outside.check", "reader.switches() != self.switches", "False"),
    ),
    _bug(
        Law.KILL,
        369,
        "A kill switch is acknowledged and not kept",
        ("service.stopping:throw", "    writer.throw_switch(switch)", "    pass"),
    ),
    _bug(
        Law.KILL,
        369,
        "A kill switch for one campaign stops nothing",
        (
            "campaign.kill_switch:Switch.applies_to",
            'self.name == own.get(self.target, "")',
            "self.target is Target.EVERYTHING",
        ),
    ),
    _bug(
        Law.APART,
        362,
        "Decisions do not look at quarantines",
        (f"{_DECIDE}:_Turn._dispatches", "not in self.alone", "not in self.around.blocked"),
    ),
    _bug(
        Law.APART,
        982,
        "Orders nobody accepted are published again to quarantined hosts",
        (f"{_WATCH}:_Watch._ordered", " and run.host.name not in self.quarantined", ""),
    ),
    _bug(
        Law.APART,
        269,
        "A host that was left to a person is not quarantined",
        (f"{_COMMIT}:commit", "writer.quarantine(left_to_people(turn, changed))", "writer.quarantine(())"),
    ),
    _bug(
        Law.AGREED,
        140,
        "The author's own approval counts",
        ("campaign.approval:approvers", "if who and who != person(campaign.author)", "if who"),
        ("campaign.approval:objection", "person(event.by) == person(campaign.author)", "False"),
    ),
    _bug(
        Law.AGREED,
        140,
        "One person with two names counts twice",
        ("campaign.approval:person", 'by.partition("@")[0].strip().casefold()', "by"),
    ),
    _bug(
        Law.AGREED,
        140,
        "The approval of another plan counts",
        ("campaign.approval:approvers", " and item.plan_hash == campaign.plan_hash", ""),
        ("campaign.approval:objection", "event.plan_hash != campaign.plan_hash", "False"),
    ),
    _bug(
        Law.AGREED,
        140,
        "One approval is enough, however many are asked for",
        ("campaign.approval:approve", "if missing(after)", "if not after.approvals"),
    ),
    _bug(
        Law.AGREED,
        140,
        "A plan that waits for approval starts when it is applied",
        ("campaign.approval:applied", "if asked is None or not campaign.waves:", "if True:"),
    ),
    _bug(
        Law.PLAN,
        7,
        "An empty selection is no mistake",
        ("loop.planning:check", "if not names and not asked.allow_empty:", "if False:"),
    ),
    # -- gates, windows, budgets
    _bug(
        Law.GATES,
        140,
        "Waves open whatever their gates say",
        (f"{_DECIDE}:_Turn._forward", "if not opened or self.held.wave:", "if not opened:"),
    ),
    _bug(
        Law.GATES,
        140,
        "A gate that passed once stays open",
        (
            "campaign.needed_gates:NeededGate.is_open",
            "until is not None and now < until",
            "until is not None",
        ),
    ),
    _bug(
        Law.GATES,
        46,
        "A host starts while its gate is still asked",
        (
            "campaign.starting:choose",
            "standing[_Stand.OPEN], room",
            "standing[_Stand.OPEN] + standing[_Stand.ASKED], room",
        ),
    ),
    _bug(
        Law.GATES,
        97,
        "What a gate said of one host opens it for all",
        (
            "campaign.starting:_stand",
            "states.get((gate.name, run.wave, run.host.name))",
            "next(iter(states.values()), None)",
        ),
    ),
    _bug(
        Law.WINDOW,
        140,
        "Hosts are started in a blackout",
        ("campaign.windows:_is_open", " and _blackout(windows, instant) is None", ""),
    ),
    _bug(
        Law.BUDGET,
        773,
        "One host more than a budget allows may be away",
        (
            "campaign.disruption:Ledger.full",
            "len(users) >= self.limit(group)",
            "len(users) > self.limit(group)",
        ),
    ),
    _bug(
        Law.BUDGET,
        773,
        "Hosts in their soak use no budget",
        ("campaign.disruption:_is_away", "run.state not in _AWAY", "run.state not in HOLDS_SLOT"),
    ),
    _bug(
        Law.BUDGET,
        546,
        "Budgets do not see hosts of other campaigns",
        ("campaign.disruption:open_ledger", "for item in around.away:", "for item in ():"),
    ),
    _bug(
        Law.BUDGET,
        15,
        "A host that was left to a person frees its budget with its lease",
        (
            "store.reader:Reader.away",
            "return (*budget_uses.away(self.connection, own), *quarantines.away(self.connection))",
            "return budget_uses.away(self.connection, own)",
        ),
    ),
    # -- two campaigns, two processes, two copies
    _bug(
        Law.ALONE,
        7,
        "Leases of other campaigns are ignored",
        (f"{_DECIDE}:_Turn._dispatches", "not in self.alone", "not in self.around.quarantined"),
        ("store.leases:take", "raise LeaseHeld(lease.host, owner)", "pass"),
    ),
    _bug(
        Law.ALONE,
        7,
        "No lease is ever taken",
        (f"{_COMMIT}:commit", "    writer.take_leases(turn.leases)", "    pass"),
    ),
    _bug(
        Law.ALONE,
        7,
        "An UNKNOWN host gives its lease back",
        (
            f"{_COMMIT}:released",
            "FINAL_HOST | {HostState.PENDING}",
            "FINAL_HOST | {HostState.PENDING, HostState.UNKNOWN}",
        ),
    ),
    _bug(
        Law.ALONE,
        388,
        "A host is taken back while its undo is under way",
        ("campaign.census:take_census", "(waiting if open_attempt(run) is None else flying)", "waiting"),
        ("campaign.record:_dispatched", " or open_attempt(run) is not None", ""),
    ),
    _bug(
        Law.LEAD,
        477,
        "A process that lost the lead may go on writing: no fencing",
        ("store.lead:check", "row is None or int(row.epoch) != epoch", "row is None"),
    ),
    _bug(
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
    _bug(
        Law.EPOCHS,
        331,
        "Epochs are not raised to what hosts have seen after a restore",
        ("store.hosts:raise_epochs", "epoch <= HIGHEST_EPOCH and", "False and"),
    ),
    _bug(
        Law.RECORD,
        7,
        "Orders leave before their commit",
        (
            f"{_LOOP}:Reconciler._advance",
            "saved = commit(turn, writer)",
            "self._outbox.send(tuple(turn.sendings)); saved = commit(turn, writer)",
        ),
    ),
    _bug(
        Law.RECORD,
        298,
        "Reports are acknowledged before their commit",
        (f"{_LOOP}:Reconciler._turn", "rest = self._advance(", "settle(items); rest = self._advance("),
    ),
    _bug(
        Law.RECORD,
        115,
        "An order that is published again gets a new id",
        (
            "loop.orders:_sending",
            "attempt_id=attempt.id",
            'attempt_id=f"{attempt.id}{attempt.sent - 1 or str()}"',
        ),
    ),
    _bug(
        Law.RECORD,
        7,
        "Orders are not written to the log",
        (
            f"{_ACT}:_note_action",
            "    turn.note(kind_of(action), data",
            "    isinstance(action, Dispatch) or turn.note(kind_of(action), data",
        ),
    ),
    _bug(
        Law.CHAIN,
        7,
        "Lines of the log are not chained to each other",
        ("store.events:append", "chain = link(chain, line)", "chain = link(GENESIS, line)"),
    ),
    _bug(
        Law.TRUTH,
        906,
        "The refusal of one copy of an order speaks for the other",
        (f"{_ANSWERS}:_may_still_start", "return not final and now < attempt.expires_at", "return False"),
    ),
    # -- the truth about hosts and campaigns
    _bug(
        Law.FORWARD,
        491,
        "A late result flips a settled state",
        (f"{_ANSWERS}:react", "if attempt.ended_at is not None:", "if False:"),
        (
            "campaign.moves:to",
            "if state is run.state or state not in LEGAL[run.state]:",
            "if state is run.state:",
        ),
    ),
    _bug(
        Law.TRUTH,
        893,
        "A failed rollback counts as rolled back",
        (f"{_ANSWERS}:_undone", "if equal_to_snapshot(result):", "if True:"),
    ),
    _bug(
        Law.BACK,
        222,
        "A rollback that failed is tried again",
        (f"{_ANSWERS}:_undone", "return moves.fail(run, HostState.NEEDS_HUMAN, error, now)", "return run"),
    ),
    _bug(
        Law.TRUTH,
        138,
        "A host that failed when it was changed counts as untouched",
        (
            f"{_ANSWERS}:_untouched",
            "return result.changed is False and not done and not run.changed",
            "return True",
        ),
    ),
    _bug(
        Law.END,
        165,
        "A rollback that failed on a host ends as ROLLED_BACK: failed, but completed",
        (
            "campaign.ending:_stopped",
            "if any(_not_back(campaign, run, back=back) for run in campaign.runs):",
            "if False:",
        ),
    ),
    _bug(
        Law.END,
        138,
        "Hosts at work when the campaign turns back are forgotten",
        (f"{_ANSWERS}:_proven", "if run.wave in campaign.rollback_waves:", "if False:"),
        (f"{_ANSWERS}:_rechecked", "if run.wave in campaign.rollback_waves:", "if False:"),
    ),
    _bug(
        Law.END,
        393,
        "A campaign with failed hosts ends as COMPLETE",
        (
            "campaign.ending:final_state",
            "if states & _EXCEPTIONS or HostState.PENDING in states:",
            "if False:",
        ),
    ),
    _bug(
        Law.END,
        7,
        "A campaign ends while hosts are at work",
        (f"{_DECIDE}:_Turn._end", "busy or census.flying or census.soaking", "busy or census.soaking"),
    ),
)
