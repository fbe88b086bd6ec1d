"""`dockwave down`: stops what this data directory's supervisor started, and nothing else."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.up.place import UpState, forget, read_state
from orchestrator.up.process_id import ProcessId
from tasks.errors import DockwaveError

#: seconds a supervisor has to stop its children in order
STOP_S = 45.0
#: seconds orphans have between being asked and being killed
ORPHAN_S = 10.0


def down(data_dir: Path, say: Callable[[str], None]) -> bool:
    """Stop everything recorded there; False when nothing was running."""
    state = read_state(data_dir)
    if state is None:
        return False
    running = state.supervisor.alive() or any(child.alive() for child in state.children.values())
    if state.supervisor.alive():
        _stop_supervisor(state, say)
    _stop_all(state.children, say)
    forget(data_dir)
    return running


def running_state(data_dir: Path) -> UpState | None:
    """The state of a supervisor that is alive now; None otherwise, whatever a stale file says."""
    state = read_state(data_dir)
    return state if state is not None and state.supervisor.alive() else None


def clear_leftovers(data_dir: Path, say: Callable[[str], None]) -> None:
    """Stop children whose supervisor was killed; called with the directory's lock held."""
    state = read_state(data_dir)
    if state is None:
        return
    say(f"An earlier `dockwave up` (process {state.supervisor.pid}) ended without cleaning up; doing it now.")
    _stop_all(state.children, say)
    forget(data_dir)


def _stop_supervisor(state: UpState, say: Callable[[str], None]) -> None:
    supervisor = state.supervisor
    say(f"Stopping Dockwave (process {supervisor.pid}).")
    supervisor.send(signal.SIGTERM)
    if not supervisor.wait(STOP_S):
        say(f"It did not stop within {STOP_S:.0f} s; killing it.")
        supervisor.send(signal.SIGKILL)
        if not supervisor.wait(5):
            raise DockwaveError(f"Process {supervisor.pid} cannot be stopped", hint="Look at it with `ps`.")


def _stop_all(children: Mapping[str, ProcessId], say: Callable[[str], None]) -> None:
    left = {name: child for name, child in children.items() if child.alive()}
    for name, child in left.items():
        say(f"Stopping {name} (process {child.pid}), left over.")
        child.stop_group(signal.SIGTERM)
    for child in left.values():
        if not child.wait(ORPHAN_S):
            child.stop_group(signal.SIGKILL)
            child.wait(5)
