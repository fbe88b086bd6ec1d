"""engine.rollback: the engine back at older versions, from a snapshot on the host or from the archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine.cached import cache_step
from tasks.engine.family import COMPANIONS, MEMBERS, main_package
from tasks.engine.files import keep_step
from tasks.engine.goal import SNAPSHOT_PATTERN, Goal, find_goal
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.marks import mark_steps
from tasks.engine.proof import prove
from tasks.engine.returning import (
    beyond_undo,
    compared,
    differences,
    leaving,
    moving_back,
    return_draft,
    swap_steps,
)
from tasks.engine.running import at_risk, services_of
from tasks.engine.start_budget import start_steps
from tasks.engine.transaction import APT_ENV, Action, downgrade_argv, unexpected
from tasks.engine.version import DebianVersion, PackageName, same_release, upstream
from tasks.errors import Refused
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


class RollbackFacts(HostFacts):
    """A host, with the snapshot it is to return to."""

    goal: Goal | None = None


class Rollback:
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
        return found.model_copy(update={"obtainable": read_obtainable(host, _present(found, _target(found)))})

    def plan(self, facts: RollbackFacts, params: RollbackParams, setting: Setting) -> Draft:
        """Keep the present package files, swap versions while the engine is down, restore files, hold, start."""
        before = setting.before if isinstance(setting.before, RollbackFacts) else facts
        first = setting.before is None
        if first:
            must.require_known_engine(facts)
            _require_goal(facts, params)
        target = _target(before)
        steps = _steps(before, facts, params, target)
        main = main_package(before.family)
        if not steps:
            return Draft(summary=f"{upstream(target.get(main, ''))} already")
        if any(step.key == "install-previous" for step in steps):
            steps = (*_keep_present(before, facts, setting, target), *steps)
        if first:
            self._judge(facts, params, target)
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
        target = _target(before)
        goal = before.goal
        files = goal.snapshot.files if goal is not None else None
        verdict = prove(
            before,
            after,
            target=target,
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

    def differences(self, before: RollbackFacts, now: RollbackFacts) -> tuple[str, ...]:
        """Compare with the snapshot taken before this rollback."""
        return differences(before, now)

    def beyond_undo(self, before: RollbackFacts, now: RollbackFacts) -> tuple[str, ...]:
        """What others changed since, where it stands before an undo begins."""
        return beyond_undo(before, now)

    def compared(self, before: RollbackFacts) -> tuple[str, ...]:
        """What the comparison with the snapshot covers."""
        return compared(before)

    def _judge(self, facts: RollbackFacts, params: RollbackParams, target: Mapping[str, str]) -> None:
        must.require_containers_kept(facts, accepted=params.allow_container_stop)
        must.require_space(facts, params.min_free_bytes)
        must.require_way_back(facts, _present(facts, target), waived=params.allow_no_rollback)
        _require_store(facts, params)


def _target(facts: RollbackFacts) -> dict[str, str]:
    if facts.goal is not None:
        return facts.goal.snapshot.versions()
    going = set(_going_by_archive(facts))
    return {name: version for name, version in facts.resolution.target.items() if name not in going}


def _steps(
    before: RollbackFacts, facts: RollbackFacts, params: RollbackParams, target: Mapping[str, str]
) -> tuple[Step, ...]:
    hold = set(target) if params.hold_after else None
    if before.goal is not None:
        seen = facts.model_copy(update={"cache": before.goal.cache})
        draft = return_draft(
            before.goal.snapshot,
            seen,
            lock_timeout_s=params.lock_timeout_s,
            hold=hold,
            accept_store=True,
            by_reference=True,
        )
        return draft.steps
    changing = {name: version for name, version in target.items() if facts.installed.version(name) != version}
    going = facts.installed.present(_going_by_archive(before))
    install: tuple[RunStep, ...] = ()
    if changing or going:
        step = RunStep(
            key="install-previous",
            title=f"Install {', '.join(f'{name} {version}' for name, version in sorted(changing.items()))}"
            + (f"; remove {', '.join(going)}" if going else ""),
            argv=downgrade_argv(changing, going, params.lock_timeout_s),
            env=APT_ENV,
            timeout_s=1800,
            replan=True,
        )
        install = swap_steps(facts, step)
    marks = mark_steps(before.installed, facts.installed, lost=changing, hold=hold)
    daemon, main = facts.engine.daemon, target.get(main_package(before.family), "")
    right = daemon is not None and same_release(daemon.server_version, main) and not facts.engine.replaced
    return (*install, *marks, *(start_steps() if install or not right else ()))


def _going_by_archive(facts: RollbackFacts) -> tuple[str, ...]:
    """Companions the older main package contains itself, so that apt takes them away."""
    simulation = facts.resolution.simulation
    if simulation is None:
        return ()
    removed = {change.name for change in simulation.changes if change.action is Action.REMOVE}
    return tuple(sorted(removed & set(COMPANIONS.get(facts.family, ()))))


def _present(facts: HostFacts, target: Mapping[str, str]) -> dict[str, str]:
    """Versions now of every package that moves or goes, which an undo of this rollback needs again."""
    return {name: version for name, version in facts.versions().items() if target.get(name) != version}


def _keep_present(
    before: RollbackFacts, facts: RollbackFacts, setting: Setting, target: Mapping[str, str]
) -> tuple[RunStep, ...]:
    present = {
        name: version for name, version in _present(before, target).items() if name in before.obtainable
    }
    if not facts.cache.missing(present):
        return ()
    keep = (keep_step(before.files, setting.snapshot_dir),) if before.files else ()
    return (*keep, cache_step(present, setting.snapshot_dir))


def _require_goal(facts: RollbackFacts, params: RollbackParams) -> None:
    if params.snapshot_id is not None and facts.goal is None:
        raise Refused(
            f"This host has no snapshot of {params.snapshot_id}",
            code="E_ROLLBACK_UNAVAILABLE",
            hint="Only hosts that campaign changed have one; or give exact versions with --set packages=…",
        )
    if facts.goal is not None:
        moving = moving_back(facts.goal.snapshot, facts)
        if lost := facts.goal.cache.missing(moving):
            raise Refused(
                f"The snapshot no longer holds the package files of {', '.join(sorted(lost))}",
                code="E_ROLLBACK_UNAVAILABLE",
                hint=f"They belong into {facts.goal.cache.directory}; or give exact versions instead.",
            )
        return
    _require_whole_set(facts, params)
    resolution = facts.resolution
    if resolution.error_code:
        raise Refused(resolution.error, code=resolution.error_code, hint=resolution.hint)
    if resolution.simulation is None:
        return
    going = {f"would remove {name} {facts.versions().get(name, '')}" for name in _going_by_archive(facts)}
    reasons = [
        reason
        for reason in unexpected(resolution.simulation, resolution.target, facts.family)
        if reason not in going
    ]
    if reasons:
        raise Refused(
            f"apt would do more than go back: {'; '.join(reasons[:5])}",
            code="E_TXN_UNEXPECTED",
            hint="Compare with `apt-get -s install --allow-downgrades` on the host.",
        )


def _require_whole_set(facts: RollbackFacts, params: RollbackParams) -> None:
    companions = COMPANIONS.get(facts.family, ())
    names = [name for name in MEMBERS[facts.family] if name in facts.versions() and name not in companions]
    unnamed = [name for name in names if name not in (params.packages or {})]
    if unnamed:
        raise Refused(
            f"No version is given for {', '.join(unnamed)}; an engine goes back as a whole set",
            code="E_PARAM",
            hint="Name every installed engine package, also those that stay as they are.",
        )


def _require_store(facts: RollbackFacts, params: RollbackParams) -> None:
    daemon = facts.engine.daemon
    was = facts.goal.snapshot.engine.daemon if facts.goal is not None else None
    if daemon is None or was is None or params.accept_store_mismatch:
        return
    if daemon.containerd_store != was.containerd_store:
        raise Refused(
            f"Images are in {daemon.driver} now and were in {was.driver} then: those of one are invisible to the other",
            code="E_STORE_MISMATCH",
            hint="Accept it with --set accept_store_mismatch=true",
        )


PROCEDURE = Rollback()
