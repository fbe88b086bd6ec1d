"""Bugs: what is started, and where: slots, waves, gates, windows, budgets and services."""

from __future__ import annotations

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.planted_bug import ANSWERS, DECIDE, WATCH, Bug, bug

STARTS: tuple[Bug, ...] = (
    # -- slots and waves
    bug(
        Law.SLOTS,
        7,
        "One host more than `parallelism` is changed at a time",
        (
            f"{DECIDE}:_Turn._room",
            "slots - taken",
            "slots + 1 - taken",
        ),
    ),
    bug(
        Law.SLOTS,
        0,
        "An UNKNOWN host frees its slot",
        (
            f"{DECIDE}:_Turn._room",
            "len(self.census.flying)",
            "sum(run.state is not HostState.UNKNOWN for run in self.census.flying)",
        ),
    ),
    bug(
        Law.SLOTS,
        33,
        "A rollback takes hosts back without its own parallelism",
        ("campaign.bringing_back:undo_room", "policy.rollback_parallelism - undoing", "policy.parallelism"),
    ),
    bug(
        Law.WAVES,
        7,
        "The next wave opens while hosts of the last one soak",
        (f"{DECIDE}:_Turn._wave_over", "count.final < count.hosts", "count.settled < count.hosts"),
    ),
    bug(
        Law.WAVES,
        115,
        "The next wave opens as soon as one host of the last one is through",
        (f"{DECIDE}:_Turn._wave_over", "count.final < count.hosts", "not count.final"),
    ),
    bug(
        Law.WAVES,
        28,
        "The delay between waves is not waited for",
        (f"{DECIDE}:_Turn._wave_over", "return opens <= self.now", "return True"),
    ),
    bug(
        Law.WAVES,
        7,
        "A changed host counts as a success without its soak",
        (f"{ANSWERS}:_proven", "if soak <= 0:", "if soak >= 0:"),
    ),
    bug(
        Law.TRUTH,
        7,
        "A host that broke in its soak counts as a success all the same",
        (
            f"{ANSWERS}:_rechecked",
            "return moves.fail_changed(run, campaign.policy, error, now)",
            "return replace(moves.to(run, HostState.SUCCEEDED, now), soak_until=None)",
        ),
    ),
    # -- gates, windows, budgets
    bug(
        Law.GATES,
        140,
        "Waves open whatever their gates say",
        (f"{DECIDE}:_Turn._forward", "if not opened or self.held.wave:", "if not opened:"),
    ),
    bug(
        Law.GATES,
        46,
        "A gate that passed once stays open",
        (
            "campaign.gates.needed:NeededGate.is_open",
            "until is not None and now < until",
            "until is not None",
        ),
    ),
    bug(
        Law.WINDOW,
        140,
        "Hosts are started in a blackout",
        ("campaign.windows:_is_open", " and _blackout(windows, instant) is None", ""),
    ),
    bug(
        Law.BUDGET,
        773,
        "One host more than a budget allows may be away",
        (
            "campaign.limits.disruption:Ledger.full",
            "len(users) >= self.limit(group)",
            "len(users) > self.limit(group)",
        ),
    ),
    bug(
        Law.BUDGET,
        773,
        "Hosts in their soak use no budget",
        ("campaign.limits.disruption:_is_away", "run.state not in _AWAY", "run.state not in HOLDS_SLOT"),
    ),
    bug(
        Law.BUDGET,
        546,
        "Budgets do not see hosts of other campaigns",
        ("campaign.limits.disruption:open_ledger", "for item in around.away:", "for item in ():"),
    ),
    bug(
        Law.BUDGET,
        15,
        "A host that was left to a person frees its budget with its lease",
        (
            "store.reader:Reader.away",
            "return (*budget_uses.away(self.connection, own), *quarantines.away(self.connection))",
            "return budget_uses.away(self.connection, own)",
        ),
    ),
    # -- gates and windows
    bug(
        Law.GATES,
        46,
        "A host starts while its gate is still asked",
        (
            "campaign.starting:choose",
            "standing[_Stand.OPEN], room",
            "standing[_Stand.OPEN] + standing[_Stand.ASKED], room",
        ),
    ),
    bug(
        Law.GATES,
        97,
        "What a gate said of one host opens it for all",
        (
            "campaign.starting:_stand",
            "states.get((gate.name, run.wave, run.host.name))",
            "next(iter(states.values()), None)",
        ),
    ),
    bug(
        Law.GATES,
        46,
        "What a person let pass for one wave or host is open for all",
        (
            "campaign.gates.needed:override_of",
            "(item.gate, item.wave, item.host) == wanted",
            "item.gate == gate",
        ),
    ),
    bug(
        Law.PEOPLE,
        401,
        "A person who lets one gate pass lets all of its wave pass",
        (
            "campaign.gates.needed:override_of",
            "(item.gate, item.wave, item.host) == wanted",
            "item.wave == wave",
        ),
    ),
    bug(
        Law.GATES,
        46,
        "An error opens a gate",
        (
            "campaign.gates.asking:settled",
            "state.passes + 1 if verdict is Verdict.PASS else 0",
            "state.passes + (verdict in {Verdict.PASS, Verdict.ERROR})",
        ),
        (
            "campaign.gates.asking:NeededGate._opens_until",
            "if state.verdict is Verdict.PASS:",
            "if state.verdict in {Verdict.PASS, Verdict.ERROR}:",
        ),
    ),
    bug(
        Law.GATES,
        26,
        "A gate after a wave opens by a pass of before its last host was final",
        (
            "campaign.gates.asking:NeededGate._opens_until",
            "if self.since is not None and asked_at < self.since:",
            "if self.since is not None and asked_at is None:",
        ),
    ),
    bug(
        Law.WINDOW,
        39,
        "Hosts are started outside the windows",
        ("campaign.windows:_allowed", "windows.allow is None", "windows is not None"),
    ),
    bug(
        Law.WINDOW,
        97,
        "The clock on the wall of a window is that of UTC",
        ("campaign.windows:_shows", "instant.astimezone(ZoneInfo(window.zone))", "instant"),
    ),
    bug(
        Law.GATES,
        172,
        "An order nobody accepted is published again past a gate before its host that passed too long ago",
        (f"{WATCH}:_Watch._ordered", "again = again and still_passed(attempt, self.now)", "pass"),
    ),
    bug(
        Law.WINDOW,
        98,
        "Orders nobody accepted are published again while no host may be started",
        (f"{DECIDE}:_Turn.actions", "resend = resend and not self.held.start", "pass"),
    ),
    # -- services
    bug(
        Law.QUORUM,
        2,
        "Two replicas of a service may be away",
        ("campaign.limits.disruption:Ledger.limit", "return 1 if", "return 2 if"),
    ),
    bug(
        Law.QUORUM,
        39,
        "Replicas on hosts of other campaigns are not seen",
        (
            "campaign.limits.disruption:Ledger.note_other",
            "(*mine, *kept_apart(item.services, self.quorum))",
            "()",
        ),
    ),
)
