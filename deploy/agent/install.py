#!/usr/bin/env python3
"""Runs on the host, as root: makes the agent's virtual environment from a wheelhouse and starts its unit.

    python3 install.py --host NAME --wheels DIR --unit dockwave-worker@.service < agent.env

The environment file is read from standard input (it holds the broker's password) and kept 0600. Running it again
upgrades the agent; an attempt in progress goes on, for it runs in units of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HOME = Path("/opt/dockwave")
SETTINGS = Path("/etc/dockwave")
UNITS = Path("/etc/systemd/system")


def main() -> int:
    """Install, start, and say what runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, help="the host's inventory name")
    parser.add_argument("--wheels", required=True, type=Path)
    parser.add_argument("--unit", required=True, type=Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("install.py: run it as root", file=sys.stderr)
        return 2
    environment = sys.stdin.read()
    if "DOCKWAVE_BROKER_URL=" not in environment:
        print("install.py: standard input must hold DOCKWAVE_BROKER_URL=…", file=sys.stderr)
        return 2
    _environment(options.wheels)
    _settings(environment)
    (UNITS / "dockwave-worker@.service").write_bytes(options.unit.read_bytes())
    unit = f"dockwave-worker@{options.host}.service"
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "enable", "--quiet", unit], check=True)
    subprocess.run(["systemctl", "restart", unit], check=True)
    state = subprocess.run(["systemctl", "is-active", unit], text=True, capture_output=True, check=False)
    print(f"{unit} is {state.stdout.strip()}")
    return 0 if state.returncode == 0 else 1


def _environment(wheels: Path) -> None:
    if not (HOME / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-index", f"--find-links={wheels}", "--upgrade"]
    own = [str(path) for path in wheels.glob("dockwave-*.whl")]
    # the same version from a changed tree must replace the old one; then come the dependencies it names now
    subprocess.run([*pip, "--no-deps", "--force-reinstall", *own], check=True)
    subprocess.run([*pip, "dockwave"], check=True)


def _settings(environment: str) -> None:
    SETTINGS.mkdir(mode=0o700, exist_ok=True)
    path = SETTINGS / "worker.env"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(environment)


if __name__ == "__main__":
    sys.exit(main())
