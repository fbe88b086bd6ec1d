"""The outer engine: the Docker Engine of this machine, in which every lab host is a container.

An engine that already answers is used and never stopped. Where none answers, the lab starts its own with its own
socket, data directory and no default bridge, so it cannot disturb another engine; the last fleet to go stops it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from deploy.lab import firewall
from deploy.lab.command import Finished, LabError, attempt, program_path, run
from deploy.lab.places import LABEL, data_dir, locked, runtime_dir

START_TIMEOUT_S = 40
STOP_TIMEOUT_S = 30
LOCK = "outer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One Docker Engine, reached through its socket."""

    #: address as DOCKER_HOST has it; empty for the client's own default
    address: str

    def argv(self, *arguments: str) -> list[str]:
        """The docker command line that speaks to this engine and no other."""
        return ["docker", *(["--host", self.address] if self.address else []), *arguments]

    def docker(self, *arguments: str, stdin: bytes | None = None, timeout_s: float = 120) -> str:
        """The docker command succeeded; the answer is its standard output."""
        return run(self.argv(*arguments), stdin=stdin, timeout_s=timeout_s)

    def try_docker(self, *arguments: str, stdin: bytes | None = None, timeout_s: float = 120) -> Finished:
        """The docker command has run, with or without success."""
        return attempt(self.argv(*arguments), stdin=stdin, timeout_s=timeout_s)

    def answers(self) -> bool:
        """The engine said its version within five seconds."""
        try:
            done = self.try_docker("version", "--format", "{{.Server.Version}}", timeout_s=5)
        except LabError:
            return False
        return done.status == 0 and bool(done.out.strip())

    def labelled(self, kind: str, fleet: str | None = None) -> list[str]:
        """Ids of the lab's objects of one kind: container, volume or network."""
        label = LABEL if fleet is None else f"{LABEL}={fleet}"
        everything = ["--all"] if kind == "container" else []
        return self.docker(kind, "ls", "--quiet", *everything, "--filter", f"label={label}").split()


def own_engine() -> Engine:
    """The engine the lab would start itself; it may not be running."""
    return Engine(address=f"unix://{runtime_dir() / 'docker.sock'}")


def ensure() -> Engine:
    """An outer engine answers: the lab's own when it runs, else the machine's, else one started now."""
    with locked(LOCK):
        for engine in (own_engine(), Engine(address=os.environ.get("DOCKER_HOST", ""))):
            if engine.answers():
                return engine
        return _start()


def _start() -> Engine:
    if os.geteuid() != 0:
        text = "no Docker Engine answers and this user may not start one; start Docker or become root"
        raise LabError(text)
    dockerd = shutil.which("dockerd", path=program_path())
    if dockerd is None:
        raise LabError("dockerd is not installed; run: python3 -m deploy.setup")
    _stop_process()  # one that lives but does not answer would hold the data directory
    engine, data = own_engine(), data_dir()
    data.mkdir(mode=0o711, parents=True, exist_ok=True)
    firewall.remember(_firewall_file())
    argv = [dockerd, "--host", engine.address, "--data-root", str(data / "engine")]
    argv += ["--exec-root", str(runtime_dir() / "exec"), "--pidfile", str(_pid_file())]
    argv += ["--bridge", "none", "--group", "root", "--userland-proxy=false", "--log-level", "warn"]
    log = data / "engine.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if engine.answers():
            # it lives on without us; without this, its Popen would warn of a child left behind
            process.returncode = 0
            return engine
        if process.poll() is not None:
            break
        time.sleep(0.2)
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    tail = log.read_text(errors="replace")[-1500:]
    raise LabError(f"the outer engine does not answer; its log {log} ends with:\n{tail}")


@contextmanager
def in_use() -> Iterator[None]:
    """No other process stops the outer engine meanwhile, even while no host exists yet."""
    with _use_file().open("w") as handle:
        flock(handle, LOCK_SH)
        yield


def stop_if_unused() -> bool:
    """The lab's own engine is stopped and its data gone, unless a fleet lives in it or someone is making one."""
    with locked(LOCK), _use_file().open("w") as handle:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        engine = own_engine()
        if engine.answers() and (engine.labelled("container") or engine.labelled("network")):
            return False
        if os.geteuid() != 0 or not data_dir().exists():
            return False
        _stop_process()
        firewall.restore(_firewall_file())
        _remove_tree(data_dir())
        _remove_tree(runtime_dir() / "exec")
        for leftover in ("docker.sock", "docker.pid"):
            (runtime_dir() / leftover).unlink(missing_ok=True)
        return True


def _use_file() -> Path:
    return runtime_dir() / "in-use.lock"


def _pid_file() -> Path:
    return runtime_dir() / "docker.pid"


def _firewall_file() -> Path:
    return data_dir() / "firewall.json"


def _own_pid() -> int | None:
    """The process id in our pid file, if that process is really our dockerd."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(_pid_file().read_text())
        if str(data_dir() / "engine").encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def _stop_process() -> None:
    pid = _own_pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _own_pid() == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    with contextlib.suppress(ChildProcessError):
        # whoever started it is its parent, and nobody else may wait for it
        os.waitpid(pid, 0)


def _remove_tree(path: Path) -> None:
    for mount in _mounts_below(path):
        # a mount may be gone by now or hidden below another; one that stays makes the removal fail, loudly
        attempt(["umount", "--lazy", mount])
    if path.exists():
        shutil.rmtree(path)


def _mounts_below(path: Path) -> Iterable[str]:
    """Mount points under a directory, the deepest first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = {line.split()[1].encode().decode("unicode_escape") for line in lines}
    return sorted((point for point in points if point.startswith(f"{path}/")), reverse=True)
