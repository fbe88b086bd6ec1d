"""What people must say before an orchestrator starts on a database: it is heeded from the first tick on."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.service.alone import alone
from orchestrator.service.stopping import StopAll
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.store import Store
from tasks.errors import BadInput
from tasks.model import Mode
from tests.support.control import Control

RESTORED = StopAll(by="anna", reason="restored")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "dockwave.db"


@pytest.fixture
def control(sqlite_store: Store) -> Control:
    """A control plane on it."""
    return Control(sqlite_store)


def test_a_switch_thrown_before_the_orchestrator_starts_holds_back_its_first_tick(
    control: Control, database: Path
) -> None:
    own = control.apply(("web-1", "web-2"))
    # stopped, or killed and its lease run out
    control.clock.turn(60)
    with alone(f"sqlite:///{database}", control.clock) as service:
        switch = service.stop_all(RESTORED)
    assert switch.holds
    control.restart(dead_s=0)
    control.tick(3)
    assert not [order for order in control.outbox.sent if order.mode is Mode.APPLY]
    assert "thrown by anna" in control.service.why(own).headline
    control.service.release_all(StopAll(by="anna", reason="looked at"))
    control.tick(3)
    assert [order.mode for order in control.outbox.sent] == [Mode.APPLY]


def test_it_is_refused_while_an_orchestrator_works_on_the_database(control: Control, database: Path) -> None:
    with pytest.raises(BadInput) as caught, alone(f"sqlite:///{database}", control.clock):
        pass
    assert caught.value.code == "E_NOT_NOW"
    assert "--database-url" in caught.value.hint
    control.tick()
    assert control.lead.held, "the one at work keeps the lead"


def test_a_database_that_is_not_there_is_not_made(control: Control, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable), alone(f"sqlite:///{tmp_path}/slip.db", control.clock):
        pass
    assert not (tmp_path / "slip.db").exists()
