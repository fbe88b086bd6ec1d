"""How a campaign goes over its hosts unless it is told otherwise, and what may be told."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from orchestrator.campaign.rollout import (
    Approval,
    Budgets,
    Clock,
    FailureKind,
    Quorum,
    RolloutPolicy,
    Scope,
    Share,
    StopAction,
    StopRule,
)
from orchestrator.campaign.waves import REST, check_waves, parse_share, parse_waves
from tasks.model import Kind

#: default waves of a changing procedure: a canary, a tenth, the rest
CHANGING_WAVES = (Share(value=1), Share(value=10, percent=True), REST)

#: default slots: one change at a time; reading disturbs nobody
CHANGING_PARALLELISM = 1
READING_PARALLELISM = 50

#: what a changing campaign stops at unless told otherwise: any trouble in the first wave, over 10 % of a later one
DEFAULT_RULES = (
    StopRule(kind=FailureKind.ANY, tolerate=Share(value=0), scope=Scope.WAVE, waves=(1,)),
    StopRule(kind=FailureKind.ANY, tolerate=Share(value=10, percent=True), scope=Scope.WAVE, from_wave=2),
)

MAX_PARALLELISM = 1_000
#: untouched hosts read before a rollback, at most, and unless a plan says otherwise
MAX_CONTROLS = 10
CHANGING_CONTROLS = 2
#: longest pause or soak: a week
MAX_SECONDS = 7 * 86_400.0


def make_policy(
    kind: Kind,
    *,
    waves: str | tuple[Share, ...] | None = None,
    parallelism: int | None = None,
    wave_parallelism: tuple[int | None, ...] = (),
    wave_names: tuple[str, ...] = (),
    delay_s: float = 0.0,
    monitor_s: float = 0.0,
    max_failures: str | Share | None = None,
    stop_rules: tuple[StopRule, ...] | None = None,
    on_breach: StopAction = StopAction.HALT,
    rollback_failed: bool = True,
    rollback_parallelism: int = 1,
    rollback_delay_s: float = 0.0,
    rollback_monitor_s: float = 0.0,
    rollback_on_failure: StopAction = StopAction.CONTINUE,
    control_hosts: int = 0,
    quorum: Quorum = Quorum.OFF,
) -> RolloutPolicy:
    """The policy of a campaign, every default resolved; ValueError names the option, the value and the limit.

    `max_failures` replaces the default rules by one over the whole campaign. A soak is never shorter than the
    delay: what shows only during the pause between waves must still stop the next one.
    """
    reading = kind is Kind.READ_ONLY
    policy = RolloutPolicy(
        waves=_waves(kind, waves),
        parallelism=parallelism if parallelism is not None else _slots(kind),
        wave_parallelism=wave_parallelism,
        wave_names=wave_names,
        delay_s=delay_s,
        monitor_s=monitor_s,
        stop_rules=_rules(kind, max_failures, stop_rules, on_breach),
        rollback_failed=rollback_failed and not reading,
        rollback_parallelism=rollback_parallelism,
        rollback_delay_s=rollback_delay_s,
        rollback_monitor_s=rollback_monitor_s,
        rollback_on_failure=rollback_on_failure,
        control_hosts=0 if reading else control_hosts,
        quorum=Quorum.OFF if reading else quorum,
    )
    check_policy(policy)
    return policy if reading else replace(policy, monitor_s=max(monitor_s, delay_s))


def check_policy(policy: RolloutPolicy) -> None:
    """Nothing in the policy is outside its limits; ValueError with option, value and limit otherwise."""
    check_waves(policy.waves)
    for share in policy.waves:
        _check_share("waves", share, zero=False)
    for name in ("parallelism", "rollback_parallelism"):
        _check_count(name, getattr(policy, name), 1, MAX_PARALLELISM)
    _check_waves(policy)
    for name in ("max_orders", "max_attempts"):
        _check_count(name, getattr(policy, name), 1, 100)
    _check_count("control_hosts", policy.control_hosts, 0, MAX_CONTROLS)
    for name in (
        "delay_s",
        "monitor_s",
        "rollback_delay_s",
        "rollback_monitor_s",
        "unknown_grace_s",
        "unknown_wait_s",
    ):
        _check_seconds(name, getattr(policy, name), 0.0)
    for name in ("heartbeat_timeout_s", "order_ttl_s", "ask_every_s", "resend_after_s"):
        _check_seconds(name, getattr(policy, name), 1.0)
    if policy.rollback_on_failure not in {StopAction.CONTINUE, StopAction.PAUSE, StopAction.HALT}:
        raise ValueError(
            f"rollback_on_failure is {policy.rollback_on_failure}; it must be continue, pause or halt: "
            "a rollback is never rolled back"
        )
    for rule in policy.stop_rules:
        _check_rule(rule)
    _check_count("one_way_hosts", policy.one_way_hosts, 0, 100_000)
    _check_parts(policy)


def _check_waves(policy: RolloutPolicy) -> None:
    """What is said of single waves is said of waves there are, and each name means one of them."""
    for name, items in (("wave_parallelism", policy.wave_parallelism), ("wave_names", policy.wave_names)):
        if len(items) not in {0, len(policy.waves)}:
            raise ValueError(f"{name} has {len(items)} entries for {len(policy.waves)} waves; give one each")
    for slots in policy.wave_parallelism:
        if slots is not None:
            _check_count("wave_parallelism", slots, 1, MAX_PARALLELISM)
    given = [name for name in policy.wave_names if name]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"wave_names has {twice!r} twice; a name means one wave")


def _check_parts(policy: RolloutPolicy) -> None:
    """The parts a policy may have or not."""
    if policy.approval is not None:
        _check_approval(policy.approval)
    if policy.budgets is not None:
        _check_budgets(policy.budgets)
    for name in ("step", "host", "progress", "campaign"):
        _check_clock(f"clocks.{name}", getattr(policy.clocks, name))


def _check_approval(asked: Approval) -> None:
    _check_count("approval.required", asked.required, 1, 20)
    if asked.among is not None:
        _check_count("approval.among", asked.among, asked.required, 100)
    if asked.expires_s is not None:
        _check_seconds("approval.expires_s", asked.expires_s, 60.0)


def _waves(kind: Kind, waves: str | tuple[Share, ...] | None) -> tuple[Share, ...]:
    if waves is None:
        return (REST,) if kind is Kind.READ_ONLY else CHANGING_WAVES
    return parse_waves(waves) if isinstance(waves, str) else waves


def _slots(kind: Kind) -> int:
    return READING_PARALLELISM if kind is Kind.READ_ONLY else CHANGING_PARALLELISM


def _rules(
    kind: Kind,
    max_failures: str | Share | None,
    stop_rules: tuple[StopRule, ...] | None,
    action: StopAction,
) -> tuple[StopRule, ...]:
    if max_failures is not None and stop_rules is not None:
        raise ValueError("max_failures and stop_rules say the same thing twice; give one of them")
    if max_failures is not None:
        share = _max_failures(max_failures)
        return (StopRule(kind=FailureKind.ANY, tolerate=share, scope=Scope.CAMPAIGN, action=action),)
    if stop_rules is not None:
        return stop_rules
    if kind is Kind.READ_ONLY:
        # a survey tells about the hosts that answer, and names the others
        return ()
    return tuple(replace(rule, action=action) for rule in DEFAULT_RULES)


def _max_failures(value: str | Share) -> Share:
    if isinstance(value, Share):
        return value
    try:
        return parse_share(value, zero=True)
    except ValueError as error:
        raise ValueError(f"max_failures: {error}") from None


def _check_rule(rule: StopRule) -> None:
    _check_share("tolerate", rule.tolerate, zero=True)
    if (rule.scope is Scope.LABEL) is not bool(rule.label):
        raise ValueError(f"scope {rule.scope} of a stop rule and label {rule.label!r} do not go together")
    _check_count("min_sample", rule.min_sample, 0, 100_000)
    _check_count("from_wave", rule.from_wave, 1, 100_000)
    for number in rule.waves:
        _check_count("wave of a stop rule", number, 1, 100_000)


def _check_budgets(budgets: Budgets) -> None:
    """A budget of nothing would let no host be changed, ever; it is refused."""
    for budget in budgets.labels:
        _check_share(f"budgets.max_unavailable.{budget.label}", budget.most, zero=False)
    if budgets.fleet is not None:
        _check_share("budgets.fleet", budgets.fleet, zero=False)


def _check_clock(name: str, clock: Clock) -> None:
    for limit, value in (("warn", clock.warn_s), ("stop", clock.stop_s)):
        if value is not None:
            _check_seconds(f"{name}.{limit}", value, 1.0)
    if clock.warn_s is not None and clock.stop_s is not None and clock.warn_s >= clock.stop_s:
        raise ValueError(
            f"{name}.warn is {clock.warn_s:g} s; it must come before {name}.stop of {clock.stop_s:g} s"
        )


def _check_share(name: str, share: Share, *, zero: bool) -> None:
    most = 100 if share.percent else 100_000
    if not isfinite(share.value) or not 0 <= share.value <= most or (share.value == 0 and not zero):
        least = "0" if zero else "above 0"
        raise ValueError(f"{name} is {share.value}; it must be {least} to {most}")
    if not share.percent and share.value != int(share.value):
        raise ValueError(f"{name} is {share.value}; a count is a whole number")


def _check_count(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most or value != int(value):
        raise ValueError(f"{name} is {value}; it must be a whole number from {least} to {most}")


def _check_seconds(name: str, value: float, least: float) -> None:
    if not isfinite(value) or not least <= value <= MAX_SECONDS:
        raise ValueError(f"{name} is {value}; it must be {least:g} to {MAX_SECONDS:g} seconds")
