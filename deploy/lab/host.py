"""One host of a fleet: its record, and how the lab reaches it behind SSH's back."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.lab.archive import File, tar
from deploy.lab.command import Finished, LabError
from deploy.lab.outer import Engine

#: runs commands one after the other and prints what each said; the first failure ends it
RUN_ALL = """
import json, subprocess, sys
said = []
for argv in json.loads(sys.argv[1]):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{argv}: exit status {done.returncode}: {done.stderr}")
    said.append(done.stdout.strip())
print(json.dumps(said))
"""
NAME = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?$")


def checked_name(name: str) -> str:
    """The name can be a hostname, a container name and an inventory key."""
    if not NAME.match(name):
        text = f"{name!r} is no host name for the lab: use lower-case letters, digits and inner dashes, at most 42"
        raise LabError(text)
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A Debian machine in a container of the outer engine.

    ``run``, ``attempt`` and ``put`` go through the outer engine, so they work while SSH, the network or the host's own
    engine do not: faults and proofs use them, Dockwave never does.
    """

    #: hostname and inventory key
    name: str
    #: IPv4 address in the fleet's network
    address: str
    #: the container's name in the outer engine
    container: str
    #: the outer engine
    engine: Engine

    def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 120) -> str:
        """The command succeeded inside the host, as root; the answer is its standard output."""
        return self.engine.docker(*self._exec(argv), stdin=stdin, timeout_s=timeout_s)

    def attempt(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 120) -> Finished:
        """The command has run inside the host, as root, with or without success."""
        return self.engine.try_docker(*self._exec(argv), stdin=stdin, timeout_s=timeout_s)

    def python(self, script: str, *arguments: str, timeout_s: float = 120) -> str:
        """The script ran to success in the host's own Python; the answer is what it printed."""
        return self.run("python3", "-", *arguments, stdin=script.encode(), timeout_s=timeout_s)

    def run_all(self, *commands: Sequence[str], timeout_s: float = 120) -> list[str]:
        """All commands succeeded inside the host, in this order, for the price of one; the answers, stripped."""
        said = self.python(RUN_ALL, json.dumps([list(argv) for argv in commands]), timeout_s=timeout_s)
        return [str(text) for text in json.loads(said)]

    def put(self, files: Mapping[str, File]) -> None:
        """The files are in the host, with their modes and owners; the host need not be running."""
        self.engine.docker("cp", "--archive", "-", f"{self.container}:/", stdin=tar(files))

    def docker(self, *arguments: str, stdin: bytes | None = None, timeout_s: float = 120) -> str:
        """The host's own docker command succeeded; the answer is its standard output."""
        return self.run("docker", *arguments, stdin=stdin, timeout_s=timeout_s)

    def is_running(self) -> bool:
        """The outer engine says the host's container runs."""
        done = self.engine.try_docker("inspect", "--format", "{{.State.Running}}", self.container)
        return done.status == 0 and done.out.strip() == "true"

    @property
    def volumes(self) -> Mapping[str, str]:
        """Volume names by mount point: overlay on overlay is refused, so engine data lives on volumes."""
        return {
            "/var/lib/docker": f"{self.container}-docker",
            "/var/lib/containerd": f"{self.container}-containerd",
        }

    def _exec(self, argv: tuple[str, ...]) -> list[str]:
        return ["exec", "--interactive", self.container, *argv]
