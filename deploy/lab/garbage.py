"""Hosts with a past: what months of deployments leave behind, and what must survive a clean-up."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deploy.lab import apps
from deploy.lab.apps import App
from deploy.lab.archive import File, tar
from deploy.lab.host import Host

PROTECT = "dockwave.protect"
MIB = 1 << 20
DAY_S = 86_400
BALLAST = 4 * MIB
#: hosts seeded at a time
WORKERS = 4
VOLUMES = "/var/lib/docker/volumes"
#: containers that ended long ago
JOBS = ("job-1", "job-2", "job-3")
#: gives the engine's stopped containers and its images' tags an earlier date, while the engine is down
BACKDATE = """
import datetime, json, os, pathlib, subprocess, sys
seconds, *containers = sys.argv[1:]
moved = datetime.timedelta(seconds=float(seconds))
units = ["docker.socket", "docker.service"]
subprocess.run(["systemctl", "stop", *units], check=True)
def earlier(text):
    if not text or text.startswith("0001-"):
        return text
    stamp = datetime.datetime.fromisoformat(text[:19]).replace(tzinfo=datetime.timezone.utc) - moved
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
for container in containers:
    path = pathlib.Path("/var/lib/docker/containers", container, "config.v2.json")
    record = json.loads(path.read_text())
    record["Created"] = earlier(record["Created"])
    for key in ("StartedAt", "FinishedAt"):
        record["State"][key] = earlier(record["State"][key])
    path.write_text(json.dumps(record))
for path in pathlib.Path("/var/lib/docker/image/overlay2/imagedb/metadata/sha256").glob("*/lastUpdated"):
    path.write_text(earlier(path.read_text()))
