"""How many hosts of a group may be away at once, over all campaigns: who uses the budget, and who waits for it.

A host is away while anybody works on it, while nobody knows what became of it, while it is watched after its
change, when it could not be reached, and after a failure until a person has released it. Bringing back a host that
is away already costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from orchestrator.campaign.campaign import Campaign, HostRun, runs_of
from orchestrator.campaign.census import open_attempt
from orchestrator.campaign.limits.quorum import keeps_apart, kept_apart, services_of
from orchestrator.campaign.rollout import Budgets, Quorum, Share
from orchestrator.campaign.states import HOLDS_SLOT, HostState
from orchestrator.campaign.surroundings import CALM, Away, Surroundings
from orchestrator.campaign.waves import resolve
from orchestrator.campaign.wording import names
from tasks.model import Host, Kind

#: a label and its value; FLEET stands for all hosts
Group: TypeAlias = tuple[str, str]
FLEET: Group = ("", "")
#: stands where a label would, for services: no label begins so
SERVICE = "\x00service"

_AWAY = HOLDS_SLOT | {HostState.SOAKING, HostState.UNREACHABLE}


@dataclass(slots=True)
class Ledger:
    """What of every budget is used now, and by whom; `take` uses some more of it."""

    budgets: Budgets
    quorum: Quorum
    #: how many hosts of each group with a budget may be away
    most: Mapping[Group, int]
    #: hosts of the plan in each group
    sizes: Mapping[Group, int]
    away: dict[Group, set[str]] = field(default_factory=dict)
    #: the limit of the fleet is that of the control plane's settings: the campaign has none, or a wider one
    set_for_all: bool = False

    def limit(self, group: Group) -> int:
        """How many hosts of a group may be away: of those that share a service, one."""
        return 1 if group[0] == SERVICE else self.most[group]

    def full(self, run: HostRun) -> tuple[Group, ...]:
        """The groups that have no room for this host; none for one that is away already."""
        name = run.host.name
        return tuple(
            group
            for group in self._groups(run)
            if name not in (users := self.away.get(group, set())) and len(users) >= self.limit(group)
        )

    def take(self, run: HostRun) -> bool:
        """Whether this host may be away as well; it is from now on."""
        if self.full(run):
            return False
        self.note(run)
        return True

    def note(self, run: HostRun) -> None:
        """This host of the campaign is away."""
        self._note(run.host.name, self._groups(run))

    def note_other(self, item: Away, known: HostRun | None) -> None:
        """This host is away for another campaign, or was left to a person; `known` when this campaign has it too."""
        labels = item.labels if known is None else known.host.labels
        mine = () if known is None else services_of(known, self.quorum)
        services = (*mine, *kept_apart(item.services, self.quorum))
        self._note(item.host, (*_groups(self.budgets, labels), *((SERVICE, each) for each in services)))

    def _groups(self, run: HostRun) -> Iterator[Group]:
        yield from _groups(self.budgets, run.host.labels)
        for service in dict.fromkeys(services_of(run, self.quorum)):
            yield SERVICE, service

    def _note(self, name: str, groups: Iterable[Group]) -> None:
        for group in groups:
            self.away.setdefault(group, set()).add(name)


def groups_of(budgets: Budgets, host: Host) -> tuple[Group, ...]:
    """The groups with a budget this host belongs to; a host without the label is in none of its groups."""
    return tuple(_groups(budgets, host.labels))


def _groups(budgets: Budgets, labels: Mapping[str, str]) -> Iterator[Group]:
    if budgets.fleet is not None:
        yield FLEET
    for budget in budgets.labels:
        if budget.label in labels:
            yield budget.label, labels[budget.label]


def keeps_budgets(campaign: Campaign, around: Surroundings = CALM) -> bool:
    """Whether it matters to this campaign who is away."""
    if campaign.kind is Kind.READ_ONLY:
        return False
    given = campaign.policy.budgets is not None or around.fleet_budget is not None
    return given or keeps_apart(campaign)


def open_ledger(campaign: Campaign, around: Surroundings) -> Ledger | None:
    """What is used of this campaign's budgets and of the fleet's now; None when there is none to keep."""
    if not keeps_budgets(campaign, around):
        return None
    for_all = around.fleet_budget
    budgets = campaign.policy.budgets or Budgets()
    own_fleet = budgets.fleet
    if for_all is not None and own_fleet is None:
        budgets = replace(budgets, fleet=Share(value=for_all))
    sizes = _sizes(budgets, campaign)
    most = _limits(budgets, sizes)
    # of two limits of the fleet the stricter one wins; equal ones are the campaign's own
    set_for_all = for_all is not None and (own_fleet is None or for_all < most.get(FLEET, for_all))
    if set_for_all and for_all is not None:
        most[FLEET] = for_all
    ledger = Ledger(
        budgets=budgets,
        quorum=campaign.policy.quorum,
        most=most,
        sizes=sizes,
        set_for_all=set_for_all,
    )
    for run in campaign.runs:
        if _is_away(run):
            ledger.note(run)
    own = runs_of(campaign, {item.host for item in around.away})
    for item in around.away:
        known = own.get(item.host)
        mine = known if item.campaign == campaign.id else None
        # this campaign knows its own hosts better, but for those that were left to a person: released or not
        if mine is None or mine.state is HostState.NEEDS_HUMAN:
            ledger.note_other(item, known)
    return ledger


def _sizes(budgets: Budgets, campaign: Campaign) -> dict[Group, int]:
    """Hosts of the plan in each group with a budget."""
    sizes: dict[Group, int] = {}
    if budgets.fleet is not None and campaign.runs:
        sizes[FLEET] = len(campaign.runs)
    for label in dict.fromkeys(budget.label for budget in budgets.labels):
        # a label at a time: one count over all hosts, no list of each host's groups
        counted = Counter(run.host.labels[label] for run in campaign.runs if label in run.host.labels)
        sizes.update({(label, value): hosts for value, hosts in counted.items()})
    return sizes


def _limits(budgets: Budgets, sizes: Mapping[Group, int]) -> dict[Group, int]:
    """A percentage is of the plan's hosts of the group, rounded down, never below one host."""
    shares = {budget.label: budget.most for budget in budgets.labels}
    if budgets.fleet is not None:
        shares[FLEET[0]] = budgets.fleet
    return {group: max(1, resolve(shares[group[0]], hosts)) for group, hosts in sizes.items()}


