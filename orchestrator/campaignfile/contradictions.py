"""Options that are sound one by one and cannot be meant together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator.campaign.waves import REST, check_waves
from orchestrator.campaignfile.schema import CampaignFile
from orchestrator.documents.checking import Checked
from orchestrator.documents.problems import Problems, shown
from tasks.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clash:
    """What two options say against each other, at the place of one of them."""

    where: tuple[int | str, ...]
    what: str
    fix: str


def check_contradictions(checked: Checked[CampaignFile], kind: Kind | None, problems: Problems) -> None:
    """Add a problem for everything that contradicts; `kind` is the procedure's, None when it is not known."""
    finders: tuple[Callable[[CampaignFile], Iterator[_Clash]], ...] = (
        _waves,
        _rules,
        _order,
        _times,
        _budgets,
        _approval,
    )
    for find in finders:
        for clash in find(checked.model):
            problems.add(checked.place(*clash.where), clash.what, clash.fix)
    if kind is Kind.READ_ONLY:
        for clash in _reading(checked.model):
            problems.add(checked.place(*clash.where), clash.what, clash.fix)


def _waves(file: CampaignFile) -> Iterator[_Clash]:
    if file.waves is not None and file.ramp is not None:
        yield _Clash(
            where=("ramp",), what="waves and ramp both say how large waves are", fix="Keep one of the two."
        )
    try:
        check_waves(tuple(wave.share for wave in file.waves) if file.waves else (REST,))
    except ValueError as error:
        yield _Clash(where=("waves",), what=str(error), fix="The last size repeats by itself.")
    names = [wave.name for wave in file.waves or ()]
    for number, name in enumerate(names):
        if name is not None and name in names[:number]:
            yield _Clash(
                where=("waves", number, "name"),
                what=f"two waves have the name {shown(name)}",
                fix="A name means one wave; the last wave repeats with its name.",
            )


def _rules(file: CampaignFile) -> Iterator[_Clash]:
    if file.max_failures is not None and file.stop_rules is not None:
        yield _Clash(
            where=("max_failures",),
            what="max_failures and stop_rules say the same thing twice",
            fix="Keep one of the two; max_failures is one rule over the whole campaign.",
        )
    seen: dict[tuple[object, ...], int] = {}
    for number, rule in enumerate(file.stop_rules or ()):
        key = (rule.kind, rule.scope, rule.label, rule.waves, rule.from_wave, rule.min_sample, rule.action)
        if key in seen:
            yield _Clash(
                where=("stop_rules", number),
                what=f"stop rules {seen[key] + 1} and {number + 1} do the same at two limits of {rule.kind}",
                fix="Keep the one with the lower limit.",
            )
        seen.setdefault(key, number)


def _order(file: CampaignFile) -> Iterator[_Clash]:
    if file.order is not None and file.spread is not None and file.order.label == file.spread:
        yield _Clash(
            where=("spread",),
            what=f"order puts hosts of one {shown(file.spread)} together and spread takes them apart",
            fix="Keep one of the two.",
        )


def _times(file: CampaignFile) -> Iterator[_Clash]:
    for clock in ("progress", "campaign"):
        limit = getattr(file.clocks, clock).stop
        for name in ("delay", "monitor"):
            value = getattr(file, name)
            if value is not None and limit is not None and value >= limit:
                yield _Clash(
                    where=(name,),
                    what=f"{name} of {value:g} s is not shorter than clocks.{clock}.stop of {limit:g} s",
                    fix="The campaign would be stopped while it waits.",
                )
    expiry, patience = file.delivery.order_ttl, file.delivery.resend_after
    if expiry is not None and patience is not None and patience >= expiry:
        yield _Clash(
            where=("delivery", "resend_after"),
            what=f"resend_after of {patience:g} s is not shorter than order_ttl of {expiry:g} s",
            fix="An order is published again only while it may still start.",
        )


def _approval(file: CampaignFile) -> Iterator[_Clash]:
    asked = file.approval
    if asked is not None and asked.on_timeout == "abort" and asked.expires is None:
        yield _Clash(
            where=("approval",),
            what="on_timeout says what happens when nobody answers in time, and there is no time",
            fix="Add expires.",
        )


def _budgets(file: CampaignFile) -> Iterator[_Clash]:
    fleet = file.budgets.fleet if file.budgets is not None else None
    if fleet is None or fleet.percent:
        return
    given: list[tuple[tuple[int | str, ...], int | None]] = [(("parallelism",), file.parallelism)]
    given += [(("waves", number, "parallel"), wave.parallel) for number, wave in enumerate(file.waves or ())]
    for where, slots in given:
        if slots is not None and slots > fleet.value:
            yield _Clash(
                where=where,
                what=f"{where[-1]} {slots} is above budgets.fleet {fleet.value:g}",
                fix="So many hosts could never be away at a time.",
            )


def _reading(file: CampaignFile) -> Iterator[_Clash]:
    fix = f"{file.procedure} only reads; remove it."
    if file.monitor:
        yield _Clash(where=("monitor",), what="there is no change to watch after", fix=fix)
    for name in sorted(file.rollback.model_fields_set):
        yield _Clash(where=("rollback", name), what="there is nothing to roll back", fix=fix)
    if file.budgets is not None:
        yield _Clash(where=("budgets",), what="reading takes no host away", fix=fix)
    if file.quorum is not None:
        yield _Clash(where=("quorum",), what="reading takes no host away", fix=fix)
    for number, rule in enumerate(file.stop_rules or ()):
        if rule.action.startswith("rollback"):
            yield _Clash(
                where=("stop_rules", number, "action"), what="there is nothing to roll back", fix=fix
            )
