"""What a campaign file asks of POST /v1/plans; keys it leaves out are left out, so that flags and defaults decide."""

from __future__ import annotations

from typing import Any

from orchestrator.campaign.rollout import Share
from orchestrator.campaign.waves import MAX_COUNT
from orchestrator.campaignfile.gates import Gate
from orchestrator.campaignfile.limits import Approval
from orchestrator.campaignfile.openings import windows_of
from orchestrator.campaignfile.rollout import Ramp, Rule
from orchestrator.campaignfile.schema import CampaignFile
from orchestrator.documents.problems import Problems
from tasks.errors import BadDocument


def wish_of(file: CampaignFile) -> dict[str, Any]:
    """The part of the request's body that the file decides, but for procedure, parameters and hosts."""
    wish = {
        "waves": _waves(file),
        "parallelism": file.parallelism,
        **_each_wave(file),
        "delay_s": file.delay,
        "monitor_s": file.monitor,
        "max_failures": None if file.max_failures is None else share_text(file.max_failures),
        "stop_rules": None if file.stop_rules is None else [_rule(rule) for rule in file.stop_rules],
        "rollback_failed": file.rollback.failed_hosts,
        "rollback_parallelism": file.rollback.parallelism,
        "rollback_delay_s": file.rollback.delay,
        "rollback_monitor_s": file.rollback.monitor,
        "rollback_on_failure": file.rollback.on_failure,
        "control_hosts": file.rollback.control_hosts,
        "timeout_s": file.clocks.host.stop,
        "ttl_s": file.plan.expires,
        "delivery": _delivery(file) or None,
        "windows": _windows(file),
        "budgets": _budgets(file),
        "quorum": file.quorum,
        "clocks": _clocks(file) or None,
        "approval": None if file.approval is None else approval_wish(file.approval),
        "one_way_hosts": file.one_way_hosts,
        "gates": None if file.gates is None else [_gate(gate) for gate in file.gates],
        "notify": None
        if file.notify is None
        else [{"to": item.to, "on": list(item.on)} for item in file.notify],
        "allow_unreachable": file.targets.allow_unreachable,
        "allow_empty": file.targets.allow_empty,
        "reason": file.reason,
    }
    return {key: value for key, value in wish.items() if value is not None}


def share_text(share: Share) -> str:
    """The share as a flag takes it: "3", "10%", "0.5%"."""
    number = f"{share.value:.6f}".rstrip("0").rstrip(".")
    return f"{number}%" if share.percent else number


def ramp_sizes(ramp: Ramp) -> tuple[int, ...]:
    """Sizes of the waves of a ramp, the last of which repeats."""
    most = ramp.most or MAX_COUNT
    sizes = [ramp.first]
    while sizes[-1] < most:
        sizes.append(min(most, sizes[-1] * ramp.factor))
    return tuple(sizes)


def _waves(file: CampaignFile) -> str | None:
    if file.ramp is not None:
        return ",".join(str(size) for size in ramp_sizes(file.ramp))
    if file.waves is None:
        return None
    return ",".join(share_text(wave.share) for wave in file.waves)


def _each_wave(file: CampaignFile) -> dict[str, Any]:
    """What single waves are called and how many of their hosts change at a time, one entry for each."""
    waves = file.waves or ()
    found: dict[str, Any] = {}
    if any(wave.parallel is not None for wave in waves):
        found["wave_parallelism"] = [wave.parallel for wave in waves]
    if any(wave.name is not None for wave in waves):
        found["wave_names"] = [wave.name or "" for wave in waves]
    return found


def _rule(rule: Rule) -> dict[str, Any]:
    action = f"rollback-{rule.scope}" if rule.action == "rollback" else rule.action
    label = {} if rule.label is None else {"label": rule.label}
    return label | {
        "kind": rule.kind,
        "tolerate": share_text(rule.tolerate),
        "min_sample": rule.min_sample,
        "scope": rule.scope,
        "action": action,
        "waves": list(rule.waves or ()),
        "from_wave": rule.from_wave or 1,
    }


def _gate(gate: Gate) -> dict[str, Any]:
    required, among = gate.required or (None, None)
    given = {
        "kind": gate.kind,
        "at": gate.at,
        "url": gate.url,
        "query": gate.query,
        "argv": None if gate.argv is None else list(gate.argv),
        "least": gate.least,
        "most": gate.most,
        "every_s": gate.every,
        "timeout_s": gate.timeout,
        "failures": gate.failures,
        "errors": gate.errors,
        "inconclusive": gate.inconclusive,
        "passes": gate.passes,
        "action": gate.action,
        "waves": None if gate.waves is None else list(gate.waves),
        "warnings": gate.warnings,
        "group": gate.group,
        "required": required,
        "among": among,
        "expires_s": gate.expires,
        "fail_on_timeout": True if gate.on_timeout == "fail" else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _clocks(file: CampaignFile) -> dict[str, dict[str, Any]]:
    """The limits that were given; the end of one attempt on a host travels as timeout_s."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("step", "host", "progress", "campaign"):
        clock = getattr(file.clocks, name)
        given = {"warn_s": clock.warn}
        if name != "host":
            given |= {"stop_s": clock.stop, "action": clock.action}
        if kept := {key: value for key, value in given.items() if value is not None}:
            found[name] = kept
    return found


def _budgets(file: CampaignFile) -> dict[str, Any] | None:
    budgets = file.budgets
    if budgets is None:
        return None
    labels = {key: share_text(most) for key, most in budgets.max_unavailable.items()}
    found: dict[str, Any] = {"max_unavailable": labels}
    return found if budgets.fleet is None else found | {"fleet": share_text(budgets.fleet)}


def _windows(file: CampaignFile) -> dict[str, Any] | None:
    if file.windows is None:
        return None
    problems = Problems([], error=BadDocument)
    windows = windows_of(file.windows, problems)
    problems.raise_if_any()  # a calendar may have gone since the file was checked
    blackouts = [{"start": item.start.isoformat(), "end": item.end.isoformat()} for item in windows.blackouts]
    if windows.allow is None:
        return {"blackouts": blackouts}
    allow = [
        {"days": sorted(item.days), "opens": item.opens, "closes": item.closes, "zone": item.zone}
        for item in windows.allow
    ]
    return {"allow": allow, "blackouts": blackouts}


def approval_wish(asked: Approval) -> dict[str, Any]:
    """Who must agree, as requests have it."""
    required, among = asked.required
    return {
        "required": required,
        "among": among,
        "group": asked.group,
        "expires_s": asked.expires,
        "abort_on_timeout": asked.on_timeout == "abort",
    }


def _delivery(file: CampaignFile) -> dict[str, Any]:
    given = {
        "max_attempts": file.retries.attempts,
        "max_orders": file.retries.orders,
        **{f"{name}_s": getattr(file.delivery, name) for name in type(file.delivery).model_fields},
    }
    return {key: value for key, value in given.items() if value is not None}
