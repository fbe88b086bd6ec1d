"""Channels are read the same from TOML, YAML and the environment; a bad one is refused by name, no secret quoted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.settings.channels import Channel, channels_of, parse_channels
from orchestrator.settings.settings import environment_of, resolve
from tasks.errors import BadInput

TOML = """\
log_level = "info"
[notify_channels.ops]
command = ["/usr/local/bin/page", "--team", "ops"]
[notify_channels.chat]
url = "https://chat.example/{secret}"
secret_file = "chat.secret"
timeout = 20
"""
YAML = """\
log_level: info
notify_channels:
  ops: {command: [/usr/local/bin/page, --team, ops]}
  chat:
    url: https://chat.example/{secret}
    secret_file: chat.secret
    timeout: 20
"""


@pytest.mark.parametrize(("name", "text"), [("c.toml", TOML), ("c.yaml", YAML)])
def test_a_file_names_channels_and_children_get_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = resolve(None, {"HOME": str(tmp_path)}, tmp_path / name)
    channels = channels_of(found.settings.notify_channels)
    assert channels == (
        Channel(
            name="chat",
            url="https://chat.example/{secret}",
            secret_file=str(tmp_path / "chat.secret"),
            timeout_s=20.0,
        ),
        Channel(name="ops", argv=("/usr/local/bin/page", "--team", "ops")),
    )
    again = resolve(None, {"HOME": str(tmp_path), **environment_of(found.settings)})
    assert again.settings == found.settings
    assert found.sources["notify_channels"].startswith(f"file {tmp_path / name}:2")


def test_without_channels_there_are_none(tmp_path: Path) -> None:
    assert channels_of(resolve(None, {"HOME": str(tmp_path)}).settings.notify_channels) == ()
    assert parse_channels({}, tmp_path) == ""


URL = "https://chat.example/hunter2"
GOOD = {"url": URL}


@pytest.mark.parametrize(
    ("channels", "why"),
    [
        (["ops"], "no table of channels"),
        ("{", "is not JSON"),
        ("[1]", "no table of channels"),
        ({"a b": GOOD}, "cannot be the name"),
        ({"": GOOD}, "cannot be the name"),
        ({f"c{number}": GOOD for number in range(21)}, "the limit is 20"),
        ({"ops": URL}, "is no table"),
        ({"ops": {}}, "needs a command or a url"),
        ({"ops": GOOD | {"command": ["/bin/true"]}}, "and not both"),
        ({"ops": GOOD | {"shell": "x"}}, "has no 'shell'"),
        ({"ops": GOOD | {"timeout": 0}}, "1 to 60"),
        ({"ops": GOOD | {"timeout": 61}}, "1 to 60"),
        ({"ops": GOOD | {"timeout": True}}, "1 to 60"),
        ({"ops": GOOD | {"timeout": 1.5}}, "1 to 60"),
        ({"ops": {"command": "/bin/true"}}, "is a list"),
        ({"ops": {"command": []}}, "is a list"),
        ({"ops": {"command": ["true"]}}, "whole path"),
        ({"ops": {"command": ["/bin/true", 1]}}, "not a text"),
        ({"ops": {"command": ["/bin/true\n"]}}, "not a text"),
        ({"ops": {"command": ["/bin/true"], "secret_env": "X"}}, "gets no secret"),
        ({"ops": {"url": "ftp://chat.example/hunter2"}}, "must start with https://"),
        ({"ops": {"url": "https:///hunter2"}}, "name a host"),
        ({"ops": {"url": "https://[hunter2"}}, "cannot be read"),
        ({"ops": {"url": "https://chat.example:hunter2/"}}, "cannot be read"),
        ({"ops": {"url": "https://me:hunter2@chat.example/"}}, "use secret_file"),
        ({"ops": {"url": "https://chat.example/hunter2 x"}}, "a space"),
        ({"ops": {"url": 1}}, "not a text"),
        ({"ops": {"url": "https://chat.example/{secret}"}}, "no secret_env or secret_file"),
        ({"ops": {"url": "https://{secret}.example/", "secret_env": "X"}}, "cannot be a secret"),
        ({"ops": {"url": "http://chat.example/hunter2", "secret_env": "X"}}, "https:// only"),
        ({"ops": GOOD | {"secret_env": "hunter2!"}}, "name of a variable"),
        ({"ops": GOOD | {"secret_env": ""}}, "name of a variable"),
        ({"ops": GOOD | {"secret_file": " "}}, "is empty"),
        ({"ops": GOOD | {"secret_env": "X", "secret_file": "y"}}, "two secrets"),
    ],
    ids=str,
)
def test_a_channel_nobody_can_mean_is_refused_without_its_secret(
    tmp_path: Path, channels: Any, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_channels(channels, tmp_path)
    assert "hunter2" not in str(caught.value)
    text = channels if isinstance(channels, str) else json.dumps(channels)
    with pytest.raises(BadInput, match="DOCKWAVE_NOTIFY_CHANNELS"):
        resolve(None, {"HOME": str(tmp_path), "DOCKWAVE_NOTIFY_CHANNELS": text})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/x"])
def test_a_secret_may_stay_on_this_machine_without_tls(tmp_path: Path, url: str) -> None:
    (channel,) = channels_of(parse_channels({"ops": {"url": url, "secret_env": "X"}}, tmp_path))
    assert channel == Channel(name="ops", url=url, secret_env="X")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("notify_channels: {a: {command: [[/bin/true]]}}\n", "too large"),
        ("notify_channels: &x {a: *x}\n", "too large"),
        ("notify_channels:\n  a: {url: 'https://h/', url: 'https://i/'}\n", "set twice"),
        ("notify_channels: ops\n", "is not JSON"),
        ("notify_channels: [ops]\n", "no table of channels"),
    ],
)
def test_a_table_in_a_file_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=why) as caught:
        resolve(None, {"HOME": str(tmp_path)}, file)
    assert f"{file}:" in str(caught.value)
