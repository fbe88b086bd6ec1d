"""A fleet: hosts with one network, one operator's key and one state directory.

``up`` writes the state directory before it makes anything, so ``down`` finds every trace even after a crash.
"""

import contextlib
import secrets
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from deploy.lab import image, inventory, keys, loop, network, outer
from deploy.lab.command import CommandFailed, LabError, attempt
from deploy.lab.host import Host, checked_name
from deploy.lab.outer import Engine
from deploy.lab.places import LABEL, STATE_LABEL
from deploy.lab.record import Fleet, load, save

__all__ = [
    "Fleet",
    "down",
    "load",
    "names_for",
    "reset",
    "save",
    "sweep",
    "sweep_orphans",
    "up",
    "wait_ready",
]

READY_TIMEOUT_S = 90
#: two cores: more threads than this only queue in the outer engine
WORKERS = 6
FIRST_ADDRESS = 11
#: a host's powers where the machine may not grant all of them
OPEN = (
    *("--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined"),
    *("--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined"),
)
COMMON = (
    *("--cgroupns=private", "--stop-signal=SIGRTMIN+3"),
    *("--tmpfs=/run:exec", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"),
)


def names_for(count: int) -> list[str]:
    """Names for a fleet nobody named: web-1, web-2, ..."""
    return [f"web-{number}" for number in range(1, count + 1)]


def up(names: Sequence[str], state: Path, *, data_root_mib: int | None = None) -> Fleet:
    """Hosts of these names answer over SSH and their engines answer too.

    A state directory that already holds this fleet is answered from, and its stopped hosts are started. With
    ``data_root_mib`` every engine's data lives on its own small file system, which a fault can really fill.
    """
    wanted = [checked_name(name) for name in names]
    if not wanted or len(set(wanted)) != len(wanted) or len(wanted) > network.CAPACITY:
        raise LabError(f"a fleet has 1 to {network.CAPACITY} hosts with different names, not {wanted}")
    state = state.resolve()
    if (state / "fleet.json").exists():
        return _again(load(state), wanted)
    try:
        with outer.in_use():
            engine = outer.ensure()
            fleet = _plan(wanted, state, engine, image.ensure(engine))
            _make(fleet, data_root_mib)
    except BaseException:
        # half a fleet helps nobody; should this fail too, the first failure is the one to tell
        with contextlib.suppress(LabError, OSError):
            down(state)
        raise
    return fleet


def _again(fleet: Fleet, wanted: list[str]) -> Fleet:
    if [host.name for host in fleet.hosts] != wanted:
        have = " ".join(host.name for host in fleet.hosts)
        raise LabError(
            f"{fleet.state} holds another fleet ({have}); take it down first or choose another --state"
        )
    for host in fleet.hosts:
        if not host.is_running():
            fleet.engine.docker("start", host.container)
    wait_ready(fleet, fleet.hosts)
    return fleet


def _plan(names: list[str], state: Path, engine: Engine, tag: str) -> Fleet:
    """The network exists and the state directory says what will be."""
    fleet_id = secrets.token_hex(3)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state / "hostkeys").mkdir(mode=0o700, exist_ok=True)
    powers = _powers(engine, tag)
    subnet = network.create(engine, f"dw-{fleet_id}", fleet_id)
    addresses = [str(subnet[FIRST_ADDRESS + index]) for index in range(len(names))]
    hosts = tuple(
        Host(name=name, address=address, container=f"dw-{fleet_id}-{name}", engine=engine)
        for name, address in zip(names, addresses, strict=True)
    )
    fleet = Fleet(
        id=fleet_id,
        state=state,
        engine=engine,
        image=tag,
        network=f"dw-{fleet_id}",
        subnet=str(subnet),
        gateway=str(subnet[1]),
        powers=powers,
        hosts=hosts,
    )
    save(fleet)
    return fleet


@cache
def _powers(engine: Engine, tag: str) -> tuple[str, ...]:
    """The flags that let systemd and an engine run inside: privileged where the machine can, else all it has."""
    trial = engine.try_docker(
        "run", "--rm", "--privileged", "--network=none", f"--label={LABEL}=trial", tag, "true"
    )
    return ("--privileged",) if trial.status == 0 else OPEN


def _make(fleet: Fleet, data_root_mib: int | None) -> None:
    operator = keys.make_key(fleet.key, "dockwave-lab")

    def make(host: Host) -> None:
        keys.make_key(fleet.host_key(host), host.name)
        _create(fleet, host, operator, data_root_mib)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(make, fleet.hosts))
    fleet.trust_all()
    fleet.inventory.write_text(inventory.text(fleet.hosts, key=fleet.key, known_hosts=fleet.known_hosts))
    wait_ready(fleet, fleet.hosts)


