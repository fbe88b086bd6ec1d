"""Application images without a registry: a static busybox, some ballast, and any age.

The archives are what ``docker save`` would write, made here, so an image can be as old as a test needs it.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.lab.command import LabError
from deploy.lab.host import Host

APPLETS = ("sh", "sleep", "cat", "echo", "ls", "touch", "true", "false", "httpd", "wget", "nc", "dd", "yes")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An image to be: run without arguments it sleeps, and it ends at once on SIGTERM."""

    #: ``name:tag``; none for a dangling image
    reference: str | None
    #: when its builder says it was built
    created: datetime = LONG_AGO
    #: labels of the image
    labels: Mapping[str, str] = field(default_factory=dict)
    #: bytes that do not compress, in a layer no other image shares
    ballast: int = 0


def load(host: Host, *apps: App) -> tuple[str, ...]:
    """The images are in the host's engine; the answer is their ids, in the order given."""
    data, ids = archive(*apps)
    host.docker("load", "--quiet", stdin=data)
    return ids


def archive(*apps: App) -> tuple[bytes, tuple[str, ...]]:
    """The images as one archive for ``docker load``, and the ids they will have."""
    base = _layer({"bin/busybox": (_busybox(), 0o755)}, {f"bin/{name}": "busybox" for name in APPLETS})
    files: dict[str, bytes] = {}
    manifest, ids = [], []
    for app in apps:
        layers = [base, _own_layer(app)]
        config = json.dumps(_config(app, layers)).encode()
        names = [f"{_sha256(layer)}/layer.tar" for layer in layers]
        files |= {f"{_sha256(config)}.json": config, **dict(zip(names, layers, strict=True))}
        tags = None if app.reference is None else [app.reference]
        manifest.append({"Config": f"{_sha256(config)}.json", "RepoTags": tags, "Layers": names})
        ids.append(f"sha256:{_sha256(config)}")
    files["manifest.json"] = json.dumps(manifest).encode()
    return _layer({name: (data, 0o644) for name, data in files.items()}, {}), tuple(ids)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _own_layer(app: App) -> bytes:
    own = {"etc/app": (f"{app.reference} {app.created}\n".encode(), 0o644)}
    if app.ballast:
        own["ballast"] = (os.urandom(app.ballast), 0o644)
    return _layer(own, {})


def _config(app: App, layers: list[bytes]) -> dict[str, object]:
    created = app.created.isoformat().replace("+00:00", "Z")
    return {
        "architecture": _architecture(),
        "os": "linux",
        "created": created,
        # exec: sleep is process 1, so a test sees its pid and a stop signal reaches it
        "config": {
            "Cmd": ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
            "Labels": dict(app.labels),
            "Env": ["PATH=/bin"],
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{_sha256(layer)}" for layer in layers],
        },
        "history": [{"created": created, "created_by": "dockwave lab"} for _ in layers],
    }


def _layer(files: Mapping[str, tuple[bytes, int]], links: Mapping[str, str]) -> bytes:
    """A tar archive that is the same, byte for byte, for the same content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as layer:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            layer.addfile(entry, io.BytesIO(data))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            layer.addfile(entry)
    return out.getvalue()


def _busybox() -> bytes:
    found = shutil.which("busybox")
    if found is None:
        raise LabError("busybox is not installed (package busybox-static); run: python3 -m deploy.setup")
    data = Path(found).read_bytes()
    if b"ld-linux" in data[:4096]:
        raise LabError(f"{found} needs shared libraries; install busybox-static: python3 -m deploy.setup")
    return data


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
