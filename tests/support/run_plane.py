"""Runs a control plane as a process of its own, for tests that kill it: DATABASE_URL BROKER_URL."""

from __future__ import annotations

import signal
import sys

from orchestrator.plane import ControlPlane


def main() -> None:
    """Run until killed."""
    ControlPlane(database_url=sys.argv[1], broker_url=sys.argv[2]).start()
    signal.pause()


if __name__ == "__main__":
    main()
