"""`python -m tests.golden.renew [NAME...]`: record the scenes anew, after a decision was changed on purpose."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.store.store import Store
from tests.golden.recording import play, write
from tests.golden.scenes import SCENES


def main(names: Sequence[str]) -> int:
    """Write these recordings, or all of them."""
    for name in names or tuple(SCENES):
        with tempfile.TemporaryDirectory() as folder:
            store = Store.open(f"sqlite:///{Path(folder)}/dockwave.db")
            try:
                write(name, play(name, store))
            finally:
                store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
