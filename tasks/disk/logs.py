"""Bytes that containers' logs take on disk, and directories as `du` counts them."""

from __future__ import annotations

import posixpath
import re

from pydantic import Field

from tasks.connection import Command, Connection
from tasks.record import Record

_LIMIT = 16 << 20
_BLOCK = 512
_CONTAINER = re.compile(r"[0-9a-f]{64}")


class ContainerLog(Record):
    """The log files of one container, the rotated ones included."""

    #: container id
    container: str
    #: the file written now; "" when only rotated ones are left
    path: str = ""
    size_bytes: int = Field(ge=0)
    #: what they take on disk; far less than the size when a file has holes
    blocks_bytes: int = Field(ge=0)
    files: int = 0


def read_logs(host: Connection, root: str) -> tuple[ContainerLog, ...]:
    """Every container's logs below the data root; () when there is none or it cannot be read.

    `find` follows no symbolic link and stays on the file system, so a container cannot point it elsewhere.
    """
    where = posixpath.join(root, "containers")
    argv = ("find", where, "-xdev", "-mindepth", "2", "-maxdepth", "3", "-type", "f")
    names = ("(", "-name", "*-json.log*", "-o", "-name", "container.log*", ")")
    command = Command(argv=(*argv, *names, "-printf", r"%s %b %P\0"), output_limit_bytes=_LIMIT)
    result = host.run(command)
    return parse_logs(result.stdout.text, where) if result.ok else ()


def parse_logs(text: str, where: str) -> tuple[ContainerLog, ...]:
    """Logs by container from `size blocks path` records that end in a zero byte."""
    found: dict[str, ContainerLog] = {}
    for record in text.split("\0"):
        size, _, rest = record.strip("\n").partition(" ")
        blocks, _, path = rest.partition(" ")
        container = path.partition("/")[0]
        if not (size.isdigit() and blocks.isdigit() and _CONTAINER.fullmatch(container)):
            continue
        known = found.get(container, ContainerLog(container=container, size_bytes=0, blocks_bytes=0))
        current = path.endswith(("-json.log", "/container.log"))
        found[container] = ContainerLog(
            container=container,
            path=posixpath.join(where, path) if current else known.path,
            size_bytes=known.size_bytes + int(size),
            blocks_bytes=known.blocks_bytes + int(blocks) * _BLOCK,
            files=known.files + 1,
        )
    return tuple(found[container] for container in sorted(found))


def read_directory_sizes(host: Connection, root: str, timeout_s: float) -> dict[str, int] | None:
    """Bytes of each directory directly below `root`; None when du could not walk it.

    -x keeps du out of the merged views of running containers, which would count their layers again.
    """
    walk = ("du", "--one-file-system", "--block-size=1", "--max-depth=1", "--", root)
    result = host.run(Command(argv=("ionice", "-c", "3", "nice", *walk), timeout_s=timeout_s))
    sizes = parse_du(result.stdout.text, root)
    # files that vanish under du make it exit 1 with a usable answer
    return sizes or None


def parse_du(text: str, root: str) -> dict[str, int]:
    """Bytes by directory name from du's lines; the total is not among them."""
    sizes: dict[str, int] = {}
    total = 0
    for line in text.splitlines():
        number, tab, path = line.partition("\t")
        if not (number.isdigit() and tab):
            continue
        if posixpath.normpath(path) == posixpath.normpath(root):
            total = int(number)
        else:
            sizes[posixpath.basename(path)] = int(number)
    if total:
        sizes["(files)"] = max(0, total - sum(sizes.values()))
    return sizes
