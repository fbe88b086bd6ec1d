"""A host with a model engine, and the short words tests use to build it and to clean it."""

from __future__ import annotations

from typing import Any

from tasks import guard
from tasks.catalog import parse_params
from tasks.disk.cleanup import PROCEDURE
from tasks.disk.cleanup_params import CleanupParams
from tasks.disk.survey import DiskFacts
from tasks.errors import EngineError
from tasks.fake import Answer, FakeHost
from tasks.fake_engine import FakeEngine
from tasks.fake_objects import FakeCache, FakeContainer, FakeImage, FakeNetwork, FakeVolume, fake_id
from tasks.model import Protect
from tasks.procedure import Draft, EngineStep, EngineVerb, Setting, Verdict
from tasks.result import StepResult, StepState

NOW = 2_000_000_000.0
HOUR, DAY = 3600.0, 86_400.0

ACTIVE_UNITS = "".join(
    f"Id={name}\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n\n"
    for name in ("docker.service", "docker.socket", "containerd.service")
)
ASLEEP_UNITS = ACTIVE_UNITS.replace("ActiveState=active\nSubState=running", "ActiveState=inactive", 1)
HEADER = "Type 1B-blocks Used Avail Inodes IUsed IFree Mounted on\n"

ALL_BUT_NAMED = "containers,networks,dangling_images,unused_images,build_cache,anonymous_volumes"


def df(used: int = 40_000_000_000, mount: str = "/var/lib/docker") -> str:
    """What `df` prints for a disk of 100 GB."""
    return f"{HEADER}ext4 100000000000 {used} {95_000_000_000 - used} 6553600 100000 6453600 {mount}\n"


def make_host(engine: FakeEngine, **more: Answer) -> FakeHost:
    """A systemd host whose engine is the model."""
    answers: dict[str, Answer] = {
        "systemctl show": ACTIVE_UNITS,
        "containerd config dump": 'version = 2\nroot = "/var/lib/containerd"\n',
        "df": df(),
        "stat --format=%d": "2049\n",
    }
    return FakeHost(answers=answers | more, fake_engine=engine)


def make_setting(protect: Protect | None = None, before: DiskFacts | None = None) -> Setting:
    """What the runner knows."""
    return Setting(
        attempt_id="c1/fake-1/1",
        snapshot_dir="/var/lib/dockwave/x",
        protect=protect or Protect(),
        before=before,
    )


def make_params(targets: str = ALL_BUT_NAMED, **values: Any) -> CleanupParams:
    """Parameters as a person gives them; nothing is young and no tag is kept unless said."""
    chosen = {"targets": targets, "min_age_s": 0, "keep_last_tags": 0} | values
    params = parse_params(PROCEDURE, chosen)
    assert isinstance(params, CleanupParams)
    return params


def gather(
    engine: FakeEngine, params: CleanupParams, before: DiskFacts | None = None, host: FakeHost | None = None
) -> DiskFacts:
    """Facts as the runner has them: after a trip through the journal."""
    facts = PROCEDURE.gather(host or make_host(engine), params, make_setting(before=before))
    return DiskFacts.model_validate_json(facts.model_dump_json())


def plan(engine: FakeEngine, params: CleanupParams | None = None, protect: Protect | None = None) -> Draft:
    """What a clean-up of this engine would do now."""
    params = params or make_params()
    return PROCEDURE.plan(gather(engine, params), params, make_setting(protect))


def perform(engine: FakeEngine, step: EngineStep) -> StepResult:
    """One step, as the worker does it: asked once more, then done."""
    try:
        reason = guard.still_eligible(engine, step)
        if reason is not None:
            return StepResult(key=step.key, title=step.title, state=StepState.SKIPPED, detail=reason)
        call(engine, step)
    except EngineError as error:
        state = {404: StepState.ALREADY, 409: StepState.SKIPPED}.get(error.status, StepState.FAILED)
        return StepResult(key=step.key, title=step.title, state=state, detail=error.message)
    return StepResult(key=step.key, title=step.title, state=StepState.DONE, freed_bytes=step.size_bytes)


