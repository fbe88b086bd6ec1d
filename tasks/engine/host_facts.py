"""Everything the engine procedures look at on one host; the first reading of an attempt is its snapshot."""

from __future__ import annotations

from pydantic import Field

from tasks.connection import Command, Connection
from tasks.engine.binary import Binary, read_binary
from tasks.engine.cached import Cache, read_cache
from tasks.engine.family import ALL_NAMES, Family, family_of, members_of
from tasks.engine.files import ConfigFile, read_files
from tasks.engine.resolve import Request, Resolution, resolve
from tasks.facts.engine import EngineState, read_engine
from tasks.facts.packages import Deb, Installed, read_installed, read_obtainable
from tasks.facts.units import DOCKER, Unit, read_starts, settle
from tasks.procedure import Facts
from tasks.running_set import RunningContainer

#: window in which systemd counts the engine's starts
START_WINDOW_S = 60
_APT_SYSTEMS = frozenset({"debian", "ubuntu", "raspbian", "linuxmint"})
_APT_UNITS = ("apt-daily.service", "apt-daily-upgrade.service", "unattended-upgrades.service")
_DROPPED = (".dpkg-dist", ".dpkg-new", ".ucf-dist")


class HostFacts(Facts):
    """One host, as far as its engine is concerned."""

    #: changes with each boot, also of a containerised host
    boot: str = ""
    #: ID and VERSION_ID of /etc/os-release
    system: str = ""
    #: packages are dpkg's and apt's
    uses_apt: bool = False
    installed: Installed = Field(default_factory=Installed)
    resolution: Resolution = Field(default_factory=Resolution)
    #: package files of the versions in use that the archive still offers, asked only while planning a change
    obtainable: dict[str, Deb] = Field(default_factory=dict)
    units: dict[str, Unit] = Field(default_factory=dict)
    engine: EngineState = Field(default_factory=EngineState)
    #: seconds ago of each start of docker.service in the last minute; None when the journal does not say
    starts: tuple[float, ...] | None = None
    binary: Binary = Field(default_factory=Binary)
    files: tuple[ConfigFile, ...] = ()
    #: configuration files packages brought and did not put in place
    conffiles_kept: tuple[str, ...] = ()
    cache: Cache = Field(default_factory=lambda: Cache(directory=""))
    #: free bytes of the file systems of / and /var
    free_bytes: dict[str, int] = Field(default_factory=dict)
    #: the package index is older than a week
    index_stale: bool = False
    #: units of the system's own package upgrades that are at work now
    apt_busy: tuple[str, ...] = ()

    @property
    def running_set(self) -> tuple[RunningContainer, ...] | None:
        """The containers that ran; None when the engine did not answer."""
        if self.engine.daemon is None:
            return None
        return tuple(
            RunningContainer(id=item.id, name=item.name, image_id=item.image_id)
            for item in self.engine.daemon.containers
            if item.state == "running"
        )

    @property
    def family(self) -> Family:
        """Who packaged the engine."""
        return family_of(self.installed)

    @property
    def members(self) -> tuple[str, ...]:
        """Engine packages of any family dpkg knows on this host, sorted."""
        return tuple(sorted(set(ALL_NAMES) & set(self.installed.packages)))

    @property
    def docker(self) -> Unit:
        """docker.service."""
        return self.units.get(DOCKER, Unit())

    def versions(self) -> dict[str, str]:
        """Version of every engine package that is installed whole."""
        names = members_of(self.family, self.installed.packages)
        return {name: version for name in names if (version := self.installed.version(name)) is not None}


