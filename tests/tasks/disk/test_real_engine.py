"""disk.cleanup against a real Docker Engine of this test's own: what the model promises is what happens."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tasks.catalog import parse_params
from tasks.connection import Engine
from tasks.disk.cleanup import PROCEDURE
from tasks.disk.cleanup_params import CleanupParams
from tasks.disk.survey import DiskFacts
from tasks.disk.usage import PROCEDURE as USAGE
from tasks.disk.usage import UsageParams
from tasks.errors import EngineError
from tasks.model import Host, Protect, Transport
from tasks.procedure import Draft, Setting, Verdict
from tasks.result import StepResult, StepState
from tests.support.dockerd import missing, start_dockerd
from tests.tasks.disk.world import chosen, container, engine_with, image, network, reason, running, volume
from workers.connections.local import LocalConnection
from workers.effects import Effects

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
EVERYTHING = "containers,networks,dangling_images,unused_images,build_cache,anonymous_volumes"


class Lab:
    """One real engine, the objects a test makes in it, and the loop a worker runs over it."""

    def __init__(self, socket: Path) -> None:
        """Speak to the engine that listens there."""
        self.api = docker.APIClient(base_url=f"unix://{socket}", version="1.41", timeout=60)
        self.host = LocalConnection(Host(name="real-1", transport=Transport.LOCAL, socket=str(socket)))

    def build(self, dockerfile: str, *tags: str, buildkit: bool = True) -> str:
        """Build an image from nothing but busybox; its id."""
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w", format=tarfile.GNU_FORMAT) as archive:
            archive.add(BUSYBOX, "busybox")
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(dockerfile)
            archive.addfile(entry, io.BytesIO(dockerfile.encode()))
        params = [
            ("version", "2" if buildkit else "1"),
            ("networkmode", "host"),
            *(("t", tag) for tag in tags),
        ]
        url = f"{self.api.base_url}/v1.41/build"
        headers = {"Content-Type": "application/x-tar"}
        answer = self.api.post(url, params=params, data=context.getvalue(), headers=headers, timeout=120)
        lines = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
        assert not any("error" in line for line in lines), answer.text
        ids = [
            line["aux"]["ID"] for line in lines if isinstance(line.get("aux"), dict) and "ID" in line["aux"]
        ]
        return str(ids[-1])

    def run(self, image: str, *command: str, start: bool = True, **more: Any) -> str:
        """Create a container without network, and start it; its id."""
        config = self.api.create_host_config(
            network_mode=more.pop("network", "none"), binds=more.pop("binds", None)
        )
        made = self.api.create_container(image, list(command), host_config=config, **more)
        if start:
            self.api.start(made["Id"])
        return str(made["Id"])

    def finish(self, container: str) -> None:
        """Wait until a container has ended."""
        self.api.wait(container)

    def plan(self, params: CleanupParams, protect: Protect | None = None) -> tuple[DiskFacts, Draft]:
        """What a clean-up would do now."""
        setting = self._setting(protect)
        facts = PROCEDURE.gather(self.host, params, setting)
        return facts, PROCEDURE.plan(facts, params, setting)

    def clean(
        self, params: CleanupParams, between: Callable[[], object] = lambda: None
    ) -> tuple[Draft, tuple[StepResult, ...], Verdict]:
        """Plan, let something happen, apply the plan, verify."""
        before, draft = self.plan(params)
        between()
        effects = Effects(self.host, "t1/real-1/1", "/var/lib/dockwave/t1", beat=lambda: None)
        results = tuple(effects.apply(step) for step in draft.steps)
        after = PROCEDURE.gather(self.host, params, self._setting(None, before))
        return draft, results, PROCEDURE.verify(before, after, params, results)

    def ids(self) -> dict[str, set[str]]:
        """Everything the engine has, by kind."""
        return {
            "containers": {item["Id"] for item in self.api.containers(all=True)},
            "images": {item["Id"] for item in self.api.images()},
            "volumes": {item["Name"] for item in self.api.volumes()["Volumes"] or []},
            "networks": {item["Id"] for item in self.api.networks()},
            "cache": {item["ID"] for item in self.api.df()["BuildCache"] or []},
        }

    def _setting(self, protect: Protect | None, before: DiskFacts | None = None) -> Setting:
        return Setting(
            attempt_id="t1/real-1/1", snapshot_dir="/x", protect=protect or Protect(), before=before
        )


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A real engine, for the tests of this file only."""
    if why := missing():
        pytest.skip(why)
    if not Path(BUSYBOX).exists():
        pytest.skip("NO ENGINE TESTS: install busybox-static")
    engine = start_dockerd(Path(tempfile.mkdtemp(prefix="dockwave-disk-")))
    made = Lab(engine.socket)
    yield made
    made.host.close()
    made.api.close()
    engine.stop()


