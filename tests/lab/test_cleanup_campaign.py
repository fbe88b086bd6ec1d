"""A clean-up campaign over six real hosts: five over SSH, one by its own agent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.lab import fleet as lab
from deploy.lab import garbage
from deploy.lab.archive import File
from deploy.lab.host import Host
from tests.lab import agent, observed, sinks
from tests.lab.plane import Plane, control_plane

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("cleanup"), pytest.mark.timeout(900)]

TARGETS = "containers,networks,dangling_images,unused_images,build_cache,anonymous_volumes"
FLAGS = (
    "--set",
    f"targets={TARGETS}",
    "--set",
    "min_age_s=86400",
    "--set",
    "keep_last_tags=1",
    "--reason",
    "weekly tidy",
)
NAMES = ("web-1", "web-2", "web-3", "web-4", "web-5", "edge-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Hosts with garbage, a control plane, and what each host had."""

    hosts: dict[str, Host]
    garbage: dict[str, garbage.Garbage]
    plane: Plane
    #: how every host's running containers were before anything was done
    running: dict[str, dict[str, tuple[int, str]]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("cleanup")
    # a small disk for each engine, so that bytes freed on one host are not hidden by what the others do
    fleet = lab.up(NAMES, folder / "lab", data_root_mib=768)
    try:
        hosts = {host.name: host for host in fleet.hosts}
        seeded = garbage.seed_all(fleet.hosts)
        inventory = agent.inventory(fleet, folder / "inventory.yaml", agents=("edge-1",))
        with control_plane(folder, inventory, listen=agent.gateway_address(fleet)) as plane:
            agent.install(hosts["edge-1"], plane, folder / "wheels")
            yield Scene(
                hosts=hosts,
                garbage=seeded,
                plane=plane,
                running={name: observed.running(host) for name, host in hosts.items()},
            )
    finally:
        lab.down(folder / "lab")


def test_the_plan_lists_ids_bytes_and_why_the_rest_is_kept(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "tidy.plan"
    scene.plane.ok(
        "plan", "disk.cleanup", "-i", str(scene.plane.inventory), "--on", "web-1", *FLAGS, "--out", str(file)
    )
    document = json.loads(file.read_text())
    text = json.dumps(document)
    seeded = scene.garbage["web-1"]
    for container in seeded.old_containers:
        assert container in text
    for kept in (*seeded.protected_containers, *seeded.protected_images):
        assert kept in text, "a protected object is named with the reason for keeping it"
    assert all(step["size_bytes"] is not None for step in _dry_run(document)["steps"])
    reasons = {item["key"]: item["reason"] for item in _dry_run(document)["kept"]}
    assert all("protect" in reasons[f"container:{name}"] for name in seeded.protected_containers)
    assert observed.containers(scene.hosts["web-1"]) >= seeded.old_containers, "planning changes nothing"


def test_the_campaign_removes_exactly_what_was_planned(scene: Scene) -> None:
    plane = scene.plane
    free_before = {name: _free_bytes(host) for name, host in scene.hosts.items()}
    file = plane.data / "tidy.plan"
    plane.ok("plan", "disk.cleanup", "-i", str(plane.inventory), "--on", "all", *FLAGS, "--waves", "1,rest",
             "--parallel", "3", "--out", str(file))  # fmt: skip
    # an image comes into use between plan and apply: it must survive and be reported
    rescued = scene.garbage["web-2"].unused_images[0]
    with _in_use(scene.hosts["web-2"], rescued):
        shown = plane.wait(
            plane.ok("apply", str(file), "--yes", "--allow-data-loss", "-o", "json").json["id"]
        )
    assert shown["state"] == "COMPLETE", shown
    assert shown["exit_code"] == 0
    for name, host in scene.hosts.items():
        _was_cleaned(host, scene.garbage[name], rescued if name == "web-2" else None)
        entry = next(h for wave in shown["waves"] for h in wave["hosts"] if h["host"] == name)
        assert entry["state"] == "SUCCEEDED", entry
        measured = entry["result"]["data"]["reclaimed_bytes_fs"]
        assert measured > 4 << 20, (name, measured)
        assert abs(_free_bytes(host) - free_before[name] - measured) < 4 << 20, (name, measured)
    web_2 = next(h for wave in shown["waves"] for h in wave["hosts"] if h["host"] == "web-2")
    skipped = [step for step in web_2["result"]["steps"] if step["state"] == "skipped"]
    assert any(rescued in step["key"] for step in skipped), skipped


def test_running_containers_kept_their_processes(scene: Scene) -> None:
    for name, host in scene.hosts.items():
        assert observed.running(host) == scene.running[name], name


def test_the_host_with_an_agent_was_cleaned_by_its_own_agent(scene: Scene) -> None:
    workers = [
        str(entry.get("detail"))
        for entry in observed.journal(scene.hosts["edge-1"])
        if entry["kind"] == "accepted"
    ]
    assert workers
    assert set(workers) == {"agent@edge-1"}


def test_a_second_campaign_finds_everything_right_and_touches_nothing(scene: Scene) -> None:
    plane = scene.plane
    # web-2's rescued image is no longer in use, so that host is left out here
    before = {
        name: (observed.images(h), observed.containers(h), observed.volumes(h))
        for name, h in scene.hosts.items()
    }
    said = plane.ok("run", "disk.cleanup", "-i", str(plane.inventory), "--on", "all:!web-2", *FLAGS, "--yes",
                    "--allow-data-loss", "-o", "json")  # fmt: skip
    shown = plane.wait(said.json["id"])
    assert shown["state"] == "COMPLETE"
    states = {h["host"]: h["state"] for wave in shown["waves"] for h in wave["hosts"]}
    assert set(states.values()) == {"ALREADY_RIGHT"}, states
    after = {
        name: (observed.images(h), observed.containers(h), observed.volumes(h))
        for name, h in scene.hosts.items()
    }
    assert after == before


def test_young_objects_go_only_when_their_age_is_asked_for(scene: Scene) -> None:
    plane = scene.plane
    campaign = plane.campaign(
        "disk.cleanup", "web-3", "--set", "targets=build_cache,anonymous_volumes,networks", "--set", "min_age_s=1",
        "--reason", "scratch",
    )  # fmt: skip
    assert plane.wait(campaign)["state"] == "COMPLETE"
    host, seeded = scene.hosts["web-3"], scene.garbage["web-3"]
    assert not observed.volumes(host) & seeded.anonymous_volumes
    assert observed.volumes(host) >= seeded.named_volumes | seeded.protected_volumes | seeded.used_volumes
    assert not set(host.docker("network", "ls", "--format", "{{.Name}}").split()) & seeded.unused_networks
    assert host.docker("builder", "prune", "--force").strip().endswith("0B"), (
        "the build cache is empty already"
    )


def test_flower_shows_the_tasks_by_procedure_with_campaign_wave_and_host(scene: Scene) -> None:
    tasks = agent.flower_tasks(scene.plane)
    names = {task["name"] for task in tasks.values()}
    assert "disk.cleanup" in names
    arguments = [task["kwargs"] for task in tasks.values() if task["name"] == "disk.cleanup"]
    assert any("campaign=c" in text and "wave=2/2" in text and "host=web-1" in text for text in arguments), (
        arguments[:5]
    )
    workers = {task["worker"] for task in tasks.values()}
    assert "agent@edge-1" in workers
    assert any(str(worker).startswith("gw-default-1@") for worker in workers)


def test_i16_no_planted_secret_is_told_at_any_sink(scene: Scene) -> None:
    """Neither what the control plane made up for itself nor what hosts, one over SSH and one with an agent, hold."""
    plane, hosts = scene.plane, [scene.hosts[name] for name in ("web-4", "edge-1")]
    planted = {
        "the environment of a container": "Planted-env-5f1c",
        "the engine's configuration": "Planted-conf-88d2",
        "root's registry login": "Planted-login-b04e",
    }
    for host in hosts:
        _plant(host, min(scene.garbage[host.name].used_images), *planted.values())
    done = [
        plane.campaign(procedure, "web-4:edge-1", *flags)
        for procedure, flags in (
            ("engine.hold", ("--set", "state=held")),
            ("engine.info", ()),
            ("health.check", ()),
            ("disk.cleanup", FLAGS),
        )
    ]
    for campaign in done:
        shown = plane.wait(campaign)
        assert shown["state"] == "COMPLETE", [
            (h["host"], h["state"], h["error"]) for wave in shown["waves"] for h in wave["hosts"]
        ]
    # the name of a campaign is told everywhere: this search would find a secret there too
    marks = sinks.own_secrets(plane) | planted | {"the name": done[0]}
    found = sinks.told(marks, plane, hosts, done)
    assert [line for line in found if not line.startswith("the name is in ")] == []
    for place in ("dockwave.db", "report --html", "Flower", "the record of web-4", "the record of edge-1"):
        assert f"the name is in {place}" in found


def _plant(host: Host, image: str, env: str, conf: str, login: str) -> None:
    host.docker("run", "--detach", "--name=keeper", f"--env=DB_PASSWORD={env}", image)
    settings = json.loads(observed.daemon_json(host)) | {"log-opts": {"splunk-token": conf}}
    logins = {"auths": {"registry.example": {"auth": login}}}
    for path, document in (("/etc/docker/daemon.json", settings), ("/root/.docker/config.json", logins)):
        host.put({path: File(data=json.dumps(document).encode(), mode=0o600)})


@contextmanager
def _in_use(host: Host, image: str) -> Iterator[None]:
    """A container runs from the image meanwhile."""
    host.docker("run", "--detach", "--name=back-in-use", image)
    try:
        yield
    finally:
        host.docker("rm", "--force", "back-in-use")


def _dry_run(document: dict[str, Any]) -> dict[str, Any]:
    dry_run: dict[str, Any] = document["document"]["hosts"][0]["dry_run"]
    return dry_run


def _was_cleaned(host: Host, seeded: garbage.Garbage, rescued: str | None) -> None:
    containers, images, volumes = observed.containers(host), observed.images(host), observed.volumes(host)
    assert not containers & seeded.old_containers
    assert containers >= seeded.young_containers | seeded.protected_containers | seeded.running_containers
    gone = set(seeded.dangling_images) | set(seeded.unused_images[:-1])
    assert not images & (gone - {rescued})
    assert images >= seeded.protected_images | seeded.used_images
    assert volumes >= seeded.named_volumes | seeded.protected_volumes | seeded.used_volumes
    if rescued:
        assert rescued in images


def _free_bytes(host: Host) -> int:
    host.run("sync")
    time.sleep(0.2)
    rows = host.run("df", "--block-size=1", "--output=avail", "/var/lib/docker").split()
    return int(rows[-1])
