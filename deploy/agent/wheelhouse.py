"""A wheelhouse: Dockwave's own wheel and every wheel an agent needs, by the hashes of requirements-agent.lock."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
LOCK = TREE / "requirements-agent.lock"
#: what the wheel is made of; other files of the tree do not change it
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "tasks", "workers", "orchestrator")


def build(folder: Path, *, python: str) -> Path:
    """Fill `folder` with wheels for CPython `python` ("3.13") on this machine's processor; give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _own_wheel(folder)
    if not _complete(folder, python):
        _dependencies(folder, python)
        _stamp(folder, python).touch()
    return folder


def _own_wheel(folder: Path) -> None:
    """Build Dockwave's wheel from a copy, so that the tree stays as it is."""
    for old in folder.glob("dockwave-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="dockwave-wheel-") as scratch:
        copy = Path(scratch)
        for name in SOURCES:
            source = TREE / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, copy / name)
        argv = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(copy),
        ]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=300)


def _dependencies(folder: Path, python: str) -> None:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    argv += ["--only-binary=:all:", f"--python-version={python}", "--implementation=cp", "--require-hashes"]
    argv += [f"--requirement={LOCK}", f"--dest={folder}"]
    subprocess.run(argv, check=True, timeout=600)


def _stamp(folder: Path, python: str) -> Path:
    return folder / f".complete-{python}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"


def _complete(folder: Path, python: str) -> bool:
    return _stamp(folder, python).exists()