def wish(targets: str = EVERYTHING, **values: Any) -> CleanupParams:
    params = parse_params(PROCEDURE, {"targets": targets, "min_age_s": 0, "keep_last_tags": 0} | values)
    assert isinstance(params, CleanupParams)
    return params


PLAIN = "FROM scratch\nCOPY busybox /bin/busybox\n"
LAYERS = PLAIN + "".join(f'RUN ["/bin/busybox","sh","-c","echo {n} > /f{n}"]\n' for n in range(3))
MOUNT = (
    PLAIN
    + 'RUN --mount=type=cache,target=/c ["/bin/busybox","dd","if=/dev/zero","of=/c/x","bs=1M","count=3"]\n'
)


def test_a_seeded_engine_is_cleaned_to_exactly_what_the_plan_says(lab: Lab) -> None:
    used = lab.build(PLAIN + "LABEL n=used\n", "app:2", buildkit=False)
    child = lab.build("FROM app:2\nENV A=1\nLABEL n=child\n", "app:child", buildkit=False)
    old = lab.build(LAYERS, "old:1", "old:latest", "registry.local:5000/team/old:1")
    dangling = lab.build(LAYERS + "LABEL n=dangling\n")
    guarded = lab.build(PLAIN + "LABEL dockwave.protect=1\n", "guarded:1")
    lab.build(MOUNT)
    web = lab.run("app:2", "/bin/busybox", "sleep", "600")
    pid = lab.api.inspect_container(web)["State"]["Pid"]
    job = lab.run(
        "old:1", "/bin/busybox", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=8", volumes=["/anon"]
    )
    lab.finish(job)
    lab.api.create_volume("data")
    lab.api.create_network("lonely")
    lab.api.create_network("wanted")
    waiting = lab.run(
        "app:2", "/bin/busybox", "true", start=False, network="wanted", labels={"dockwave.protect": ""}
    )

    before = lab.ids()
    draft, results, verdict = lab.clean(wish())
    after = lab.ids()

    assert {result.state for result in results} == {StepState.DONE}, results
    assert verdict.ok, verdict.evidence
    planned = {key.partition(":")[2].partition("/")[0] for key in chosen(draft)}
    # gone is what was planned, and nothing else
    for kind in ("containers", "images", "volumes", "networks", "cache"):
        assert before[kind] - after[kind] == before[kind] & planned, kind
    assert after["containers"] == {web, waiting}
    assert after["images"] == {used, guarded}
    assert after["volumes"] == {"data"}
    assert after["cache"] == set()
    assert {child, old, dangling} <= planned
    assert lab.api.inspect_container(web)["State"]["Pid"] == pid
    assert reason(draft, guarded).startswith("protected by")
    assert (
        reason(draft, used)
        == f"in use by container {lab.api.inspect_container(web)['Name'].lstrip('/')} (running) and 1 more"
    )
    assert verdict.data["reclaimed_bytes_reported"] > 8_000_000
    assert isinstance(verdict.data["reclaimed_bytes_fs"], int)
    # and a second one finds nothing
    assert chosen(lab.plan(wish())[1]) == []
    lab.api.remove_container(web, force=True)
    lab.api.remove_container(waiting)


