"""Fleets for lab tests.

Every fleet is its own (id, network, keys), so test processes can run side by side. ``DOCKWAVE_LAB_KEEP=1`` leaves the
fleets of a run alive for a look; ``python3 -m deploy.lab down --all`` removes them.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.lab import fleet as fleets
from deploy.lab import outer
from deploy.lab.fleet import Fleet

MakeFleet = Callable[..., Fleet]


@pytest.fixture(scope="session")
def outer_engine() -> Iterator[None]:
    """The outer engine lives as long as this test process, however many fleets come and go."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("the lab needs root on a Debian machine")
    with outer.in_use():
        outer.ensure()
        yield
    outer.stop_if_unused()


@pytest.fixture(scope="module")
def make_fleet(outer_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeFleet]:
    """Bring up fleets that go down with the test module: ``make_fleet("web-1", "db-1", data_root_mib=256)``."""
    states: list[Path] = []

    def make(*names: str, data_root_mib: int | None = None) -> Fleet:
        state = tmp_path_factory.mktemp("fleet")
        states.append(state)
        return fleets.up(names, state, data_root_mib=data_root_mib)

    yield make
    if os.environ.get("DOCKWAVE_LAB_KEEP") != "1":
        for state in states:
            fleets.down(state)
