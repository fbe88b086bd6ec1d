"""What each setting may be: one parser per setting, raising ValueError with a full sentence."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.settings.channels import parse_channels
from orchestrator.settings.people import parse_people
from tasks.connection import Secret

Parser = Callable[[Any, Path], Any]

#: the hosts' journal lives here; the control plane must not
JOURNAL_DIR = Path("/var/lib/dockwave")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_LEVELS = ("debug", "info", "warning", "error")


def default_data_dir(env: Mapping[str, str]) -> Path:
    """Where the control plane keeps its files: a system directory for root, the user's state directory otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/dockwave-control")
    state = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".local/state")
    return Path(state) / "dockwave"


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text; put it in quotes")  # noqa: TRY004 - one error kind for all
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("it contains control characters")
    return value


def _path(value: Any, base: Path) -> Path:
    text = str(value) if isinstance(value, Path) else _string(value)
    if not text.strip():
        raise ValueError("it is empty; give a path")
    path = base / Path(text).expanduser()
    return path.absolute()


def _data_dir(value: Any, base: Path) -> Path:
    path = _path(value, base)
    if path == JOURNAL_DIR or JOURNAL_DIR in path.parents:
        raise ValueError(
            f"{path} is the journal of a managed host; keep the control plane elsewhere, "
            "for example /var/lib/dockwave-control"
        )
    return path


def _integer(low: int, high: int) -> Parser:
    def parse(value: Any, _base: Path) -> int:
        text = value if isinstance(value, str) else repr(value)
        plain = not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,9}", text.strip())
        if not plain or not low <= int(text) <= high:
            raise ValueError(f"{text[:40]!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _or_none(parse: Parser) -> Parser:
    """Empty text says that there is none."""
    return lambda value, base: str(parse(value, base)) if value != "" else ""


def _address(value: Any, _base: Path) -> str:
    text = _string(value).strip()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if _NAME.match(text) and not re.fullmatch(r"[0-9.]+", text):
            return text
    raise ValueError(f"{text[:80]!r} is neither an IP address nor a host name")


def _url(*schemes: str, secret: bool = False) -> Parser:
    def parse(value: Any, _base: Path) -> str:
        text = _string(value).strip()
        shown = "the URL" if secret else repr(text[:120])
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"{shown} is not a URL: {error}") from None
        if parts.scheme not in schemes:
            raise ValueError(f"{shown} must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not parts.netloc and not parts.path.strip("/"):
            raise ValueError(f"{shown} names no place")
        return Secret(text) if secret else text.rstrip("/")

    return parse


def _choice(*choices: str) -> Parser:
    def parse(value: Any, _base: Path) -> str:
        text = _string(value).strip().lower()
        if text not in choices:
            raise ValueError(f"{text[:40]!r} is none of {', '.join(choices)}")
        return text

    return parse


def _user(value: Any, _base: Path) -> str:
    text = _string(value)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError(f"{text[:80]!r} is not a user name (letters, digits, . _ -; at most 64)")
    return text


def _paths(value: Any, base: Path) -> str:
    if isinstance(value, list):
        value = ":".join(_string(item) for item in value)
    return ":".join(str(_path(item, base)) for item in _string(value).split(":") if item)


#: settings that are a table in a file, not one value
TABLES = frozenset({"notify_channels", "people"})

PARSERS: dict[str, Parser] = {
    "data_dir": _data_dir,
    "database_url": _url("sqlite", "postgresql", "postgresql+psycopg", secret=True),
    "broker_url": _url("redis", "rediss", "redis+socket", secret=True),
    "api_address": _address,
    "api_port": _integer(1, 65535),
    "api_url": _url("http", "https"),
    "token_file": _path,
    "flower_address": _address,
    "flower_port": _integer(1, 65535),
    "flower_user": _user,
    "flower_password_file": _path,
    "port_base": _integer(1024, 65533),
    "inventory": _paths,
    "log_level": _choice(*_LEVELS),
    "concurrency": _or_none(_integer(1, 512)),
    "lease_for_s": _integer(60, 7 * 86_400),
    "fleet_budget": _or_none(_integer(1, 100_000)),
    "notify_channels": parse_channels,
    "people": parse_people,
}
