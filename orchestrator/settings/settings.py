"""Where Dockwave finds everything: one frozen record from flags, DOCKWAVE_* environment, one file, and defaults.

The first source that has a value wins: flag > environment > file > what a running `dockwave up` left in its data
directory > default. Every value remembers its source (`dockwave config show`), and every file is refused as a whole
when one key in it is unknown. Needs only what an agent has installed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from orchestrator.settings.file import FoundFile, read_private_json, read_settings_file
from orchestrator.settings.values import PARSERS, default_data_dir
from tasks.connection import Secret
from tasks.errors import BadDocument, BadInput, Problem

#: prefix of the environment variables: DOCKWAVE_API_PORT sets api_port
PREFIX = "DOCKWAVE_"

#: written by `dockwave up` in its data directory: where its API, broker and Flower are; mode 0600
ENDPOINTS = "endpoints.json"

#: environment variables with our prefix that are no settings of the control plane: passed on to workers as they are
NOT_SETTINGS = frozenset({"CONFIG", "NODE", "NUMBER", "POLL_S", "MAX_CONNECTIONS", "IDLE_S"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of every process; secrets print as ***."""

    #: the control plane's own files: database, token, Redis, logs; never /var/lib/dockwave, the hosts' journal
    data_dir: Path
    #: SQLAlchemy URL; SQLite in the data directory unless set
    database_url: Secret
    #: Redis that carries orders and reports
    broker_url: Secret
    #: where the orchestrator listens
    api_address: str
    api_port: int
    #: where the command line finds the orchestrator
    api_url: str
    #: bearer token of the API, mode 0600
    token_file: Path
    flower_address: str
    flower_port: int
    flower_user: str
    #: password of Flower's basic auth, mode 0600
    flower_password_file: Path
    #: first of the three ports of `dockwave up`: API, Redis, Flower
    port_base: int
    #: inventory files used when no -i is given, separated by ":"
    inventory: str
    log_level: str
    #: orders one worker does at the same time; "" leaves it to the kind of worker
    concurrency: str
    #: how many hosts may be away at a time, all campaigns together; "" for no limit
    fleet_budget: str
    #: seconds for which a finished campaign keeps a host nobody hears of beyond the longest its attempt may take
    lease_for_s: int
    #: channels by which people are told, as JSON; "" for none
    notify_channels: str
    #: who may decide by a token of their own, and their groups, as JSON; "" for nobody
    people: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The settings and, for each, where its value came from."""

    settings: Settings
    #: setting -> "flag", "environment DOCKWAVE_X", "file PATH:LINE", "dockwave up", "default"
    sources: Mapping[str, str]
    #: environment variables with our prefix that name no setting of the control plane
    foreign: tuple[str, ...] = ()
    #: variables for child processes: only what a flag, the environment or a file has set
    chosen: Mapping[str, str] = field(default_factory=dict, repr=False)


def resolve(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
    *,
    beside_running: bool = True,
) -> Resolved:
    """Settle every setting; BadDocument lists all that cannot be used, with file and line.

    Without `beside_running`, what an earlier `dockwave up` left behind does not count: a new one is being started.
    """
    env = os.environ if environ is None else environ
    found = read_settings_file(config, env, KNOWN)
    layers = [_from_flags(flags or {}), _from_environment(env), _from_file(found)]
    given: dict[str, tuple[Any, str]] = {}
    for layer in reversed(layers):
        given |= layer
    parsed, problems = _parse(given, found)
    if problems:
        raise BadDocument(tuple(problems))
    sources = {name: source for name, (_, source) in given.items()}
    values, sources = _complete(parsed, sources, env, beside_running=beside_running)
    known = {PREFIX + name.upper() for name in KNOWN} | {PREFIX + name for name in NOT_SETTINGS}
    foreign = tuple(sorted(name for name in env if name.startswith(PREFIX) and name not in known))
    chosen = {PREFIX + name.upper(): _text(values[name]) for name in parsed}
    return Resolved(settings=Settings(**values), sources=sources, foreign=foreign, chosen=chosen)


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as DOCKWAVE_* variables: how `dockwave up` tells its children, never by argv."""
    values = {PREFIX + item.name.upper(): _text(getattr(settings, item.name)) for item in fields(Settings)}
    return {name: value for name, value in values.items() if value}