def _create(fleet: Fleet, host: Host, operator: str, data_root_mib: int | None) -> None:
    label = f"--label={LABEL}={fleet.id}"
    owner = f"--label={STATE_LABEL}={fleet.state}"
    for mount, volume in host.volumes.items():
        small = (
            loop.volume_options(fleet.state, host.name, data_root_mib) if mount == "/var/lib/docker" else []
        )
        fleet.engine.docker("volume", "create", label, *small, volume)
    mounts = [f"--volume={volume}:{mount}" for mount, volume in host.volumes.items()]
    place = [
        f"--name={host.container}",
        f"--hostname={host.name}",
        f"--network={fleet.network}",
        f"--ip={host.address}",
    ]
    fleet.engine.docker("create", label, owner, *place, *fleet.powers, *COMMON, *mounts, fleet.image)
    host.put(keys.identity_files(fleet.host_key(host), operator))
    fleet.engine.docker("start", host.container)


def reset(fleet: Fleet, *names: str, data_root_mib: int | None = None) -> None:
    """The hosts are fresh from the image: same names and addresses, new host keys (known to known_hosts)."""
    chosen = [fleet.host(name) for name in names]
    operator = keys.public(fleet.key).read_text().strip()

    def again(host: Host) -> None:
        _remove(fleet, host)
        keys.make_key(fleet.host_key(host), host.name)
        _create(fleet, host, operator, data_root_mib)

    with outer.in_use(), ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(again, chosen))
    fleet.trust_all()
    wait_ready(fleet, chosen)


def _remove(fleet: Fleet, host: Host) -> None:
    fleet.engine.try_docker("rm", "--force", "--volumes", host.container)
    for volume in host.volumes.values():
        fleet.engine.try_docker("volume", "rm", "--force", volume)
    loop.release(fleet.state, host.name)


def wait_ready(fleet: Fleet, hosts: Sequence[Host], timeout_s: float = READY_TIMEOUT_S) -> None:
    """Every host's engine answers over real SSH."""
    deadline = time.monotonic() + timeout_s

    def wait(host: Host) -> None:
        probe = fleet.ssh_argv(host, "docker", "version", "--format", "{{.Server.Version}}")
        while True:
            try:
                done = attempt(probe, timeout_s=15)
                if done.status == 0:
                    return
                said = done.err.strip() or done.out.strip()
            except CommandFailed as late:
                said = str(late)
            if time.monotonic() > deadline:
                text = f"{host.name} is not ready after {timeout_s:g} s: {said}; look into container {host.container}"
                raise LabError(text)
            time.sleep(0.3)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(wait, hosts))


def down(state: Path) -> None:
    """No container, volume, network, loop device or file of the fleet is left; an idle engine of ours is gone too."""
    if (state / "fleet.json").exists():
        fleet = load(state)
        if fleet.engine.answers():
            sweep(fleet.engine, fleet.id)
        loop.release_all(fleet.state)
        for name in ("fleet.json", "key", "key.pub", "known_hosts", "inventory.yaml"):
            (fleet.state / name).unlink(missing_ok=True)
        for folder in ("hostkeys", "disks"):
            shutil.rmtree(fleet.state / folder, ignore_errors=True)
        if not any(fleet.state.iterdir()):
            fleet.state.rmdir()
    if (engine := outer.own_engine()).answers():
        sweep_orphans(engine)
    outer.stop_if_unused()


def sweep_orphans(engine: Engine) -> None:
    """No fleet is left whose state directory is gone: nobody could take it down by name any more."""
    columns = f'{{{{.Label "{LABEL}"}}}}\t{{{{.Label "{STATE_LABEL}"}}}}'
    rows = engine.docker("ps", "--all", "--filter", f"label={STATE_LABEL}", "--format", columns).splitlines()
    for fleet_id, state in {tuple(row.split("\t", 1)) for row in rows}:
        if not (Path(state) / "fleet.json").exists():
            sweep(engine, fleet_id)


def sweep(engine: Engine, fleet_id: str | None = None) -> None:
    """Nothing labelled with this fleet (or, without one, with any) is left in the outer engine."""
    if containers := engine.labelled("container", fleet_id):
        engine.docker("rm", "--force", "--volumes", *containers, timeout_s=300)
    if volumes := engine.labelled("volume", fleet_id):
        engine.docker("volume", "rm", "--force", *volumes, timeout_s=300)
    if networks := engine.labelled("network", fleet_id):
        engine.docker("network", "rm", *networks)
