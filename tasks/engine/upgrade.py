"""engine.upgrade: the engine's packages at exact newer versions, and an engine that runs them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.connection import Connection
from tasks.engine import preconditions as must
from tasks.engine import start_budget
from tasks.engine.cached import cache_step
from tasks.engine.comparing import Comparing
from tasks.engine.family import ALL_NAMES, Family, main_package
from tasks.engine.files import keep_step
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.marks import mark_step, mark_steps
from tasks.engine.proof import prove
from tasks.engine.resolve import Request
from tasks.engine.returning import configure_step, return_draft
from tasks.engine.running import at_risk, services_of
from tasks.engine.transaction import APT_ENV, install_argv, pinned, update_argv
from tasks.engine.version import DebianVersion, PackageName, VersionPrefix, same_release, upstream
from tasks.errors import Refused
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Params, RunStep, Setting, Spec, Step, Verdict
from tasks.result import StepResult

Seconds = Annotated[int, Field(ge=0, le=86400)]


class UpgradeParams(Params):
    """What to bring the engine to, and what is accepted on the way."""

    #: exact version by package, or "candidate": what the host's apt would take
    packages: dict[PackageName, DebianVersion] | Literal["candidate"] | None = None
    #: instead of packages: the main package's version, "26.1" or "26.1.5" or exact; the others follow it
    version: VersionPrefix | None = None
    family: Literal["auto", "docker.io", "docker-ce"] = "auto"
    #: refresh the package index before installing; the versions are those of the plan all the same
    refresh_index: bool = True
    lock_timeout_s: Seconds = 300
    #: defer = install only; the engine that runs stays the old one until somebody restarts it
    restart: Literal["required", "defer"] = "required"
    #: accept another release line (YY.MM)
    allow_major: bool = False
    #: accept that running containers may stop
    allow_container_stop: bool = False
    #: accept that the versions in use cannot be kept for an undo
    allow_no_rollback: bool = False
    #: put packages that were on hold back on hold
    rehold: bool = True
    min_free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    ready_timeout_s: Seconds = 120

    @model_validator(mode="after")
    def _one_target(self) -> UpgradeParams:
        if self.packages is not None and self.version is not None:
            raise ValueError("give either packages or version, not both")
        if self.packages == {}:
            raise ValueError("an empty map of packages asks for nothing; leave it out for the candidates")
        return self

    @property
    def request(self) -> Request:
        """What the resolver is asked."""
        if self.version is not None:
            return self.version
        return self.packages if self.packages is not None else "candidate"


class Upgrade(Comparing[HostFacts]):
    """Installs exact versions, keeps the files of those before, restarts only what can start, and proves it."""

    spec = Spec(
        name="engine.upgrade",
        kind=Kind.CHANGING,
        seed="4.1",
        summary="Bring the engine's packages to exact newer versions and restart it, with a proven way back",
        undo=UndoClass.EXACT,
        timeout_s=1800,
        stops_engine=True,
        strict=True,
    )
    params_type = UpgradeParams
    facts_type = HostFacts

    def gather(self, host: Connection, params: UpgradeParams, setting: Setting) -> HostFacts:
        """Read the host; what the request means is read once, and kept for the rest of the attempt."""
        first = setting.before is None
        return gather(
            host,
            snapshot_dir=setting.snapshot_dir,
            ready_timeout_s=params.ready_timeout_s,
            request=params.request if first else None,
            check_binary=not first,
        )

    def plan(self, facts: HostFacts, params: UpgradeParams, setting: Setting) -> Draft:
        """Cache, install, mark, restart: whatever of it is missing."""
        before = _before(facts, setting)
        first = setting.before is None
        if first:
            must.require_known_engine(facts)
            must.require_resolved(facts)
            _refuse_other_family(facts, params)
        target = before.resolution.target
        changing = {
            name: version for name, version in target.items() if facts.installed.version(name) != version
        }
        install = _install_steps(before, facts, changing, params, setting)
        restart = _restart_steps(facts, target, params, changing=bool(changing))
        held = before.installed.held(ALL_NAMES) if params.rehold else ()
        marks = mark_steps(before.installed, facts.installed, lost=changing, hold=held)
        steps: tuple[Step, ...] = (*install, *marks, *restart)
        main = main_package(before.family)
        if not steps:
            return Draft(summary=f"{upstream(target.get(main, ''))} already")
        major = _judge(facts, params, changing) if first else False
        return Draft(
            steps=steps,
            findings=must.forewarnings(facts, target.get(main, ""), major=major) if first else (),
            summary=_summary(before, target, main),
            containers_at_risk=at_risk(facts.engine.daemon, major=major),
            services=services_of(facts.engine.daemon),
        )

    def verify(
        self, before: HostFacts, after: HostFacts, params: UpgradeParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """Judge packages, engine, containers and configuration as the host shows them now."""
        return prove(
            before,
            after,
            target=before.resolution.target,
            restarted=params.restart == "required",
            reheld=params.rehold,
            steps=steps,
        )

    def undo(self, before: HostFacts, now: HostFacts, params: UpgradeParams, setting: Setting) -> Draft:  # noqa: ARG002 - contract
        """Go back to the versions, files and marks of the snapshot, from the package files kept on the host."""
        return return_draft(before, now, lock_timeout_s=params.lock_timeout_s, wake=True)


def _before(facts: HostFacts, setting: Setting) -> HostFacts:
    return setting.before if isinstance(setting.before, HostFacts) else facts


def _install_steps(
    before: HostFacts, facts: HostFacts, changing: dict[str, str], params: UpgradeParams, setting: Setting
) -> tuple[RunStep, ...]:
    if not changing:
        return ()
    steps = []
    current = {name: version for name, version in before.versions().items() if name in changing}
    wanted = {name: version for name, version in current.items() if name in before.obtainable}
    missing = facts.cache.missing(wanted)
    if missing and setting.before is not None and facts.cache.files:
        raise Refused(
            f"The package files of {', '.join(pinned(missing))} were fetched but are not in {setting.snapshot_dir}",
            code="E_ROLLBACK_UNAVAILABLE",
            hint="Nothing was installed. Look at free space and at the output of the step `cache`.",
        )
    if missing:
        if before.files:
            steps.append(keep_step(before.files, setting.snapshot_dir))
        steps.append(cache_step(wanted, setting.snapshot_dir))
    if params.refresh_index:
        steps.append(_apt("refresh", "Refresh the package index", update_argv(params.lock_timeout_s)))
    if setting.before is None or facts.installed.audit:
        steps.append(configure_step())
    if held := facts.installed.held(changing):
        steps.append(mark_step("unhold", held))
    argv = install_argv(changing, params.lock_timeout_s)
    title = f"Install {', '.join(f'{name} {version}' for name, version in sorted(changing.items()))}"
    steps.append(_apt("install", title, argv, timeout_s=1800, replan=True))
    return tuple(steps)


def _restart_steps(
    facts: HostFacts, target: dict[str, str], params: UpgradeParams, *, changing: bool
) -> tuple[RunStep, ...]:
    if params.restart == "defer":
        return ()
    daemon = facts.engine.daemon
    wanted = target.get(main_package(facts.family), "")
    right = daemon is not None and same_release(daemon.server_version, wanted) and not facts.engine.replaced
    if right and not changing:
        return ()
    if not changing:
        must.require_startable(facts)
    return start_budget.restart_steps()


def _judge(facts: HostFacts, params: UpgradeParams, changing: dict[str, str]) -> bool:
    """Refuse what may not be begun; whether the change is a major one."""
    target = facts.resolution.target
    must.require_answer(facts)
    if older := facts.resolution.downgrades:
        raise Refused(
            f"{', '.join(f'{name} {target[name]}' for name in older)} would be a step back",
            code="E_TXN_UNEXPECTED",
            hint="Going back is engine.rollback's work.",
        )
    must.require_clean_packages(facts)
    must.require_features(facts, target.get(main_package(facts.family), ""))
    major = must.require_same_line(facts, target, accepted=params.allow_major)
    must.require_containers_kept(facts, accepted=params.allow_container_stop, major=major)
    must.require_space(facts, params.min_free_bytes)
    current = {name: version for name, version in facts.versions().items() if name in changing}
    must.require_way_back(facts, current, waived=params.allow_no_rollback)
    return major


def _refuse_other_family(facts: HostFacts, params: UpgradeParams) -> None:
    if params.family != "auto" and Family(params.family) is not facts.family:
        raise Refused(
            f"The host has {facts.family}, not {params.family}; changing the family is no upgrade",
            code="E_TXN_UNEXPECTED",
            hint="Leave family at auto, or choose hosts of that family.",
        )


def _apt(
    key: str, title: str, argv: tuple[str, ...], *, timeout_s: float = 600, replan: bool = False
) -> RunStep:
    undo = UndoClass.EXACT if key == "install" else UndoClass.NONE
    return RunStep(
        key=key, title=title, argv=argv, env=APT_ENV, undo=undo, timeout_s=timeout_s, replan=replan
    )


def _summary(before: HostFacts, target: dict[str, str], main: str) -> str:
    running = before.engine.daemon.server_version if before.engine.daemon is not None else "down"
    return f"{upstream(running)} → {upstream(target.get(main, ''))}"


PROCEDURE = Upgrade()
