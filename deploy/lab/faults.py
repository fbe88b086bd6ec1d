"""What goes wrong in real fleets, done to lab hosts on purpose.

Each fault is a function and, where it can be ended, a context manager with a participle for a name. Faults act through
the outer engine, so they work whatever they broke.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.lab import keys
from deploy.lab.archive import File
from deploy.lab.command import LabError
from deploy.lab.host import Host
from deploy.lab.record import Fleet

#: a key of daemon.json that engine 20.10 takes and every later one refuses
LEGACY_KEY = "graph"
#: no fault may fill a larger disk: it would be the machine's own
LARGEST_FILL_BYTES = 4 << 30
STUFFING = "/var/lib/docker/.lab-stuffing"
FILL = f"""
import errno, os
place = os.statvfs("/var/lib/docker")
if place.f_blocks * place.f_frsize > {LARGEST_FILL_BYTES}:
    raise SystemExit("too large")
with open("{STUFFING}", "ab") as file:
    step, end = 1 << 24, 0
    while step >= 512:
        try:
            os.posix_fallocate(file.fileno(), end, step)
            end += step
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            step //= 2
"""
HOLD_LOCK = """
import fcntl, sys, time
files = [open("/var/lib/dpkg/" + name, "w") for name in ("lock-frontend", "lock")]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)  # dpkg's kind of lock; flock(2) would not meet it
time.sleep(float(sys.argv[1]))
"""
LOCK_UNIT = "lab-dpkg-lock"


def freeze_engine(host: Host) -> None:
    """The host's dockerd is stopped in its tracks: its socket accepts and nobody answers."""
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "docker.service")


def thaw_engine(host: Host) -> None:
    """The host's dockerd goes on where it was frozen."""
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=CONT", "docker.service")


@contextmanager
def frozen_engine(host: Host) -> Iterator[None]:
    """The host's dockerd is frozen meanwhile."""
    freeze_engine(host)
    try:
        yield
    finally:
        thaw_engine(host)


@contextmanager
def full_disk(host: Host) -> Iterator[None]:
    """The file system of the engine's data has no byte left meanwhile; the host was made with a small data root."""
    done = host.attempt("python3", "-", stdin=FILL.encode())
    if done.status != 0:
        host.run("rm", "-f", STUFFING)
        text = f"{host.name}: will not fill its disk ({done.err.strip()}); make it with data_root_mib"
        raise LabError(text)
    try:
        yield
    finally:
        host.run("rm", "-f", STUFFING)


def lock_dpkg(host: Host, for_s: float) -> None:
    """Another process holds dpkg's locks for that many seconds from now on."""
    host.attempt("systemctl", "stop", f"{LOCK_UNIT}.service")
    host.put(
        {"usr/local/sbin/lab-hold-lock": File(data=f"#!/usr/bin/python3{HOLD_LOCK}".encode(), mode=0o755)}
    )
    command = ["systemd-run", "--quiet", "--collect", f"--unit={LOCK_UNIT}"]
    host.run(*command, "/usr/local/sbin/lab-hold-lock", str(for_s))
    host.python(WAIT_UNTIL_LOCKED)


WAIT_UNTIL_LOCKED = """
import fcntl, time
for _ in range(100):
    with open("/var/lib/dpkg/lock-frontend", "w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            break
    time.sleep(0.05)
else:
    raise SystemExit("the lock was not taken")
"""


@contextmanager
def locked_dpkg(host: Host) -> Iterator[None]:
    """Another process holds dpkg's locks meanwhile."""
    lock_dpkg(host, for_s=3600)
    try:
        yield
    finally:
        host.attempt("systemctl", "stop", f"{LOCK_UNIT}.service")


def power_off(host: Host) -> None:
    """The host is dead at once, as by a pulled plug; its disks are as they were."""
    host.engine.docker("kill", host.container)


