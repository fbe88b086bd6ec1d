"""Bugs: what stops, and who: rules, people, kill switches, hard aborts and quarantines."""

from __future__ import annotations

from orchestrator.simulate.laws.law import Law
from tests.orchestrator.simulate.planted_bug import COMMIT, DECIDE, WATCH, Bug, bug

STOPS: tuple[Bug, ...] = (
    # -- stops
    bug(
        Law.EARLY,
        7,
        "Stop rules stop at what they tolerate: `>=` instead of `>`",
        ("campaign.limits.stop_rules:Reading.breached", ") > self.tolerated", ") >= self.tolerated"),
    ),
    bug(
        Law.STOP,
        7,
        "Stop rules tolerate one failure more than they say",
        (
            "campaign.limits.stop_rules:tolerated",
            "resolve(rule.tolerate, hosts)",
            "resolve(rule.tolerate, hosts) + 1",
        ),
    ),
    bug(
        Law.STOP,
        60,
        "Hosts that are UNKNOWN use no budget of the stop rules",
        (
            "campaign.census:take_census",
            "(state in _BAD_STATES or run.failed_as is not None)",
            "run.failed_as is not None",
        ),
    ),
    bug(
        Law.STOP,
        147,
        "Failures are not counted",
        ("campaign.moves:fail", "failed_as=run.failed_as or kind", "failed_as=None"),
    ),
    bug(
        Law.STOP,
        60,
        "Hosts are started although the budget of a rule is used up by UNKNOWN ones",
        (f"{DECIDE}:_Turn._may_start", "not self.judgement.hold and ", ""),
    ),
    bug(
        Law.END,
        7,
        "A halt does not stop",
        ("campaign.limits.stop_rules:stopped", "SEVERITY[stop.action] >= 2", "SEVERITY[stop.action] > 2"),
    ),
    bug(
        Law.STOP,
        346,
        "A pause is written down and does not hold",
        (
            "campaign.record:stop_now",
            "return _in_state(after, CampaignState.PAUSED)",
            "return after",
        ),
    ),
    bug(
        Law.STOP,
        346,
        "Hosts are started while the campaign is paused",
        (
            f"{DECIDE}:_Turn._may_start",
            "campaign.state is not CampaignState.RUNNING",
            "campaign.state not in WORKING",
        ),
    ),
    bug(
        Law.STOP,
        173,
        "Orders nobody accepted are published again while the campaign is paused",
        (f"{DECIDE}:_Turn.actions", " and campaign.state is not CampaignState.PAUSED", ""),
    ),
    # -- rules
    bug(
        Law.STOP,
        143,
        "A rule that had its say is silent after a resume, whoever fails next",
        (
            "campaign.limits.stop_rules:_had_its_say",
            "return all(host in forgiven for host in hosts)",
            "return forgiven is not None",
        ),
    ),
    bug(
        Law.EARLY,
        27,
        "A rule speaks before enough hosts are settled",
        ("campaign.limits.stop_rules:_reading", "settled >= min(rule.min_sample, hosts)", "True"),
    ),
    bug(
        Law.STOP,
        27,
        "A rule is silent where there are fewer hosts than its sample",
        (
            "campaign.limits.stop_rules:_reading",
            "settled >= min(rule.min_sample, hosts)",
            "settled >= rule.min_sample",
        ),
    ),
    bug(
        Law.STOP,
        917,
        "A rule over a label counts all its values together",
        (
            "campaign.limits.stop_rules:_label_readings",
            "groups.setdefault(run.host.labels[rule.label], [])",
            "groups.setdefault(rule.label, [])",
        ),
    ),
    # -- people
    bug(
        Law.STOP,
        691,
        "An abort does not stop",
        (
            "campaign.limits.stop_rules:stopped",
            "campaign.abort_requested or any(SEVERITY[stop.action] >= 2 for stop in campaign.stops)",
            "any(SEVERITY[stop.action] >= 2 for stop in campaign.stops if stop.action)",
        ),
    ),
    bug(
        Law.ABORT,
        75,
        "An abort is acknowledged and not kept",
        (
            "service.service:Service.abort",
            "saved = self._observe(writer, campaign, event, self._now())",
            "saved = campaign",
        ),
    ),
    bug(
        Law.LATE,
        7,
        "Orders hardly ever expire",
        ("campaign.record:_dispatched", "seconds=campaign.policy.order_ttl_s", "seconds=90_000.0"),
    ),
    bug(
        Law.KILL,
        369,
        "Decisions do not look at the kill switch",
        ("campaign.brakes:brakes", "(*_thrown_switches(around), *held,", "(*held,"),
    ),
    bug(
        Law.KILL,
        33,
        "The kill switch does not hold undos",
        (f"{DECIDE}:_Turn._undo", "self.judgement.dark or self.held.undo or ", "self.judgement.dark or "),
    ),
    bug(
        Law.KILL,
        25,
        "A switch thrown between a decision and its commit is not seen",
        ("loop.outside:Outside.check", "reader.switches() != self.switches", "False"),
    ),
    bug(
        Law.KILL,
        369,
        "A kill switch is acknowledged and not kept",
        ("service.stopping:throw", "    writer.throw_switch(switch)", "    pass"),
    ),
    bug(
        Law.KILL,
        369,
        "A kill switch for one campaign stops nothing",
        (
            "campaign.kill_switch:Switch.applies_to",
            'self.name == own.get(self.target, "")',
            "self.target is Target.EVERYTHING",
        ),
    ),
    bug(
        Law.APART,
        362,
        "Decisions do not look at quarantines",
        (f"{DECIDE}:_Turn._dispatches", "not in self.alone", "not in self.around.blocked"),
    ),
    bug(
        Law.APART,
        982,
        "Orders nobody accepted are published again to quarantined hosts",
        (f"{WATCH}:_Watch._ordered", " and run.host.name not in self.quarantined", ""),
    ),
    bug(
        Law.APART,
        269,
        "A host that was left to a person is not quarantined",
        (f"{COMMIT}:commit", "writer.quarantine(left_to_people(turn, changed))", "writer.quarantine(())"),
    ),
    bug(
        Law.AGREED,
        140,
        "The author's own approval counts",
        ("campaign.limits.approval:approvers", "if who and who != person(campaign.author)", "if who"),
        ("campaign.limits.approval:objection", "person(event.by) == person(campaign.author)", "False"),
    ),
    bug(
        Law.AGREED,
        140,
        "One person with two names counts twice",
        ("campaign.limits.approval:person", 'by.partition("@")[0].strip().casefold()', "by"),
    ),
    bug(
        Law.AGREED,
        140,
        "The approval of another plan counts",
        ("campaign.limits.approval:approvers", " and item.plan_hash == campaign.plan_hash", ""),
        ("campaign.limits.approval:objection", "event.plan_hash != campaign.plan_hash", "False"),
    ),
    bug(
        Law.AGREED,
        140,
        "One approval is enough, however many are asked for",
        ("campaign.limits.approval:approve", "if missing(after)", "if not after.approvals"),
    ),
    bug(
        Law.AGREED,
        140,
        "A plan that waits for approval starts when it is applied",
        ("campaign.limits.approval:applied", "if asked is None or not campaign.waves:", "if True:"),
    ),
    bug(
        Law.PLAN,
        7,
        "An empty selection is no mistake",
        ("loop.planning:check", "if not names and not asked.allow_empty:", "if False:"),
    ),
    # -- hard aborts
    bug(
        Law.HARD,
        32,
        "A hard abort is taken for a soft one",
        (f"{DECIDE}:_Turn._stop_attempts", "if not campaign.abort_hard or", "if campaign.abort_hard or"),
    ),
    bug(
        Law.HARD,
        437,
        "A hard abort stops hosts on their way back",
        (f"{DECIDE}:_Turn._stop_attempts", "attempt.undo or ", ""),
    ),
    # -- quarantines
    bug(
        Law.APART,
        165,
        "Quarantined hosts are brought back",
        (
            f"{DECIDE}:_Turn._undo",
            "(run for run in self.census.waiting if run.host.name not in self.alone)",
            "self.census.waiting",
        ),
    ),
    bug(
        Law.APART,
        354,
        "A host quarantined between a decision and its commit is ordered",
        (
            "loop.outside:Outside.check",
            "if now != known and self._left_alone(now, campaign) != self._left_alone(known, campaign):",
            "if campaign is None:",
        ),
    ),
    # -- clocks
    bug(
        Law.CLOCK,
        1,
        "A clock stops when twice its time is over",
        ("campaign.clocks:_Reading.over", "hand.spent_s >= limit", "hand.spent_s >= 2 * limit"),
    ),
    bug(
        Law.CLOCK,
        1,
        "A clock stops when half its time is over",
        ("campaign.clocks:_Reading.over", "hand.spent_s >= limit", "hand.spent_s >= limit / 2"),
    ),
    bug(
        Law.CLOCK,
        46,
        "A success does not begin the time without a success anew",
        ("campaign.clocks:_last_success", "latest = max(latest, run.ended_at)", "latest = start"),
    ),
)