def masked(value: object) -> str:
    """The value for a screen: passwords in URLs are replaced by ***."""
    text = _text(value)
    if not isinstance(value, Secret):
        return text
    parts = urlsplit(text)
    if parts.password is None:
        return text
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{place}"))


def _text(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    return {
        name: (value, f"flag --{name.replace('_', '-')}")
        for name, value in flags.items()
        if value is not None
    }


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    return {name: (env[key], f"environment {key}") for name in KNOWN if (key := PREFIX + name.upper()) in env}


def _from_file(found: FoundFile | None) -> dict[str, tuple[Any, str]]:
    if found is None:
        return {}
    return {name: (value, f"file {found.path}:{found.lines[name]}") for name, value in found.values.items()}


def _parse(
    given: Mapping[str, tuple[Any, str]], found: FoundFile | None
) -> tuple[dict[str, Any], list[Problem]]:
    parsed: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, (value, source) in given.items():
        from_file = source.startswith("file ") and found is not None
        base = found.path.parent if from_file and found is not None else Path.cwd()
        try:
            parsed[name] = PARSERS[name](value, base)
        except ValueError as error:
            place = found.lines[name] if from_file and found is not None else 0
            file = str(found.path) if from_file and found is not None else ""
            what = f"setting {name} ({source}): {error}"
            fix = "`dockwave config show` lists every setting and its source"
            problems.append(Problem(file=file, line=place, column=1 if place else 0, what=what, fix=fix))
    return parsed, problems


def _complete(
    parsed: dict[str, Any], sources: dict[str, str], env: Mapping[str, str], *, beside_running: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = dict(parsed)

    def fill(source: str, **defaults: Any) -> None:
        for name, value in defaults.items():
            if name not in values:
                values[name] = value
                sources[name] = source

    fill("default", data_dir=default_data_dir(env))
    data_dir: Path = values["data_dir"]
    if beside_running:
        fill(f"dockwave up ({data_dir / ENDPOINTS})", **read_endpoints(data_dir, frozenset(parsed)))
    fill("default", port_base=7420, api_address="127.0.0.1", flower_address="127.0.0.1")
    base: int = values["port_base"]
    fill("default", api_port=base, flower_port=base + 2, flower_user="dockwave")
    host = values["api_address"] if values["api_address"] not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - compared, not bound
    fill(
        "default",
        database_url=Secret(f"sqlite:///{data_dir / 'dockwave.db'}"),
        broker_url=Secret(f"redis://127.0.0.1:{base + 1}/0"),
        api_url=f"http://{f'[{host}]' if ':' in host else host}:{values['api_port']}",
        token_file=data_dir / "token",
        flower_password_file=data_dir / "flower.password",
        inventory="",
        log_level="info",
        concurrency="",
        fleet_budget="",
        lease_for_s=3600,
        notify_channels="",
        people="",
    )
    return values, sources


def read_endpoints(data_dir: Path, given: frozenset[str]) -> dict[str, Any]:
    """What a running `dockwave up` says about its ports and broker; {} when there is none or it is not ours."""
    raw = read_private_json(data_dir / ENDPOINTS)
    wanted = ["broker_url", "api_url", "api_port", "flower_port"]
    if given & {"api_port", "api_address", "port_base"}:
        wanted = ["broker_url"]  # somebody asks for another place than the one that runs
    values: dict[str, Any] = {}
    for name in wanted:
        if name in raw:
            try:
                values[name] = PARSERS[name](raw[name], data_dir)
            except ValueError as error:
                hint = "Stop it with `dockwave down` and start it again."
                raise BadInput(f"{data_dir / ENDPOINTS}: {name}: {error}", hint=hint) from None
    return values


#: names of all settings, in the order they are shown
KNOWN: tuple[str, ...] = tuple(item.name for item in fields(Settings))
