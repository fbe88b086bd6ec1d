"""Hosts with a past: what months of deployments leave behind, and what must survive a clean-up."""

from collections.abc import Iterable
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
    running = frozenset(_start(host, f"shop-{number}", app) for number in (1, 2))
    database = _start(host, "shop-db", app, f"--volume={_volume(host, 'shop-data')}:/data")
    old = {_finished(host, f"job-{number}", app) for number in (1, 2, 3)}
    old.add(host.docker("create", "--name=never-started", app).strip())
    protected = _finished(host, "evidence", app, f"--label={PROTECT}=true")
    anonymous = frozenset(_anonymous_volume(host, app) for _ in range(2))
    backdate(host, [*old, protected], timedelta(days=days_old))
    young = _finished(host, "just-now", app)
    network = f"leftover-{host.name}"
    host.docker("network", "create", network)
    fill_build_cache(host, ballast)
    return Garbage(
        old_containers=frozenset(old),
        young_containers=frozenset({young}),
        protected_containers=frozenset({protected}),
        running_containers=running | {database},
        dangling_images=frozenset(images["dangling"]),
        unused_images=tuple(images["unused"]),
        protected_images=frozenset(images["protected"]),
        used_images=frozenset(images["used"]),
        anonymous_volumes=anonymous,
        named_volumes=frozenset({_volume(host, "forgotten-data")}),
        protected_volumes=frozenset({_volume(host, "ledger", protected=True)}),
        used_volumes=frozenset({"shop-data"}),
        unused_networks=frozenset({network}),
    )


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


def _start(host: Host, name: str, image: str, *options: str) -> str:
    return host.docker(
        "run", "--detach", f"--name={name}", "--restart=unless-stopped", *options, image
    ).strip()


def _finished(host: Host, name: str, image: str, *options: str) -> str:
    """A container that ran, wrote something and ended well."""
    write = ("dd", "if=/dev/urandom", "of=/scratch", "bs=1024", "count=512")
    host.docker("run", f"--name={name}", *options, image, *write)
    return host.docker("inspect", "--format", "{{.Id}}", name).strip()


def _volume(host: Host, name: str, *, protected: bool = False) -> str:
    labels = [f"--label={PROTECT}=true"] if protected else []
    return host.docker("volume", "create", *labels, name).strip()


def _anonymous_volume(host: Host, image: str) -> str:
    """A nameless volume with data whose container is gone."""
    write = ("dd", "if=/dev/urandom", "of=/data/orphan", "bs=1024", "count=1024")
    container = host.docker("create", "--volume=/data", image, *write).strip()
    host.docker("start", "--attach", container)
    mount = "{{range .Mounts}}{{.Name}}{{end}}"
    volume = host.docker("inspect", "--format", mount, container).strip()
    host.docker("rm", container)
    return volume
