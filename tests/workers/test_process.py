"""A worker makes ready what it needs before it takes its first order."""

from __future__ import annotations

from pathlib import Path

from tasks.model import Transport
from workers.process import make_place
from workers.settings import read_settings


def test_an_agent_that_is_not_root_has_a_folder_for_its_lock(tmp_path: Path) -> None:
    """Its first changing order failed on a lock file in a folder nobody had made."""
    root = tmp_path / "state" / "dockwave" / "host"
    environ = {"DOCKWAVE_BROKER_URL": "redis://127.0.0.1/0", "DOCKWAVE_HOST_ROOT": str(root)}
    settings = read_settings(Transport.LOCAL, "h1", environ)
    make_place(settings)
    assert Path(settings.paths.lock).parent.stat().st_mode & 0o777 == 0o700
    make_place(settings)
