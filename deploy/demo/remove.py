"""Takes the demo down: control plane, hosts, networks, the outer engine if the lab started it, and all files."""

from __future__ import annotations

import shutil

from deploy.demo import places
from deploy.lab import fleet
from deploy.lab.places import cache_dir, data_dir


def remove() -> int:
    """Remove every trace; safe when there is nothing."""
    if (places.TREE / ".venv" / "bin" / "dockwave").exists() and places.CONTROL.exists():
        places.dockwave("down", check=False)
    if places.LAB.exists():
        fleet.down(places.LAB)
    if not data_dir().exists():
        # the image stays while another fleet of this machine lives: it would have to be built again for that one
        shutil.rmtree(cache_dir(), ignore_errors=True)
    for folder in (places.CONTROL, places.LAB):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.exists() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    places.say("The demo is gone; Debian packages it installed stay.")
    return 0