def test_what_comes_into_use_between_plan_and_removal_survives(lab: Lab) -> None:
    image = lab.build(PLAIN + "LABEL n=drift\n", "drift:1", "drift:2")
    moved = lab.build(PLAIN + "LABEL n=moved\n", "moved:1")
    job = lab.run("drift:1", "/bin/busybox", "sh", "-c", "sleep 0; exec /bin/busybox true", volumes=["/anon"])
    lab.finish(job)
    (anonymous,) = [mount["Name"] for mount in lab.api.inspect_container(job)["Mounts"]]
    network = str(lab.api.create_network("joined")["Id"])
    started: list[str] = []

    def meanwhile() -> None:
        newcomer = lab.run(
            "drift:2", "/bin/busybox", "true", start=False, network="joined", binds=[f"{anonymous}:/v"]
        )
        started.append(newcomer)
        lab.api.tag("drift:1", "moved:1")

    draft, results, verdict = lab.clean(
        wish("containers,networks,anonymous_volumes,unused_images"), meanwhile
    )
    states = {result.key: (result.state, result.detail) for result in results}
    assert states[f"container:{job}"][0] is StepState.DONE
    for key in (
        f"image:{image}/drift:1",
        f"image:{image}/drift:2",
        f"volume:{anonymous}",
        f"network:{network}",
    ):
        assert states[key][0] is StepState.SKIPPED, key
        assert "in use by container" in states[key][1]
    assert states[f"image:{moved}/moved:1"] == (StepState.SKIPPED, "moved:1 points to another image now")
    assert verdict.ok, verdict.evidence
    assert verdict.data["partial"]
    assert len(verdict.data["skipped"]) == 5
    assert image in lab.ids()["images"]
    assert {f"container:{job}", *states} == set(chosen(draft))
    lab.api.remove_container(started[0])
    lab.clean(wish())
    assert not {image, moved} & lab.ids()["images"]


def test_the_least_recently_used_cache_goes_first_and_the_bytes_to_keep_are_kept(lab: Lab) -> None:
    for n in range(3):
        size = f'RUN ["/bin/busybox","dd","if=/dev/zero","of=/x{n}","bs=1M","count=4"]\n'
        lab.build(PLAIN + f"LABEL n={n}\n" + size)
    lab.clean(wish("dangling_images"))
    keep = 9_000_000
    params = wish("build_cache", build_cache_keep_bytes=keep)
    draft, _, verdict = lab.clean(params)
    left = lab.api.df()["BuildCache"]
    assert verdict.ok, verdict.evidence
    assert draft.steps
    assert verdict.data["skipped"] == []
    assert 0 < sum(record["Size"] for record in left) <= keep
    assert chosen(lab.plan(params)[1]) == []
    lab.clean(wish("build_cache"))
    assert lab.api.df()["BuildCache"] in (None, [])


def test_named_volumes_go_only_by_name_and_generated_names_are_told_from_chosen_ones(lab: Lab) -> None:
    for name in ("pgdata", "scratch"):
        lab.api.create_volume(name)
    generated = str(lab.api.create_volume()["Name"])
    _, draft = lab.plan(wish("anonymous_volumes"))
    assert chosen(draft) == [f"volume:{generated}"]
    params = wish("named_volumes", volume_names=["scratch", "pgdata"], accept_data_loss=True)
    _, protected = lab.plan(params, Protect(volumes=("pg*",)))
    assert chosen(protected) == ["volume:scratch"]
    _, _, verdict = lab.clean(wish("named_volumes", volume_names=["scratch"], accept_data_loss=True))
    assert verdict.data["deleted"]["volumes"] == ["scratch"]
    assert {"pgdata", generated} <= lab.ids()["volumes"]


