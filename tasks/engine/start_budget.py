"""Owns every start of the engine: how often systemd allows one, and the steps that make one.

docker.service may be started three times a minute, whoever starts it: a person, a package, or we. A fourth start is
refused and leaves the engine down, so a start is made only when the budget has room, or after it was given back once.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.engine.host_facts import START_WINDOW_S, HostFacts
from tasks.errors import Refused
from tasks.facts.units import CONTAINERD, DOCKER, SOCKET
from tasks.model import UndoClass
from tasks.procedure import RunStep

#: starts that may have been made in the window before another one is refused
_ROOM = 2


def refuse_if_spent(facts: HostFacts) -> None:
    """Refuse another start while the last minute has had two; systemd's own verdict is not waited for."""
    if facts.starts is None or len(facts.starts) < _ROOM:
        return
    wait_s = int(START_WINDOW_S - sorted(facts.starts)[-_ROOM]) + 1
    raise Refused(
        f"docker.service was started {len(facts.starts)} times in the last {START_WINDOW_S} s; "
        "systemd refuses the fourth start within a minute",
        code="E_START_LIMIT",
        hint=f"Try again in {wait_s} s, or look with engine.info why it was started so often.",
    )


def reload_step() -> RunStep:
    """Have systemd read its unit files again."""
    return _step("daemon-reload", "Have systemd read its unit files again", ("systemctl", "daemon-reload"))


def give_back_step() -> RunStep:
    """Give the start budget back, once in an attempt: the key can run only once."""
    argv = ("systemctl", "reset-failed", DOCKER, SOCKET)
    return _step("reset-failed", "Give the minute's start budget of docker.service back", argv)


def stop_step() -> RunStep:
    """Stop the engine and the socket that would start it again."""
    argv = ("systemctl", "stop", SOCKET, DOCKER)
    return _step("stop", "Stop docker.socket and docker.service", argv, timeout_s=300)


def restart_steps(*, containerd: bool = False, reset: bool = True) -> tuple[RunStep, ...]:
    """Restart the engine; containerd first when asked, because restarting it can leave dockerd stopped.

    The restart is only queued: a daemon that never says it is ready would hold the step for ever, while the next
    reading of the host waits for it with a limit.
    """
    steps = [reload_step()]
    if reset:
        steps.append(give_back_step())
    if containerd:
        first = ("systemctl", "restart", CONTAINERD)
        steps.append(_step("restart-containerd", "Restart containerd.service", first, timeout_s=300))
    argv = ("systemctl", "--no-block", "restart", DOCKER)
    steps.append(_step("restart", "Restart docker.service", argv, replan=True))
    return tuple(steps)


def start_steps() -> tuple[RunStep, ...]:
    """Have the engine run what is installed, whether it is down or runs something older, with its whole budget.

    `systemctl restart` starts what is down, and pulls docker.socket in.
    """
    argv = ("systemctl", "--no-block", "restart", DOCKER)
    return (reload_step(), give_back_step(), _step("start", "Start docker.service", argv, replan=True))


def _step(
    key: str, title: str, argv: Sequence[str], *, timeout_s: float = 60.0, replan: bool = False
) -> RunStep:
    return RunStep(
        key=key, title=title, argv=tuple(argv), undo=UndoClass.NONE, timeout_s=timeout_s, replan=replan
    )
