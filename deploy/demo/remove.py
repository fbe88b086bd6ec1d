"""Takes the demo down: control plane, hosts, networks, the outer engine if the lab started it, and all files."""

from __future__ import annotations

import shutil

from deploy.demo import places
from deploy.lab import fleet


def remove() -> int:
    """Remove every trace; safe when there is nothing."""
    if (places.TREE / ".venv" / "bin" / "dockwave").exists() and places.CONTROL.exists():
        places.dockwave("down", check=False)
    if places.LAB.exists():
        fleet.down(places.LAB)
    for folder in (places.CONTROL, places.LAB):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.exists() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    places.say("The demo is gone.")
    return 0
