"""`dockwave up`: from settings to a running control plane, in the foreground or detached."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.api.token import ensure_secret
from orchestrator.settings.settings import ENDPOINTS, Resolved
from orchestrator.up import ports, redis_server
from orchestrator.up.child import Child
from orchestrator.up.down import clear_leftovers
from orchestrator.up.place import (
    UpState,
    forget,
    open_data_dir,
    read_state,
    sole_supervisor,
    write_private_json,
    write_private_text,
    write_state,
)
from orchestrator.up.process_id import process_id
from orchestrator.up.programs import EmbeddedRedis, Wanted, own_url, stages
from orchestrator.up.supervisor import Supervisor
from tasks.errors import BadInput, DockwaveError

#: seconds `up --detach` waits for everything to answer
DETACH_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """Flags of `dockwave up` that are no settings."""

    #: address of this machine that agents on other hosts reach Redis at; "" for loopback only
    listen: str = ""
    #: gateway pools to serve from here
    pools: tuple[str, ...] = ("default",)
    #: hosts of the inventory that are this machine
    agents: tuple[str, ...] = ()


def up(resolved: Resolved, options: UpOptions, say: Callable[[str], None]) -> None:
    """Run until a signal comes; BadInput before anything was started, GaveUp when it cannot be kept up."""
    data_dir = resolved.settings.data_dir
    open_data_dir(data_dir)
    with sole_supervisor(data_dir):
        clear_leftovers(data_dir, say)
        wanted = settle(resolved, options)
        programs = stages(wanted)
        _publish(wanted)
        try:
            Supervisor(stages=programs, changed=_keeper(wanted, say), say=say).run()
        finally:
            forget(data_dir)
    say("Everything is stopped.")


def settle(resolved: Resolved, options: UpOptions) -> Wanted:
    """Choose Redis and ports; BadInput when something is missing or taken."""
    settings = resolved.settings
    ensure_secret(settings.token_file, "API token")
    ports.require_free(settings.api_address, settings.api_port, "the API", "--port-base or --api-port")
    ports.require_free(
        settings.flower_address, settings.flower_port, "Flower", "--port-base or --flower-port"
    )
    source = resolved.sources["broker_url"]
    redis = None
    if source == "default":
        password = ensure_secret(settings.data_dir / "redis.password", "Redis password")
        port = settings.port_base + 1
        listen = ports.agents_address(options.listen) if options.listen else ""
        redis = EmbeddedRedis(
            program=redis_server.find_program(), port=port, password=password, listen=listen
        )
        for address in filter(None, ("127.0.0.1", listen)):
            ports.require_free(address, port, "Redis", "--port-base")
        settings = replace(settings, broker_url=redis_server.broker_url("127.0.0.1", port, password))
    elif options.listen:
        raise BadInput(
            f"--listen opens the embedded Redis, but the broker is set by {source}",
            hint="Drop --listen, or unset the broker URL.",
        )
    return Wanted(
        settings=replace(settings, api_url=own_url(settings)),
        redis=redis,
        pools=options.pools,
        agents=options.agents,
    )


def _publish(wanted: Wanted) -> None:
    """Leave word for the command line and for agents elsewhere, in 0600 files."""
    settings = wanted.settings
    content = {
        "api_url": settings.api_url,
        "api_port": settings.api_port,
        "flower_port": settings.flower_port,
        "broker_url": settings.broker_url.reveal(),
    }
    write_private_json(settings.data_dir / ENDPOINTS, content)
    if wanted.redis is not None and wanted.redis.listen:
        url = redis_server.broker_url(wanted.redis.listen, wanted.redis.port, wanted.redis.password)
        write_private_text(settings.data_dir / "agent.env", f"DOCKWAVE_BROKER_URL={url.reveal()}\n")


def urls(wanted: Wanted) -> dict[str, str]:
    """What people want to know; passwords are named by their files."""
    settings = wanted.settings
    shown = {
        "API": f"{settings.api_url} (token: {settings.token_file})",
        "Flower": f"http://{settings.flower_address}:{settings.flower_port}"
        f" (user {settings.flower_user}, password: {settings.flower_password_file})",
    }
    if wanted.redis is not None:
        shown["Redis"] = f"127.0.0.1 port {wanted.redis.port} ({wanted.redis.program})"
        if wanted.redis.listen:
            shown["Agents"] = f"their environment: {settings.data_dir / 'agent.env'}"
    return shown


def _keeper(wanted: Wanted, say: Callable[[str], None]) -> Callable[[Sequence[Child], bool], None]:
    """Write every change down; say once that everything answers."""
    me = process_id(os.getpid())
    if me is None:
        raise DockwaveError("This process is not in /proc", hint="`dockwave up` needs a Linux /proc.")
    shown = urls(wanted)
    announced: list[bool] = []

    def changed(children: Sequence[Child], healthy: bool) -> None:
        running = {
            child.program.name: child.identity
            for child in children
            if child.process is not None and child.identity is not None
        }
        restarts = {child.program.name: max(0, child.restarts) for child in children}
        state = UpState(supervisor=me, healthy=healthy, children=running, restarts=restarts, urls=shown)
        write_state(wanted.settings.data_dir, state)
        if healthy and not announced:
            announced.append(True)
            for name, url in shown.items():
                say(f"{name}: {url}")
            say("Dockwave is up. Ctrl-C or `dockwave down` stops it.")

    return changed


def detach(resolved: Resolved, options: UpOptions, say: Callable[[str], None]) -> UpState:
    """Start the supervisor in a session of its own and return when everything answers."""
    data_dir = resolved.settings.data_dir
    open_data_dir(data_dir)
    with sole_supervisor(data_dir):
        clear_leftovers(data_dir, say)
        settle(resolved, options)  # refusals are for the person at the terminal, not for a log
    log = data_dir / "logs" / "up.log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    start = log.stat().st_size
    try:
        process = subprocess.Popen(
            _argv(options),
            env=os.environ | resolved.chosen | {"DOCKWAVE_DATA_DIR": str(data_dir)},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    deadline = time.monotonic() + DETACH_S
    while time.monotonic() < deadline and process.poll() is None:
        state = read_state(data_dir)
        if state is not None and state.healthy and state.supervisor.pid == process.pid:
            process.returncode = (
                0  # it lives on without us; without this, its Popen would warn of a child left behind
            )
            return state
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[start:][-4000:]
    if process.poll() is None:
        process.terminate()
        process.wait(60)
    raise DockwaveError(f"Dockwave did not come up:\n{said}", hint=f"Logs are in {data_dir / 'logs'}.")


def _argv(options: UpOptions) -> tuple[str, ...]:
    argv = [sys.executable, "-m", "orchestrator.cli", "up"]
    argv += ["--listen", options.listen] if options.listen else []
    argv += [word for pool in options.pools for word in ("--pool", pool)]
    argv += [word for name in options.agents for word in ("--agent", name)]
    return tuple(argv)
