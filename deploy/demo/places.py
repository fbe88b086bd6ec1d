"""Where the demo keeps its things, and how it speaks; standard library only, so that `down` works without anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
#: the fleet: keys, known hosts, inventory
LAB = TREE / ".lab" / "demo"
#: the control plane: database, token, Redis, logs
CONTROL = TREE / ".dockwave" / "demo"
#: API, Redis and Flower of the demo, apart from a control plane of one's own
PORT_BASE = 8790


def say(text: str) -> None:
    """One line for the person watching."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def environment() -> dict[str, str]:
    """The environment in which `dockwave` means the demo's control plane."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKWAVE_")}
    return kept | {"DOCKWAVE_DATA_DIR": str(CONTROL), "DOCKWAVE_PORT_BASE": str(PORT_BASE)}


def dockwave(*argv: str, check: bool = True) -> int:
    """Run the command line as a person would, its words shown first; the exit code."""
    program = TREE / ".venv" / "bin" / "dockwave"
    shown = " ".join(word if word.replace("-", "").isalnum() else repr(word) for word in argv)
    print(f"$ dockwave {shown}", flush=True)
    done = subprocess.run([str(program), *argv], env=environment(), check=False)
    if check and done.returncode != 0:
        raise SystemExit(f"dockwave {argv[0]} exited {done.returncode}; logs are in {CONTROL / 'logs'}")
    return done.returncode


def is_root_on_debian() -> bool:
    """Whether the lab can be built here."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def follow(argv: Sequence[str]) -> None:
    """Run a program of the tree with the interpreter that runs us."""
    subprocess.run([sys.executable, *argv], cwd=TREE, check=True)