def gather(
    host: Connection,
    *,
    snapshot_dir: str = "",
    ready_timeout_s: float = 5.0,
    request: Request | None = None,
    downgrade: bool = False,
    check_binary: bool = False,
    packages: bool = True,
) -> HostFacts:
    """Read the host; units are waited for while they are on their way, for `ready_timeout_s` at most."""
    units = settle(host, ready_timeout_s)
    if not units[DOCKER].running:
        host.reset_engine()
    system = _system(host)
    facts = HostFacts(
        boot=_boot(host),
        system=system,
        uses_apt=bool(_APT_SYSTEMS & set(system.split())),
        units=units,
        engine=read_engine(host, units),
        starts=read_starts(host, DOCKER, START_WINDOW_S),
        binary=read_binary(host, check=check_binary),
        files=read_files(host),
        free_bytes=_free(host),
    )
    if not (packages and facts.uses_apt):
        return facts
    return _with_packages(host, facts, snapshot_dir, request, downgrade=downgrade)


def _with_packages(
    host: Connection, facts: HostFacts, snapshot_dir: str, request: Request | None, *, downgrade: bool
) -> HostFacts:
    installed = read_installed(host, ALL_NAMES)
    read = facts.model_copy(
        update={
            "installed": installed,
            "cache": read_cache(host, snapshot_dir) if snapshot_dir else Cache(directory=""),
            "conffiles_kept": _dropped(host),
            "index_stale": _index_stale(host),
            "apt_busy": _apt_busy(host),
        }
    )
    if request is None:
        return read
    resolution = resolve(host, installed, read.family, request, downgrade=downgrade)
    now = read.versions()
    changing = {
        name: now[name] for name, version in resolution.target.items() if now.get(name, version) != version
    }
    obtainable = read_obtainable(host, changing)
    return read.model_copy(update={"resolution": resolution, "obtainable": obtainable})


def parse_system(text: str) -> str:
    """ID, ID_LIKE and VERSION_ID of /etc/os-release, as words."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    words = (values.get(name, "").strip("\"'") for name in ("ID", "VERSION_ID", "ID_LIKE"))
    return " ".join(word for word in words if word)[:200]


def parse_free(text: str, paths: tuple[str, ...]) -> dict[str, int]:
    """Available bytes by path, from `df --output=avail`; paths df says nothing about are left out."""
    numbers = [line.strip() for line in text.splitlines()[1:]]
    return {path: int(number) for path, number in zip(paths, numbers, strict=False) if number.isdigit()}


def _system(host: Connection) -> str:
    return parse_system(_text(host, ("cat", "/etc/os-release")))


def _boot(host: Connection) -> str:
    boot = _text(host, ("cat", "/proc/sys/kernel/random/boot_id")).strip()
    first = _text(host, ("cat", "/proc/1/stat")).rpartition(")")[2].split()
    return f"{boot}-{first[19] if len(first) > 19 else '0'}"


def _free(host: Connection) -> dict[str, int]:
    paths = ("/", "/var")
    return parse_free(_text(host, ("df", "-B1", "--output=avail", "--", *paths)), paths)


def _dropped(host: Connection) -> tuple[str, ...]:
    patterns = [word for suffix in _DROPPED for word in ("-o", "-name", f"*{suffix}")][1:]
    places = ("/etc/docker", "/etc/default", "/etc/containerd", "/etc/init.d")
    argv = ("find", *places, "-maxdepth", "1", "-type", "f", "(", *patterns, ")", "-printf", "%p\\0")
    return tuple(sorted(path for path in _text(host, argv).split("\0") if path))


def _index_stale(host: Connection) -> bool:
    week_old = ("find", "/var/lib/apt/lists", "-maxdepth", "0", "-mmin", "+10080", "-printf", "stale")
    return _text(host, week_old) == "stale"


def _apt_busy(host: Connection) -> tuple[str, ...]:
    text = _text(host, ("systemctl", "show", "--property=Id,ActiveState,SubState", "--", *_APT_UNITS))
    busy = []
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        # unattended-upgrades.service only waits for the shutdown; its work is done by the apt-daily units
        if values.get("ActiveState") == "activating" or values.get("SubState") == "start":
            busy.append(values.get("Id", ""))
    return tuple(busy)


def _text(host: Connection, argv: tuple[str, ...]) -> str:
    return host.run(Command(argv=argv, privileged=False, timeout_s=30)).stdout.text