def call(engine: FakeEngine, step: EngineStep) -> None:
    """The API call of a step."""
    match step.verb:
        case EngineVerb.REMOVE_CONTAINER:
            engine.remove_container(step.object_id)
        case EngineVerb.REMOVE_NETWORK:
            engine.remove_network(step.object_id)
        case EngineVerb.REMOVE_VOLUME:
            engine.remove_volume(step.object_id)
        case EngineVerb.REMOVE_IMAGE:
            engine.remove_image(step.reference or step.object_id)
        case EngineVerb.PRUNE_BUILD_CACHE:
            engine.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(step.object_id,))


def clean(
    engine: FakeEngine, params: CleanupParams | None = None, protect: Protect | None = None
) -> tuple[Draft, tuple[StepResult, ...], Verdict]:
    """A whole clean-up: plan, apply, verify."""
    params = params or make_params()
    before = gather(engine, params)
    draft = PROCEDURE.plan(before, params, make_setting(protect))
    results = tuple(perform(engine, step) for step in engine_steps(draft))
    return draft, results, PROCEDURE.verify(before, gather(engine, params, before), params, results)


def engine_steps(draft: Draft) -> tuple[EngineStep, ...]:
    """The steps of a clean-up, all of which are removals."""
    assert all(isinstance(step, EngineStep) for step in draft.steps)
    return tuple(step for step in draft.steps if isinstance(step, EngineStep))


def chosen(draft: Draft) -> list[str]:
    """Keys of the steps, in order."""
    return [step.key for step in draft.steps]


def reason(draft: Draft, object_id: str) -> str:
    """Why an object stays; a KeyError when the plan says nothing about it."""
    reasons = {kept.key.partition(":")[2]: kept.reason for kept in draft.kept}
    return reasons[object_id]


def container(
    name: str, image: FakeImage | None = None, *, age: float = 10 * DAY, **more: Any
) -> FakeContainer:
    """A container that ended `age` seconds ago."""
    fields: dict[str, Any] = {
        "id": fake_id("container", name),
        "name": name,
        "image_id": image.id if image else fake_id("no image"),
        "image_name": (image.tags or (image.id,))[0] if image else "gone:1",
        "created_s": NOW - age - 10,
        "finished_s": NOW - age,
    }
    return FakeContainer(**(fields | more))


def running(name: str, image: FakeImage | None = None, **more: Any) -> FakeContainer:
    """A container that runs."""
    return container(name, image, **({"state": "running", "finished_s": None, "pid": 4321} | more))


def image(name: str, *tags: str, age: float = 10 * DAY, **more: Any) -> FakeImage:
    """An image built and tagged `age` seconds ago."""
    fields: dict[str, Any] = {
        "id": "sha256:" + fake_id("image", name),
        "tags": tags,
        "created_s": NOW - age,
        "tagged_s": NOW - age if tags else None,
        "size_bytes": 1000,
    }
    return FakeImage(**(fields | more))


def volume(name: str, *, age: float = 10 * DAY, **more: Any) -> FakeVolume:
    """A volume made `age` seconds ago."""
    fields: dict[str, Any] = {"name": name, "created_s": NOW - age, "size_bytes": 500}
    return FakeVolume(**(fields | more))


def network(name: str, /, *, age: float = 10 * DAY, **more: Any) -> FakeNetwork:
    """A network made `age` seconds ago."""
    fields: dict[str, Any] = {"id": fake_id("network", name), "name": name, "created_s": NOW - age}
    return FakeNetwork(**(fields | more))


def cache(name: str, *parents: FakeCache, age: float = 10 * DAY, **more: Any) -> FakeCache:
    """A build cache record last used `age` seconds ago."""
    fields: dict[str, Any] = {
        "id": fake_id("cache", name)[:25],
        "parents": tuple(parent.id for parent in parents),
        "last_used_s": NOW - age,
        "size_bytes": 100,
    }
    return FakeCache(**(fields | more))


def engine_with(*objects: Any, **more: Any) -> FakeEngine:
    """A model engine at NOW with these objects and the predefined networks."""
    engine = FakeEngine(now_s=NOW, **more)
    engine.add(*(network(name, driver=driver) for name, driver in PREDEFINED), *objects)
    return engine


PREDEFINED = (("bridge", "bridge"), ("host", "host"), ("none", "null"))
