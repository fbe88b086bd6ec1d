"""A lab host after its upgrade to 26.1, and the two ways back from there."""

from __future__ import annotations

from typing import Any

from tasks.engine.cached import Cache
from tasks.engine.goal import Goal
from tasks.engine.rollback import RollbackParams
from tasks.engine.rollback_facts import RollbackFacts
from tasks.engine.transaction import Simulation, parse_simulation
from tasks.engine.upgrade import PROCEDURE as UPGRADE
from tasks.engine.upgrade import UpgradeParams
from tests.tasks.engine.world import NEW, OLD, SNAPSHOT_DIR, after, captured, lab_facts, setting

BEFORE = lab_facts("26.1")
UPGRADED = after(
    BEFORE,
    UPGRADE.plan(
        BEFORE,
        UpgradeParams(version="26.1", allow_major=True, allow_container_stop=True),
        setting(),
    ).steps,
)
TO_SNAPSHOT = RollbackParams(snapshot_id="c1")
TO_ARCHIVE = RollbackParams(packages=OLD)
DEBS = {name: {"file": f"{name}.deb", "size_bytes": 1, "sha256": "0" * 64} for name in NEW}
#: what apt says about going back
DOWN = captured("simulate-downgrade.txt")


def upgraded(**changes: Any) -> RollbackFacts:
    """The host, with what is changed of it."""
    values = UPGRADED.model_dump() | {"cache": Cache(directory=SNAPSHOT_DIR), "obtainable": DEBS}
    return RollbackFacts.model_validate(values | changes)


def from_archive(simulation: str = DOWN) -> RollbackFacts:
    """The host, whose archive has the older versions and says this about going back to them."""
    resolution = {
        "target": {**NEW, **OLD},
        "simulation": Simulation(ok=True, changes=parse_simulation(simulation)),
        "downgrades": tuple(OLD),
    }
    return upgraded(resolution=resolution)


AT_GOAL = upgraded(goal=Goal(attempt="c1-1-0123abcd", snapshot=BEFORE, cache=UPGRADED.cache))
FROM_ARCHIVE = from_archive()
