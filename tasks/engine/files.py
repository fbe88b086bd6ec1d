"""The configuration files an engine starts from, with bytes and mode, and the way back to them."""

from __future__ import annotations

from tasks.connection import Command, Connection
from tasks.procedure import Record, WriteStep

DAEMON_JSON = "/etc/docker/daemon.json"
#: files that are captured, also when they are absent
SINGLE_FILES = (DAEMON_JSON, "/etc/default/docker", "/etc/containerd/config.toml")
#: directories whose files are captured, one level deep
DROP_INS = tuple(
    f"/etc/systemd/system/{unit}.d" for unit in ("docker.service", "docker.socket", "containerd.service")
)
#: bytes of one file kept at most; a larger one makes the snapshot incomplete, which refuses
CAP_BYTES = 256 << 10


class ConfigFile(Record):
    """One file as it was."""

    path: str
    mode: int
    content: bytes
    #: it is larger than what is kept, so it could not be written back
    truncated: bool = False


def parse_found(text: str) -> tuple[tuple[int, str], ...]:
    """Mode and path of each file, from find's NUL-separated records; paths we could not write to are left out."""
    found = []
    for entry in text.split("\0"):
        mode, _, path = entry.partition("\t")
        if path.startswith("/") and "\n" not in path:
            try:
                found.append((int(mode, 8), path))
            except ValueError:
                continue
    return tuple(sorted(found, key=lambda item: item[1]))


def read_files(host: Connection) -> tuple[ConfigFile, ...]:
    """Read every configuration file the engine starts from, sorted by path; absent ones are left out."""
    argv = ("find", "-L", *SINGLE_FILES, *DROP_INS, "-maxdepth", "1", "-type", "f", "-printf", "%m\\t%p\\0")
    listed = parse_found(host.run(Command(argv=argv, timeout_s=30)).stdout.text)
    return tuple(_read(host, mode, path) for mode, path in listed)


def restore_steps(before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...]) -> tuple[WriteStep, ...]:
    """Steps that write back what differs and remove what was not there."""
    then, present = {file.path: file for file in before}, {file.path: file for file in now}
    steps = []
    for path in sorted(then.keys() | present.keys()):
        old, new = then.get(path), present.get(path)
        if old == new or (old is not None and old.truncated):
            continue
        verb = "Restore" if old is not None else "Remove"
        steps.append(
            WriteStep(
                key=f"restore:{path}",
                title=f"{verb} {path}",
                path=path,
                content=None if old is None else old.content,
                mode=0o644 if old is None else old.mode,
            )
        )
    return tuple(steps)


def differing(before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...]) -> tuple[str, ...]:
    """One line for each file that is not as it was."""
    then, present = {file.path: file for file in before}, {file.path: file for file in now}
    lines = []
    for path in sorted(then.keys() | present.keys()):
        old, new = then.get(path), present.get(path)
        if old is None:
            lines.append(f"{path} was not there")
        elif new is None:
            lines.append(f"{path} is gone")
        elif old.content != new.content:
            lines.append(f"{path} has other content")
        elif old.mode != new.mode:
            lines.append(f"{path} has mode {new.mode:04o}, was {old.mode:04o}")
    return tuple(lines)


def find_file(files: tuple[ConfigFile, ...], path: str) -> ConfigFile | None:
    """The file at a path; None when it is absent."""
    return next((file for file in files if file.path == path), None)


def _read(host: Connection, mode: int, path: str) -> ConfigFile:
    command = Command(argv=("cat", "--", path), timeout_s=30, output_limit_bytes=CAP_BYTES)
    seen = host.run(command).stdout
    return ConfigFile(path=path, mode=mode, content=seen.data, truncated=seen.truncated)
