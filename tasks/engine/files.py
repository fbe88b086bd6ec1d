"""The configuration files an engine starts from, with bytes and mode, and the way back to them."""

from __future__ import annotations

import json

from tasks.connection import Command, Connection
from tasks.model import UndoClass
from tasks.procedure import RunStep, Step, WriteStep
from tasks.record import Record

DAEMON_JSON = "/etc/docker/daemon.json"
#: files that are captured, also when they are absent
SINGLE_FILES = (DAEMON_JSON, "/etc/default/docker", "/etc/containerd/config.toml")
#: directories whose files are captured, one level deep
DROP_INS = tuple(
    f"/etc/systemd/system/{unit}.d" for unit in ("docker.service", "docker.socket", "containerd.service")
)
#: bytes of one file kept at most; a larger one makes the snapshot incomplete, which refuses
CAP_BYTES = 256 << 10


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


_JSON = json.JSONDecoder(parse_constant=_no_number)
_JSON_SPACE = " \t\r\n"


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


def json_fault(files: tuple[ConfigFile, ...]) -> str:
    """Why daemon.json is no JSON object; "" when it is. Nobody reads on after its first value, as engines before 23."""
    content = next((file.content for file in files if file.path == DAEMON_JSON and not file.truncated), None)
    if content is None:
        return ""
    text = content.decode(errors="replace").lstrip(_JSON_SPACE)
    try:
        value, _ = _JSON.raw_decode(text)
    except ValueError as error:
        return str(error) if text else "it is empty"
    return "" if value is None or isinstance(value, dict) else f"it holds a {type(value).__name__}, no object"


def restore_steps(before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...]) -> tuple[WriteStep, ...]:
    """Steps that write back what differs and remove what was not there."""
    then = {file.path: file for file in before}
    return tuple(
        WriteStep(
            key=f"restore:{path}",
            title=f"{'Restore' if path in then else 'Remove'} {path}",
            path=path,
            content=then[path].content if path in then else None,
            mode=then[path].mode if path in then else 0o644,
        )
        for path in _to_restore(before, now)
    )


def copy_back_steps(
    before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...], directory: str
) -> tuple[Step, ...]:
    """The same from the copies in a snapshot directory, so that no content travels with a plan."""
    then = {file.path for file in before}
    return tuple(
        RunStep(
            key=step.key,
            title=step.title,
            argv=("cp", "--archive", "--remove-destination", "--", f"{directory}{step.path}", step.path),
        )
        if step.path in then
        else step
        for step in restore_steps(before, now)
    )


def keep_step(files: tuple[ConfigFile, ...], directory: str) -> RunStep:
    """Copy configuration files, with owner and mode, below the snapshot directory."""
    paths = tuple(file.path for file in files)
    return RunStep(
        key="keep-config",
        title=f"Keep {', '.join(paths)}",
        argv=("cp", "--archive", "--dereference", "--parents", "--", *paths, "."),
        cwd=directory,
        undo=UndoClass.NONE,
    )


def _to_restore(before: tuple[ConfigFile, ...], now: tuple[ConfigFile, ...]) -> tuple[str, ...]:
    then, present = {file.path: file for file in before}, {file.path: file for file in now}
    return tuple(
        path
        for path in sorted(then.keys() | present.keys())
        if then.get(path) != present.get(path) and not (path in then and then[path].truncated)
    )


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
