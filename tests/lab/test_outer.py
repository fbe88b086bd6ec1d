"""The outer engine: whoever starts it waits for it exactly when it stops it too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab"), pytest.mark.timeout(180)]

BEGIN = "import os, pathlib; from deploy.lab import outer; outer.ensure()"
END = "outer.stop_if_unused()"
CHILDREN = "print(pathlib.Path(f'/proc/self/task/{os.getpid()}/children').read_text())"


def _played(*lines: str) -> subprocess.CompletedProcess[str]:
    """A Python that tells of every process it leaves behind without having waited for it."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", "\n".join(lines)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.fixture(autouse=True)
def _root_on_debian() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("the lab needs root on a Debian machine")


def test_who_starts_and_stops_the_engine_has_waited_for_it() -> None:
    done = _played(BEGIN, END, CHILDREN)
    assert done.stderr == ""
    assert done.stdout.strip() == "", "nobody is left to be waited for"


def test_who_starts_it_for_others_leaves_it_without_a_word() -> None:
    assert _played(BEGIN).stderr == ""
    stopped = _played(BEGIN, END)
    assert stopped.stderr == "", "and another process stops it as well"
