"""What `simulate` is asked to rehearse: a plan, a campaign file, or invented hosts; checked before anything begins."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.api.body import checked
from orchestrator.api.plans import PlanBody, request_of
from orchestrator.api.problem import Problem
from orchestrator.cli.asked import Asked, CampaignFlags, flag_of
from orchestrator.cli.flags import whole
from orchestrator.cli.planfile import read_plan
from orchestrator.cli.request import body_of
from orchestrator.cli.wish import Wish
from orchestrator.simulate.rehearsal.scenario import Scenario, invented, scenario_of
from orchestrator.simulate.rehearsal.script import Script, aim_of, answer_of, cut_of, takes_of, wave_of
from tasks.errors import BadInput
from tasks.model import Inventory

#: hosts a person may invent
_MOST_HOSTS = 20_000
#: what invented hosts are rehearsed with unless a file says otherwise: a change that can be taken back
_PROCEDURE = "engine.restart"


def scenario(wish: Wish, configured: str) -> Scenario:
    """The rehearsal that is asked for; BadInput says which flags do not go together, and what to do instead."""
    script = _script(wish)
    begin = None if wish.begin is None else _instant(wish.begin)
    if wish.source is not None and _is_plan(wish.source):
        _refuse_beside_plan(wish)
        found = scenario_of(read_plan(wish.source).document, script, datetime.now(tz=UTC))
    else:
        found = _asked_for(wish, configured, script)
    return found if begin is None else replace(found, begin=begin)


def _script(wish: Wish) -> Script:
    return Script(
        seed=0 if wish.seed is None else whole("--seed", wish.seed, least=0, most=10_000_000),
        fail=tuple(aim_of("--fail", text) for text in wish.fail),
        unreachable=tuple(aim_of("--unreachable", text) for text in wish.unreachable),
        cuts=tuple(cut_of(text) for text in wish.partition),
        kills=tuple(sorted({wave_of("--kill-orchestrator", text) for text in wish.kill_orchestrator})),
        losses=tuple(sorted({wave_of("--redis-loss", text) for text in wish.redis_loss})),
        gates=dict(answer_of(text) for text in wish.gate_answer),
        takes_s=Script().takes_s if wish.takes is None else takes_of(wish.takes),
    )


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 2200:
        raise BadInput(
            f"--begin cannot be {text[:80]!r}: it is no instant with a time zone",
            hint="Write for example --begin 2026-12-24T15:00+01:00.",
        )
    return instant.astimezone(UTC)


def _is_plan(path: Path) -> bool:
    """Whether the file holds JSON: plans do, and campaign files do not begin with a brace."""
    try:
        with path.open("rb") as file:
            return file.read(4096).lstrip().startswith(b"{")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}",
            hint="Name a plan file of `dockwave plan --out`, or a campaign file.",
        ) from None


def _refuse_beside_plan(wish: Wish) -> None:
    """A plan is frozen: its hosts and its policy are what is rehearsed."""
    given = [*([flag_of("hosts")] if wish.hosts is not None else []), *campaign_of(wish).given]
    if given:
        raise BadInput(
            f"{given[0]} does not go with the plan {wish.source}: its hosts and its policy are frozen",
            hint=f"Leave {given[0]} out, or rehearse the campaign file the plan was made of.",
        )


def campaign_of(wish: Wish) -> Asked:
    """What of it `plan` could be asked too; the source is the campaign file, if it is none of a plan."""
    return Asked(**{item.name: getattr(wish, item.name) for item in fields(CampaignFlags)})


def _asked_for(wish: Wish, configured: str, script: Script) -> Scenario:
    asked, among = replace(campaign_of(wish), file=wish.source), None
    if wish.hosts is not None:
        if asked.inventory or asked.on is not None:
            flag = "--inventory" if asked.inventory else "--on"
            raise BadInput(
                f"--hosts does not go with {flag}: invented hosts are in no inventory",
                hint="Give one of the two.",
            )
        number = whole("--hosts", wish.hosts, least=1, most=_MOST_HOSTS)
        among, asked = Inventory(hosts=invented(number)), replace(asked, on="all")
    if wish.source is None:
        if among is None:
            raise BadInput(
                "Nothing says what to simulate",
                hint="Name a plan or a campaign file, or invent hosts with --hosts N; "
                "seeded faults are run with --fault-schedules N.",
            )
        asked = replace(asked, procedure=_PROCEDURE)
    try:
        request = request_of(checked(PlanBody, body_of(asked, configured, among)))
    except Problem as problem:
        raise BadInput(
            str(problem.body["title"]), code=str(problem.body["code"]), hint=str(problem.body["fix"])
        ) from None
    return Scenario(request=request, script=script)
