"""engine.rollback: the engine back at older versions, from a snapshot on the host or from the archive."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine import rollback_preconditions as back
from tasks.engine.cached import cache_step
from tasks.engine.comparing import Comparing
from tasks.engine.family import main_package
from tasks.engine.files import keep_step
from tasks.engine.goal import SNAPSHOT_PATTERN, find_goal
from tasks.engine.host_facts import gather
from tasks.engine.marks import mark_steps
from tasks.engine.proof import prove
from tasks.engine.returning import leaving, return_draft, swap_steps
from tasks.engine.rollback_facts import RollbackFacts
from tasks.engine.running import at_risk, services_of
from tasks.engine.start_budget import start_steps
from tasks.engine.transaction import APT_ENV, downgrade_argv
from tasks.engine.version import DebianVersion, PackageName, same_release, upstream
from tasks.facts.packages import read_obtainable
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Params, RunStep, Setting, Spec, Step, Verdict
from tasks.result import StepResult


class RollbackParams(Params):
    """Where to go back to, and what is accepted on the way."""

    #: campaign whose snapshot on the host to return to, or one of its attempts
    snapshot_id: Annotated[str, Field(pattern=SNAPSHOT_PATTERN)] | None = None
    #: instead: exact older version of every engine package, from the archive
    packages: dict[PackageName, DebianVersion] | None = None
    #: accept that running containers stop
    allow_container_stop: bool = False
    #: put every engine package on hold afterwards, so that it is not upgraded again in passing
    hold_after: bool = True
    #: accept that images and containers of the present image store become invisible
    accept_store_mismatch: bool = False
    #: accept that the versions in use now cannot be kept for an undo
    allow_no_rollback: bool = False
    lock_timeout_s: Annotated[int, Field(ge=0, le=86400)] = 300
    min_free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    ready_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 120

    @model_validator(mode="after")
    def _one_target(self) -> RollbackParams:
        if (self.snapshot_id is None) == (not self.packages):
            raise ValueError("give either snapshot_id or packages")
        return self


class Rollback(Comparing[RollbackFacts]):
    """Installs older versions while the engine is down, restores its files, holds the packages, and proves it."""

    spec = Spec(
        name="engine.rollback",
        kind=Kind.CHANGING,
        seed="4.2",
        summary="Bring the engine's packages and configuration back to an earlier state and hold them there",
        undo=UndoClass.EXACT,
        timeout_s=1800,
        stops_engine=True,
        strict=True,
    )
    params_type = RollbackParams
    facts_type = RollbackFacts

    def gather(self, host: Connection, params: RollbackParams, setting: Setting) -> RollbackFacts:
        """Read the host and, once, the goal and what the archive offers."""
        before = setting.before if isinstance(setting.before, RollbackFacts) else None
        facts = gather(
            host,
            snapshot_dir=setting.snapshot_dir,
            ready_timeout_s=params.ready_timeout_s,
            request=params.packages if before is None else None,
            downgrade=True,
        )
        if before is not None:
            return RollbackFacts(**{**dict(facts), "goal": before.goal})
        goal = None
        if params.snapshot_id is not None:
            goal = find_goal(host, params.snapshot_id, setting.snapshot_dir)
        found = RollbackFacts(**{**dict(facts), "goal": goal})
        return found.model_copy(update={"obtainable": read_obtainable(host, found.moving())})

    def plan(self, facts: RollbackFacts, params: RollbackParams, setting: Setting) -> Draft:
        """Keep the present package files, swap versions while the engine is down, restore files, hold, start."""
        before = setting.before if isinstance(setting.before, RollbackFacts) else facts
        first = setting.before is None
        if first:
            must.require_known_engine(facts)
            _require_way(facts, params)
        target = before.target()
        steps = _steps(before, facts, params)
        main = main_package(before.family)
        if not steps:
            return Draft(summary=f"{upstream(target.get(main, ''))} already")
        if any(step.key == "install-previous" for step in steps):
            steps = (*_keep_present(before, facts, setting), *steps)
        if first:
            _judge(facts, params)
        running = before.engine.daemon.server_version if before.engine.daemon is not None else "down"
        return Draft(
            steps=steps,
            summary=f"{upstream(running)} → {upstream(target.get(main, ''))}",
            containers_at_risk=at_risk(facts.engine.daemon),
            services=services_of(facts.engine.daemon),
            findings=must.forewarnings(facts, target.get(main, ""), major=False) if first else (),
        )

    def verify(
        self,
        before: RollbackFacts,
        after: RollbackFacts,
        params: RollbackParams,  # noqa: ARG002 - contract
        steps: tuple[StepResult, ...],
    ) -> Verdict:
        """Judge versions, engine, containers and configuration as the host shows them now."""
        goal = before.goal
        files = goal.snapshot.files if goal is not None else None
        verdict = prove(
            before,
            after,
            target=before.target(),
            restarted=True,
            reheld=True,
            steps=steps,
            files=files,
        )
        extra = leaving(goal.snapshot, after) if goal is not None else ()
        if not extra:
            return verdict
        faults = tuple(f"package {name} is still there" for name in extra)
        evidence = faults if verdict.ok else (*verdict.evidence, *faults)
        return verdict.model_copy(update={"ok": False, "evidence": evidence})

    def undo(
        self,
        before: RollbackFacts,
        now: RollbackFacts,
        params: RollbackParams,
        setting: Setting,  # noqa: ARG002 - contract
    ) -> Draft:
        """Go forward again to the versions, files and holds this rollback found."""
        return return_draft(before, now, lock_timeout_s=params.lock_timeout_s, wake=True)


def _require_way(facts: RollbackFacts, params: RollbackParams) -> None:
    """Refuse where the way that was asked for, snapshot or archive, does not lead there."""
    if params.snapshot_id is not None:
        back.require_snapshot(facts, params.snapshot_id)
    else:
        back.require_archive(facts, params.packages or ())


def _judge(facts: RollbackFacts, params: RollbackParams) -> None:
    """Refuse what may not be begun unless it is accepted."""
    must.require_containers_kept(facts, accepted=params.allow_container_stop)
    must.require_space(facts, params.min_free_bytes)
    must.require_way_back(facts, facts.moving(), waived=params.allow_no_rollback)
    back.require_same_store(facts, accepted=params.accept_store_mismatch)


def _steps(before: RollbackFacts, facts: RollbackFacts, params: RollbackParams) -> tuple[Step, ...]:
    hold = set(before.target()) if params.hold_after else None
    if before.goal is None:
        return _by_archive(before, facts, hold, params.lock_timeout_s)
    draft = return_draft(
        before.goal.snapshot,
        facts.model_copy(update={"cache": before.goal.cache}),
        lock_timeout_s=params.lock_timeout_s,
        hold=hold,
        accept_store=True,
        by_reference=True,
    )
    return draft.steps


def _by_archive(
    before: RollbackFacts, facts: RollbackFacts, hold: set[str] | None, lock_timeout_s: int
) -> tuple[Step, ...]:
    target = before.target()
    changing = {name: version for name, version in target.items() if facts.installed.version(name) != version}
    going = facts.installed.present(before.going())
    install: tuple[RunStep, ...] = ()
    if changing or going:
        step = RunStep(
            key="install-previous",
            title=f"Install {', '.join(f'{name} {version}' for name, version in sorted(changing.items()))}"
            + (f"; remove {', '.join(going)}" if going else ""),
            argv=downgrade_argv(changing, going, lock_timeout_s),
            env=APT_ENV,
            timeout_s=1800,
            replan=True,
        )
        install = swap_steps(facts, step)
    marks = mark_steps(before.installed, facts.installed, lost=changing, hold=hold)
    daemon, main = facts.engine.daemon, target.get(main_package(before.family), "")
    right = daemon is not None and same_release(daemon.server_version, main) and not facts.engine.replaced
    return (*install, *marks, *(start_steps() if install or not right else ()))


def _keep_present(before: RollbackFacts, facts: RollbackFacts, setting: Setting) -> tuple[RunStep, ...]:
    """Keep what an undo of this rollback needs, unless it is kept already."""
    present = {name: version for name, version in before.moving().items() if name in before.obtainable}
    if not facts.cache.missing(present):
        return ()
    keep = (keep_step(before.files, setting.snapshot_dir),) if before.files else ()
    return (*keep, cache_step(present, setting.snapshot_dir))


PROCEDURE = Rollback()