def test_disk_usage_counts_what_docker_counts(lab: Lab) -> None:
    image = lab.build(PLAIN + "LABEL n=usage\n", "usage:1")
    talker = lab.run(
        "usage:1", "/bin/busybox", "sh", "-c", "/bin/busybox yes hello | /bin/busybox head -n 20000"
    )
    lab.finish(talker)
    params = UsageParams()
    facts = USAGE.gather(lab.host, params, Setting(attempt_id="t/r/1", snapshot_dir="/x", protect=Protect()))
    data = USAGE.verify(facts, facts, params, ()).data
    account = lab.api.df()
    assert data["df_complete"]
    assert data["images"]["size_bytes"] == account["LayersSize"]
    assert image in {item["id"] for item in data["objects"]["images"]}
    (log,) = [log for log in data["logs"] if log["container"] == talker]
    assert log["size_bytes"] > 20_000 * 60
    assert log["path"] == lab.api.inspect_container(talker)["LogPath"]
    assert 0 < data["filesystems"][0]["used_pct"] <= 100


def refusals(engine: Engine, refs: dict[str, str]) -> dict[str, int]:
    """HTTP status of each removal, 200 when it was done; in this order, as some make others possible."""
    calls: dict[str, Callable[[], object]] = {
        "a running container": lambda: engine.remove_container(refs["web"]),
        "a container that is not there": lambda: engine.remove_container("0" * 64),
        "a volume of a stopped container": lambda: engine.remove_volume("model-data"),
        "a volume that is not there": lambda: engine.remove_volume("model-nothing"),
        "a predefined network": lambda: engine.remove_network(refs["none"]),
        "a network with an endpoint": lambda: engine.remove_network(refs["busy"]),
        "a network a stopped container is set to join": lambda: engine.remove_network(refs["wanted"]),
        "a network that is not there": lambda: engine.remove_network("0" * 64),
        "an image in use, by id": lambda: engine.remove_image(refs["image"]),
        "one of two tags of an image in use": lambda: engine.remove_image("model:2"),
        "the last tag of an image in use": lambda: engine.remove_image("model:1"),
        "a tag that is not there": lambda: engine.remove_image("model:9"),
        "a stopped container": lambda: engine.remove_container(refs["job"]),
        "its volume": lambda: engine.remove_volume("model-data"),
    }
    found = {}
    for name, call in calls.items():
        try:
            call()
            found[name] = 200
        except EngineError as error:
            found[name] = error.status
    return found


def test_the_model_engine_refuses_exactly_what_a_real_one_refuses(lab: Lab) -> None:
    built = lab.build(PLAIN + "LABEL n=model\n", "model:1", "model:2")
    lab.api.create_volume("model-data")
    busy, wanted = (str(lab.api.create_network(name)["Id"]) for name in ("model-busy", "model-wanted"))
    web = lab.run("model:1", "/bin/busybox", "sleep", "600", network="model-busy")
    job = lab.run(
        "model:1", "/bin/busybox", "true", start=False, network="model-wanted", binds=["model-data:/data"]
    )
    none = next(item["Id"] for item in lab.api.networks(names=["none"]))
    real = refusals(
        lab.host.engine(),
        {"web": web, "job": job, "image": built, "busy": busy, "wanted": wanted, "none": none},
    )

    app, model_busy, model_wanted = image("app", "model:1", "model:2"), network("busy"), network("wanted")
    model_web = running("web", app, networks=("busy",))
    model_job = container("job", app, state="created", networks=("wanted",), volumes=("model-data",))
    model = engine_with(app, model_busy, model_wanted, model_web, model_job, volume("model-data"))
    refs = {"web": model_web.id, "job": model_job.id, "image": app.id}
    refs |= {"busy": model_busy.id, "wanted": model_wanted.id}
    refs["none"] = next(item.id for item in model.all_networks.values() if item.name == "none")
    assert refusals(model, refs) == real
    lab.api.remove_container(web, force=True)
    lab.clean(wish())