def _is_away(run: HostRun) -> bool:
    if run.state not in _AWAY:
        return False
    waits = run.state is HostState.ROLLING_BACK and open_attempt(run) is None
    return _went_wrong(run) if waits else True


def _went_wrong(run: HostRun) -> bool:
    """Whether a host that goes back may not work: one that goes only because others failed works until its undo begins.

    An undo that was refused says nothing about the host, nor does a change that another attempt has made up for.
    """
    end = next((item.result for item in reversed(run.attempts) if not item.undo), None)
    return run.failed_as is not None or (end is not None and end.error is not None)


def budget_lines(campaign: Campaign, around: Surroundings) -> tuple[str, ...]:
    """Which budgets keep hosts from being started or brought back now: limit, who uses it, what to do."""
    ledger = open_ledger(campaign, around)
    if ledger is None:
        return ()
    waiting: dict[Group, int] = {}
    for run in campaign.runs:
        starts = run.state is HostState.PENDING and 0 < run.wave <= max(campaign.wave, 1)
        returns = run.state is HostState.ROLLING_BACK and open_attempt(run) is None
        if starts or returns:
            for group in ledger.full(run):
                waiting[group] = waiting.get(group, 0) + 1
    return tuple(_line(ledger, group, hosts) for group, hosts in waiting.items())


def _line(ledger: Ledger, group: Group, hosts: int) -> str:
    users = sorted(ledger.away[group])
    name = group_words(group)
    if group == FLEET and ledger.set_for_all:
        name += " (fleet_budget of the control plane)"
    return (
        f"budget of {name}: {len(users)} of {ledger.limit(group)} hosts that may be away are ({names(users)}), "
        f"so {hosts} wait. It goes on when one of them is well again; what was left to a person "
        "is released with `dockwave hosts release HOST --reason TEXT`, with --budget where nobody but you can "
        "tell that the host is well"
    )


def budget_words(campaign: Campaign) -> Iterator[str]:
    """The budgets of a plan, resolved to numbers, one line each."""
    ledger = open_ledger(campaign, Surroundings())
    for group, most in sorted((ledger.most if ledger else {}).items()):
        hosts = ledger.sizes[group] if ledger else 0
        yield (
            f"budget of {group_words(group)}: at most {most} away at a time, all campaigns together "
            f"({hosts} in this plan)"
        )


def group_words(group: Group) -> str:
    """The group as a person would write it."""
    if group[0] == SERVICE:
        return f"service {group[1]}"
    return "the fleet" if group == FLEET else f"{group[0]}={group[1]}"
