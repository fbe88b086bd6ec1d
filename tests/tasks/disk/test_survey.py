"""What a clean-up measures are the file systems it can free bytes on, and no others."""

from __future__ import annotations

import pytest

from tasks.connection import Command
from tasks.disk.survey import survey
from tasks.fake_engine import FakeEngine
from tests.tasks.disk.world import df, make_host

CONTAINERD_STORE = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
GRAPH_DRIVER = {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}


def _df(command: Command) -> str:
    return df(mount=command.argv[-1])


def _device(command: Command) -> str:
    return "2049\n" if command.argv[-1] == "/var/lib/docker" else "2050\n"


@pytest.mark.parametrize(
    ("info", "mounts"),
    [
        (GRAPH_DRIVER, ["/var/lib/docker"]),
        ({}, ["/var/lib/docker"]),
        (CONTAINERD_STORE, ["/var/lib/docker", "/var/lib/containerd"]),
    ],
    ids=["graph driver", "an engine that does not say", "containerd store"],
)
def test_containerds_disk_counts_only_where_images_live_on_it(
    info: dict[str, object], mounts: list[str]
) -> None:
    """Whatever else writes there would be taken for what the clean-up freed."""
    engine = FakeEngine(more_info=dict(info))
    host = make_host(engine, **{"df": _df, "stat --format=%d": _device})
    facts = survey(host, (), sizes=False)
    assert [system.mount for system in facts.file_systems] == mounts
