"""Installs what the demo or the tests need and this machine lacks, and says what and why.

Only Debian packages, only missing ones, and no service is started: the demo and the tests start their own, on their
own ports, and stop them again.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.setup.needs import NEEDS, Need, Purpose

DENY_SERVICES = Path("/usr/sbin/policy-rc.d")
EXIT_CANNOT = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The machine has what the purpose needs; the answer is the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.setup", description=__doc__)
    choices = [str(purpose) for purpose in Purpose]
    parser.add_argument(
        "purpose", choices=choices, nargs="?", default="lab", help="default: lab, which is all"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what is missing")
    options = parser.parse_args(arguments)
    lacking = missing(Purpose(options.purpose))
    for need in lacking:
        print(f"missing: {need.package} ({need.why})", flush=True)
    if not lacking:
        print(f"nothing is missing for: {options.purpose}")
        return 0
    if options.dry_run:
        return 0
    packages = [need.package for need in lacking]
    if obstacle := cannot_install():
        print(f"setup: {obstacle}; install by hand: {' '.join(packages)}", file=sys.stderr)
        return EXIT_CANNOT
    return install(packages)


def missing(purpose: Purpose) -> list[Need]:
    """What the machine lacks for this purpose."""
    return [need for need in NEEDS if purpose in need.purposes and not need.present()]


def cannot_install() -> str | None:
    """Why packages cannot be installed here; nothing when they can."""
    if shutil.which("apt-get") is None:
        return "this machine has no apt-get"
    if os.geteuid() != 0:
        return "only root may install packages"
    return None


def install(packages: Sequence[str]) -> int:
    """The packages are installed and no service was started; the answer is the exit status."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    wait = ("-o", "DPkg::Lock::Timeout=300")
    steps = (
        ["apt-get", "-q", *wait, "update"],
        ["apt-get", "-y", "-q", *wait, "install", "--no-install-recommends", *packages],
    )
    with services_denied():
        for step in steps:
            print(f"running: {' '.join(step)}", flush=True)
            done = subprocess.run(step, env=environment, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"setup: {' '.join(step)}: exit status {done.returncode}", file=sys.stderr)
                print((done.stdout + done.stderr)[-3000:], file=sys.stderr)
                return EXIT_CANNOT
    return 0


@contextmanager
def services_denied() -> Iterator[None]:
    """Maintainer scripts start no service meanwhile; a policy that was there before is left alone."""
    if DENY_SERVICES.exists():
        yield
        return
    DENY_SERVICES.write_text("#!/bin/sh\nexit 101\n")
    DENY_SERVICES.chmod(0o755)
    try:
        yield
    finally:
        DENY_SERVICES.unlink(missing_ok=True)