def power_on(host: Host) -> None:
    """The host boots; it is not waited for (``fleet.wait_ready`` does)."""
    host.engine.docker("start", host.container)


def lose_power(host: Host) -> None:
    """The host died without a word and boots again."""
    power_off(host)
    power_on(host)


def reboot(host: Host) -> None:
    """The host went down in order and boots again."""
    host.engine.docker("restart", "--time", "30", host.container)


#: traffic that SSH needs, as iptables matches by chain
SSH_RULES = (("INPUT", "--destination-port"), ("OUTPUT", "--source-port"))


def cut_ssh(host: Host, for_s: float | None = None) -> None:
    """Every packet of SSH is lost, connections that exist included; after ``for_s`` seconds the host heals itself."""
    for chain, side in SSH_RULES:
        host.run(*_rule("--insert", chain, side))
        if for_s is not None:
            timer = ["systemd-run", "--quiet", f"--on-active={for_s}s", "--timer-property=AccuracySec=100ms"]
            host.run(*timer, *_rule("--delete", chain, side))


def heal_ssh(host: Host) -> None:
    """Packets of SSH pass again."""
    for chain, side in SSH_RULES:
        while host.attempt(*_rule("--delete", chain, side)).status == 0:
            continue


@contextmanager
def ssh_cut(host: Host) -> Iterator[None]:
    """Every packet of SSH is lost meanwhile."""
    cut_ssh(host)
    try:
        yield
    finally:
        heal_ssh(host)


def _rule(action: str, chain: str, side: str) -> list[str]:
    return ["/usr/sbin/iptables", "--wait", action, chain, "--protocol", "tcp", side, "22", "--jump", "DROP"]


def change_host_key(fleet: Fleet, host: Host) -> None:
    """sshd answers with another key than known_hosts has; ``fleet.trust_all`` makes it known."""
    keys.make_key(fleet.host_key(host), host.name)
    host.put(keys.host_key_files(fleet.host_key(host)))
    host.run("systemctl", "restart", "ssh.service")


@contextmanager
def silent_sshd(host: Host) -> Iterator[None]:
    """Port 22 accepts connections meanwhile and never says a word."""
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "ssh.service")
    try:
        yield
    finally:
        host.run("systemctl", "kill", "--kill-whom=main", "--signal=CONT", "ssh.service")


@contextmanager
def no_sshd(host: Host) -> Iterator[None]:
    """Port 22 refuses connections meanwhile."""
    host.run("systemctl", "stop", "ssh.service")
    try:
        yield
    finally:
        host.run("systemctl", "start", "ssh.service")


@contextmanager
def throttled_sshd(host: Host, startups: str = "2:100:2") -> Iterator[None]:
    """sshd drops connections beyond a few unauthenticated ones meanwhile."""
    # unlike other options the last MaxStartups wins, and files are read in the order of their names
    host.put({"etc/ssh/sshd_config.d/zz-throttle.conf": File(data=f"MaxStartups {startups}\n".encode())})
    host.run("systemctl", "restart", "ssh.service")
    try:
        yield
    finally:
        host.run("rm", "-f", "/etc/ssh/sshd_config.d/zz-throttle.conf")
        host.run("systemctl", "restart", "ssh.service")


def configure_engine(host: Host, **settings: object) -> None:
    """daemon.json has these keys besides its others, and the engine runs with them; ``None`` removes a key."""
    current = json.loads(host.run("cat", "/etc/docker/daemon.json"))
    wanted = {key: value for key, value in {**current, **settings}.items() if value is not None}
    host.put({"etc/docker/daemon.json": File(data=(json.dumps(wanted, indent=2) + "\n").encode())})
    host.run("systemctl", "reset-failed", "docker.service")
    host.run("systemctl", "restart", "docker.service")


def configure_legacy(host: Host) -> None:
    """daemon.json has a key that works today and that the next engine refuses to start with."""
    configure_engine(host, **{LEGACY_KEY: "/var/lib/docker"})
