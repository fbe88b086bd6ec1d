"""Which processes make up a control plane, in which order, with which environment."""

from __future__ import annotations

import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.api.token import ensure_secret
from orchestrator.settings.settings import Settings, environment_of
from orchestrator.up import redis_server
from orchestrator.up.child import Program
from orchestrator.up.place import write_private_text
from tasks.connection import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedRedis:
    """The Redis that belongs to this control plane."""

    program: Path
    port: int
    password: Secret
    #: address other machines' agents reach it at; "" for loopback only
    listen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `dockwave up` was asked for, everything settled."""

    settings: Settings
    #: the embedded Redis; None when the broker is somebody else's
    redis: EmbeddedRedis | None
    #: gateway pools to serve from this machine
    pools: tuple[str, ...]
    #: hosts of the inventory that are this machine
    agents: tuple[str, ...]


def stages(wanted: Wanted) -> Sequence[Sequence[Program]]:
    """Redis first; then what needs it."""
    settings = wanted.settings
    first = [_redis(wanted.redis, settings.data_dir)] if wanted.redis else []
    environ = os.environ | environment_of(settings)
    rest = [_orchestrator(settings, environ), _flower(settings, environ)]
    rest += [_worker(settings, environ, "--gateway", pool) for pool in wanted.pools]
    rest += [_worker(settings, environ, "--host", name) for name in wanted.agents]
    return [stage for stage in (first, rest) if stage]


def _redis(redis: EmbeddedRedis, data_dir: Path) -> Program:
    conf = data_dir / "redis" / "redis.conf"
    text = redis_server.configuration(
        directory=data_dir / "redis",
        port=redis.port,
        password=redis.password,
        listen=[redis.listen] if redis.listen else [],
    )
    write_private_text(conf, text)
    url = redis_server.broker_url("127.0.0.1", redis.port, redis.password)
    return Program(
        name="redis",
        argv=(str(redis.program), str(conf)),
        environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        log=data_dir / "logs" / "redis.log",
        healthy=lambda: _ping(url),
    )


def _ping(url: Secret) -> bool:
    import redis  # noqa: PLC0415 - the supervisor's other half of the time needs no client

    try:
        with redis.Redis.from_url(url.reveal(), socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def answers(url: str) -> Callable[[], bool]:
    """Whether an HTTP address answers 200."""

    def ask() -> bool:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url, timeout=1) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError, ValueError):
            return False

    return ask


def own_url(settings: Settings) -> str:
    """The API this machine serves, as seen from this machine."""
    address = settings.api_address
    if address in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        address = "127.0.0.1"
    return f"http://{f'[{address}]' if ':' in address else address}:{settings.api_port}"


def _orchestrator(settings: Settings, environ: Mapping[str, str]) -> Program:
    return Program(
        name="orchestrator",
        argv=(sys.executable, "-m", "orchestrator.cli", "orchestrator"),
        environ=environ,
        log=settings.data_dir / "logs" / "orchestrator.log",
        healthy=answers(f"{own_url(settings)}/healthz"),
    )


def _worker(settings: Settings, environ: Mapping[str, str], option: str, name: str) -> Program:
    kind = "gateway" if option == "--gateway" else "agent"
    return Program(
        name=f"{kind} {name}",
        argv=(sys.executable, "-m", "workers", "run", option, name),
        environ=environ,
        log=settings.data_dir / "logs" / f"{kind}-{name}.log",
        healthy=lambda: True,  # its orders prove it; a worker that dies at once is seen by its exit
        stop_s=15.0,
    )


def _flower(settings: Settings, environ: Mapping[str, str]) -> Program:
    program = flower_command(settings, environ)
    return Program(
        name="flower",
        argv=program[0],
        environ=program[1],
        log=settings.data_dir / "logs" / "flower.log",
        healthy=answers(f"http://{settings.flower_address}:{settings.flower_port}/healthcheck"),
        stop_s=5.0,
    )


def flower_command(settings: Settings, environ: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Argv and environment of Flower: read-only, behind a password that no process list shows."""
    password = ensure_secret(settings.flower_password_file, "Flower password")
    config = Path(__file__).with_name("flowerconfig.py")
    argv = (
        sys.executable, "-m", "celery", "--quiet", "flower",
        f"--conf={config}",
        f"--address={settings.flower_address}",
        f"--port={settings.flower_port}",
        "--read_only=True",
        "--enable_events=False",
    )  # fmt: skip
    ours = {
        "CELERY_BROKER_URL": settings.broker_url.reveal(),
        "FLOWER_BASIC_AUTH": f"{settings.flower_user}:{password.reveal()}",
        "FLOWER_COOKIE_SECRET": secrets.token_urlsafe(48),
    }
    kept = {name: value for name, value in environ.items() if not name.startswith("FLOWER_")}
    return argv, kept | ours