subprocess.run(["systemctl", "reset-failed", *units], check=True)
subprocess.run(["systemctl", "start", *units], check=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What was seeded on one host, by the fate it should meet in a thorough clean-up."""

    #: stopped for a month, or made and never started: may go
    old_containers: frozenset[str]
    #: stopped just now: too young to go
    young_containers: frozenset[str]
    #: stopped for a month but protected by label
    protected_containers: frozenset[str]
    #: running: must keep their processes
    running_containers: frozenset[str]
    #: images without a name
    dangling_images: frozenset[str]
    #: named images nothing uses, oldest first
    unused_images: tuple[str, ...]
    #: an unused image protected by label
    protected_images: frozenset[str]
    #: images that running or surviving containers use
    used_images: frozenset[str]
    #: nameless volumes nothing uses
    anonymous_volumes: frozenset[str]
    #: named volumes nothing uses: data, unless someone says otherwise
    named_volumes: frozenset[str]
    #: a named volume protected by label
    protected_volumes: frozenset[str]
    #: volumes of running or surviving containers
    used_volumes: frozenset[str]
    #: networks nothing is connected to
    unused_networks: frozenset[str]


def seed(host: Host, *, days_old: int = 30, ballast: int = BALLAST) -> Garbage:
    """The host has every kind of garbage and of thing to keep; containers and images are really ``days_old``.

    Volumes, networks and build cache are as young as they look: their dates cannot be set.
    """
    app, images = _images(host, days_old, ballast)
    network = f"leftover-{host.name}"
    volumes = [("forgotten-data",), ("shop-data",), ("ledger", f"--label={PROTECT}=true")]
    host.run_all(
        *(("docker", "volume", "create", *options, name) for name, *options in volumes),
        ("docker", "network", "create", network),
    )
    running = host.run_all(
        _start("shop-1", app),
        _start("shop-2", app),
        _start("shop-db", app, "--volume=shop-data:/data"),
    )
    anonymous = _anonymous_volumes(host, app, count=2)
    host.run_all(*(_job(name, app) for name in JOBS), _job("evidence", app, f"--label={PROTECT}=true"))
    never, protected, *old = host.run_all(
        ("docker", "create", "--name=never-started", app), *(_id_of(name) for name in ("evidence", *JOBS))
    )
    backdate(host, [never, protected, *old], timedelta(days=days_old))
    _, young = host.run_all(_job("just-now", app), _id_of("just-now"))
    fill_build_cache(host, ballast)
    return Garbage(
        old_containers=frozenset({never, *old}),
        young_containers=frozenset({young}),
        protected_containers=frozenset({protected}),
        running_containers=frozenset(running),
        dangling_images=frozenset(images["dangling"]),
        unused_images=tuple(images["unused"]),
        protected_images=frozenset(images["protected"]),
        used_images=frozenset(images["used"]),
        anonymous_volumes=anonymous,
        named_volumes=frozenset({"forgotten-data"}),
        protected_volumes=frozenset({"ledger"}),
        used_volumes=frozenset({"shop-data"}),
        unused_networks=frozenset({network}),
    )


def seed_all(hosts: Sequence[Host], *, days_old: int = 30, ballast: int = BALLAST) -> dict[str, Garbage]:
    """Every host is seeded, a few at a time; the answer is by host name."""
    with ThreadPoolExecutor(WORKERS) as pool:
        seeded = pool.map(lambda host: seed(host, days_old=days_old, ballast=ballast), hosts)
        return {host.name: found for host, found in zip(hosts, seeded, strict=True)}


def processes(host: Host, containers: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Process id and start time of each container as the host's engine has them; 0 for one that does not run."""
    ids = list(containers)
    if not ids:
        return {}
    rows = host.docker("inspect", "--format", "{{.Id}} {{.State.Pid}} {{.State.StartedAt}}", *ids).split("\n")
    return {row.split()[0]: (int(row.split()[1]), row.split()[2]) for row in rows if row}


def backdate(host: Host, containers: Iterable[str], by: timedelta) -> None:
    """The engine dates these stopped containers, and every image's tag, that much earlier; running ones live on."""
    host.python(BACKDATE, str(by.total_seconds()), *containers)


def fill_build_cache(host: Host, ballast: int = BALLAST) -> None:
    """BuildKit keeps a cache no image uses."""
    context = {
        "Dockerfile": File(data=b"FROM scratch\nCOPY one /one\nCOPY two /two\n"),
        "one": File(data=host.name.encode() * (ballast // (2 * len(host.name)))),
        "two": File(data=b"2" * (ballast // 2)),
    }
    build = ("env", "DOCKER_BUILDKIT=1", "docker", "build", "--quiet", "--tag", "build-leftover", "-")
    host.run(*build, stdin=tar(context))
    host.docker("rmi", "build-leftover")


def _images(host: Host, days_old: int, ballast: int) -> tuple[str, dict[str, tuple[str, ...]]]:
    """A past of images by fate, and the reference of the one in use."""
    now = datetime.now(UTC).replace(microsecond=0)
    before = [now - timedelta(days=days_old + 10 * age) for age in range(5)]
    used = App(reference="shop:5", created=before[0])
    protected = App(reference="golden:1", created=before[4], labels={PROTECT: "true"}, ballast=MIB)
    unused = [App(reference=f"shop:{5 - age}", created=before[age], ballast=ballast) for age in (4, 3, 2, 1)]
    dangling = [App(reference=None, created=when, ballast=ballast) for when in before[:2]]
    ids = apps.load(host, used, protected, *unused, *dangling)
    return "shop:5", {"used": ids[:1], "protected": ids[1:2], "unused": ids[2:6], "dangling": ids[6:]}


def _start(name: str, image: str, *options: str) -> tuple[str, ...]:
    """A command that starts a long-lived container and prints its id."""
    return ("docker", "run", "--detach", f"--name={name}", "--restart=unless-stopped", *options, image)


def _job(name: str, image: str, *options: str) -> tuple[str, ...]:
    """A command that runs a container which writes something and ends well."""
    write = ("dd", "if=/dev/urandom", "of=/scratch", "bs=1024", "count=512")
    return ("docker", "run", "--network=none", f"--name={name}", *options, image, *write)


def _id_of(name: str) -> tuple[str, ...]:
    """A command that prints a container's full id."""
    return ("docker", "inspect", "--format", "{{.Id}}", name)


def _anonymous_volumes(host: Host, image: str, count: int) -> frozenset[str]:
    """Nameless volumes with data whose containers are gone."""
    names = [f"lost-{number}" for number in range(count)]
    mount = "{{range .Mounts}}{{.Name}}{{end}}"
    said = host.run_all(
        *(("docker", "create", f"--name={name}", "--volume=/data", image) for name in names),
        *(("docker", "inspect", "--format", mount, name) for name in names),
        ("docker", "rm", *names),
    )
    volumes = said[count : 2 * count]
    write = [
        ("dd", "if=/dev/urandom", f"of={VOLUMES}/{name}/_data/orphan", "bs=1024", "count=1024")
        for name in volumes
    ]
    host.run_all(*write)
    return frozenset(volumes)
