"""Channels by which people are told: a command on the control host or a webhook, each with a name plans may use.

What is behind a name stays in the settings: plans, logs and results carry the name alone. A webhook's secret is not
even there: the settings say which variable or which 0600 file has it, and it is read when something is sent.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from orchestrator.settings.tables import entries_of

#: what a channel may be called, in settings, campaign files and requests
CHANNEL_NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$"
#: where a webhook's URL takes its secret; without it the secret travels as a bearer token
PLACEHOLDER = "{secret}"

_KEYS = frozenset({"command", "url", "secret_env", "secret_file", "timeout"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOST_CHANNELS, _MOST_ARGUMENTS, _LONGEST = 20, 50, 2_000
_LONGEST_WAIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to tell people."""

    name: str
    #: program and arguments on the control host; () for a webhook
    argv: tuple[str, ...] = ()
    #: where a webhook is; "" for a command
    url: str = ""
    #: variable of the orchestrator's environment, or private file, that holds the webhook's secret; "" for none
    secret_env: str = ""
    secret_file: str = ""
    #: seconds one message may take
    timeout_s: float = 10.0


def parse_channels(value: Any, base: Path) -> str:
    """Canonical JSON of these channels, as the environment of a child carries them; "" for none."""
    channels = _channels(value, base)
    found = {channel.name: _settings_of(channel) for channel in channels}
    return json.dumps(found, sort_keys=True) if found else ""


def channels_of(text: str) -> tuple[Channel, ...]:
    """The channels of a settled setting, by name."""
    return _channels(text, Path("/"))


def _channels(value: Any, base: Path) -> tuple[Channel, ...]:
    entries = entries_of(
        value, setting="notify_channels", noun="channel", nouns="channels", most=_MOST_CHANNELS
    )
    return tuple(_channel(name, given, base) for name, given in entries)


def _channel(name: str, given: Any, base: Path) -> Channel:
    if not re.fullmatch(CHANNEL_NAME, name):
        raise ValueError(f"{name[:80]!r} cannot be the name of a channel: letters, digits, . _ -, at most 64")
    if not isinstance(given, Mapping):
        raise ValueError(f"channel {name} is no table; give it a command or a url")  # noqa: TRY004 - one error kind for all
    unknown = sorted(str(key) for key in given if key not in _KEYS)
    if unknown:
        raise ValueError(f"channel {name} has no {unknown[0][:40]!r}; there are {', '.join(sorted(_KEYS))}")
    if ("command" in given) is ("url" in given):
        raise ValueError(f"channel {name} needs a command or a url, and not both")
    timeout_s = _timeout(name, given.get("timeout", 10))
    if "command" in given:
        if "secret_env" in given or "secret_file" in given:
            raise ValueError(f"channel {name}: a command gets no secret from here; let it read its own")
        return Channel(name=name, argv=_argv(name, given["command"]), timeout_s=timeout_s)
    return _webhook(name, given, base, timeout_s)


def _webhook(name: str, given: Mapping[str, Any], base: Path, timeout_s: float) -> Channel:
    if "secret_env" in given and "secret_file" in given:
        raise ValueError(f"channel {name} has two secrets; keep secret_env or secret_file")
    secret_env, secret_file = (_text(name, key, given.get(key, "")) for key in ("secret_env", "secret_file"))
    if "secret_env" in given and not _VARIABLE.fullmatch(secret_env):
        raise ValueError(f"channel {name}: secret_env is the name of a variable, not its value")
    if "secret_file" in given:
        if not secret_file.strip():
            raise ValueError(f"channel {name}: secret_file is empty; give a path")
        secret_file = str((base / Path(secret_file).expanduser()).absolute())
    url = _url(name, given["url"], secret=bool(secret_env or secret_file))
    return Channel(name=name, url=url, secret_env=secret_env, secret_file=secret_file, timeout_s=timeout_s)


def _url(name: str, value: Any, *, secret: bool) -> str:
    # the value is never quoted: whoever put a secret in it after all must not find it in a log
    text = _text(name, "url", value)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(f"channel {name}: its url cannot be read") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"channel {name}: its url must start with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None or any(char.isspace() for char in text):
        raise ValueError(f"channel {name}: its url holds a name, a password or a space; use secret_file")
    if PLACEHOLDER in text and not secret:
        raise ValueError(f"channel {name}: its url has {PLACEHOLDER}, and no secret_env or secret_file")
    if PLACEHOLDER in parts.netloc:
        raise ValueError(f"channel {name}: the host of its url cannot be a secret")
    if secret and parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError(f"channel {name}: a secret travels over https:// only, but for this very machine")
    return text


def _is_loopback(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _argv(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_ARGUMENTS:
        raise ValueError(f"channel {name}: its command is a list of texts: the program, then its arguments")
    argv = tuple(_text(name, "command", item) for item in value)
    if not argv[0].startswith("/"):
        raise ValueError(f"channel {name}: its command starts with the whole path of a program")
    return argv


def _text(name: str, key: str, value: Any) -> str:
    if (
        not isinstance(value, str)
        or len(value) > _LONGEST
        or any(ord(c) < 32 or ord(c) == 127 for c in value)
    ):
        raise ValueError(f"channel {name}: {key} is not a text of one line and {_LONGEST} characters at most")
    return value


def _timeout(name: str, value: Any) -> float:
    text = value if isinstance(value, str) else repr(value)
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()) or not 1 <= int(text) <= _LONGEST_WAIT_S:
        raise ValueError(f"channel {name}: its timeout is a whole number of seconds, 1 to {_LONGEST_WAIT_S}")
    return float(int(text))


def _settings_of(channel: Channel) -> dict[str, Any]:
    given = {
        "command": list(channel.argv) or None,
        "url": channel.url or None,
        "secret_env": channel.secret_env or None,
        "secret_file": channel.secret_file or None,
        "timeout": int(channel.timeout_s),
    }
    return {key: value for key, value in given.items() if value is not None}
