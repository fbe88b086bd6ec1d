"""The demo where no fleet can be built: a clean-up on the one engine that answers here, through the local socket.

It touches only objects it made itself, by their label: this may be somebody's own machine.
"""

from __future__ import annotations

import io
import os
import tarfile

import docker
from docker.errors import DockerException

from deploy.demo import places

LABEL = "dockwave.demo=true"
HOST = "this-machine"


def run_here() -> int:
    """Make a little garbage, plan, apply, and show that only that garbage went."""
    try:
        client = docker.DockerClient(base_url="unix:///var/run/docker.sock", version="auto", timeout=30)
        client.ping()
    except (DockerException, OSError) as error:
        raise SystemExit(
            f"The demo needs root on Debian (it then builds a fleet), or a Docker Engine that answers: {error}"
        ) from None
    places.say(
        "This is not root on Debian, so there is no fleet: the clean-up runs on the one engine found here"
    )
    print(f"It touches only objects labelled {LABEL}, which it makes now.")
    _litter(client)
    places.CONTROL.mkdir(mode=0o700, parents=True, exist_ok=True)
    # the journal of this host goes when the demo goes
    os.environ["XDG_STATE_HOME"] = str(places.CONTROL)
    inventory = places.CONTROL / "inventory.yaml"
    inventory.write_text(f"version: 1\nhosts:\n  {HOST}: {{connect: local}}\n")
    if places.dockwave("status", check=False) != 0:
        places.dockwave("up", "--detach", "--agent", HOST)
    places.dockwave(
        "run", "disk.cleanup", "-i", str(inventory), "--on", HOST, "--set", "targets=containers,dangling_images",
        "--set", "min_age_s=0", "--set", f"only_labels={LABEL}", "--reason", "demo", "--yes", "--allow-data-loss",
        "--watch",
    )  # fmt: skip
    places.dockwave("status")
    places.say("Done. `make demo-down` removes every trace.")
    return 0


def _litter(client: docker.DockerClient) -> None:
    """A few unused images without a name, and a container that never ran."""
    for number in range(3):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            info = tarfile.TarInfo(f"litter-{number}")
            info.size = 1 << 20
            tar.addfile(info, io.BytesIO(bytes([number]) * info.size))
        client.api.import_image_from_data(content.getvalue(), changes=["LABEL " + LABEL])
    newest = client.api.images(filters={"label": LABEL})[0]["Id"]
    client.api.create_container(newest, command=["/none"], labels={"dockwave.demo": "true"})
