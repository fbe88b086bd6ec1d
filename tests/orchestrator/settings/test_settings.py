"""Settings: flag, environment, file, default, in this order; what cannot be used is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.settings.settings import ENDPOINTS, KNOWN, Resolved, environment_of, masked, resolve
from tasks.errors import BadInput


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without any settings."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def settled(
    home: Path, flags: dict[str, object] | None = None, config: Path | None = None, **env: str
) -> Resolved:
    """Resolve in a clean environment."""
    return resolve(flags, {"HOME": str(home), "DOCKWAVE_DATA_DIR": str(home / "data"), **env}, config)


def test_a_flag_wins_over_environment_over_file_over_default(home: Path) -> None:
    file = home / "config.toml"
    file.write_text("api_port = 3000\nflower_port = 3001\nlog_level = 'debug'\n")
    found = settled(home, {"api_port": 1000}, file, DOCKWAVE_API_PORT="2000", DOCKWAVE_FLOWER_PORT="2001")
    assert (found.settings.api_port, found.sources["api_port"]) == (1000, "flag --api-port")
    assert (found.settings.flower_port, found.sources["flower_port"]) == (
        2001,
        "environment DOCKWAVE_FLOWER_PORT",
    )
    assert (found.settings.log_level, found.sources["log_level"]) == ("debug", f"file {file}:3")
    assert found.sources["flower_user"] == "default"


def test_every_setting_has_a_source(home: Path) -> None:
    assert set(settled(home).sources) == set(KNOWN)


def test_files_are_found_in_xdg_then_etc_and_named_by_the_environment(home: Path) -> None:
    folder = home / "xdg" / "dockwave"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("api_port: 4000\n")
    assert settled(home, XDG_CONFIG_HOME=str(home / "xdg")).settings.api_port == 4000
    named = home / "other.toml"
    named.write_text("api_port = 5000\n")
    found = settled(home, XDG_CONFIG_HOME=str(home / "xdg"), DOCKWAVE_CONFIG=str(named))
    assert found.settings.api_port == 5000


def test_paths_in_a_file_are_relative_to_it(home: Path) -> None:
    file = home / "config.toml"
    file.write_text("token_file = 'secret/token'\n")
    assert settled(home, None, file).settings.token_file == home / "secret/token"


@pytest.mark.parametrize(
    ("name", "text", "place", "words"),
    [
        ("c.toml", "api_prot = 1\n", ":1:1", "Did you mean api_port"),
        ("c.toml", "\n\nnonsense = 1\n", ":3:1", "no setting 'nonsense'"),
        ("c.toml", "api_port = \n", ":1:", "Write one"),
        ("c.toml", "api_port = 1\napi_port = 2\n", ":2:", "Write one"),
        ("c.toml", "api_port = 0\n", ":1:1", "from 1 to 65535"),
        ("c.toml", "api_port = 65536\n", ":1:1", "from 1 to 65535"),
        ("c.toml", "api_port = true\n", ":1:1", "whole number"),
        ("c.toml", "api_port = 1.5\n", ":1:1", "whole number"),
        ("c.toml", "log_level = 'loud'\n", ":1:1", "none of debug"),
        ("c.toml", "fleet_budget = 0\n", ":1:1", "from 1 to 100000"),
        ("c.toml", "fleet_budget = '10%'\n", ":1:1", "whole number"),
        ("c.toml", "lease_for_s = 59\n", ":1:1", "from 60 to 604800"),
        ("c.toml", "lease_for_s = '1h'\n", ":1:1", "whole number"),
        ("c.toml", "api_address = 'no space here'\n", ":1:1", "neither an IP address"),
        ("c.toml", "api_address = '999.1.1.1'\n", ":1:1", "neither an IP address"),
        ("c.toml", "broker_url = 'http://x'\n", ":1:1", "must start with redis://"),
        ("c.toml", "database_url = 'mysql://x/y'\n", ":1:1", "must start with sqlite://"),
        ("c.toml", "data_dir = '/var/lib/dockwave'\n", ":1:1", "journal of a managed host"),
        ("c.toml", "data_dir = ''\n", ":1:1", "it is empty"),
        ("c.toml", "flower_user = 'a:b'\n", ":1:1", "not a user name"),
        ("c.toml", "[api]\nport = 1\n", ":1:1", "no setting 'api'"),
        ("c.yaml", "api_port: 1\napi_port: 2\n", ":2:1", "set twice"),
        ("c.yaml", "- a\n", ":1:1", "is a mapping"),
        ("c.yaml", "api_port: {a: 1}\n", ":1:1", "must be one value"),
        ("c.yaml", "api_port:\t1\n\tx: 2\n", ":", "Write one"),
        ("c.yaml", "zzz: 1\n", ":1:1", "no setting 'zzz'"),
    ],
)
def test_a_bad_file_is_refused_with_file_line_and_fix(
    home: Path, name: str, text: str, place: str, words: str
) -> None:
    file = home / name
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        resolve(None, {"HOME": str(home)}, file)
    assert str(file) + place in str(caught.value)
    assert words in str(caught.value)


def test_all_problems_of_a_file_are_told_at_once(home: Path) -> None:
    file = home / "c.toml"
    file.write_text("api_port = 0\nlog_level = 'loud'\nflower_port = -1\n")
    with pytest.raises(BadInput) as caught:
        settled(home, None, file)
    assert str(caught.value).count(str(file)) >= 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.ini", b"", "format is not known"),
        ("c.toml", b"\xff\xfe", "not UTF-8"),
        ("c.toml", b"#" * 70_000, "larger than"),
    ],
)
def test_what_is_no_settings_file_is_refused(home: Path, name: str, content: bytes, words: str) -> None:
    (home / name).write_bytes(content)
    with pytest.raises(BadInput, match=words):
        settled(home, None, home / name)


def test_a_named_file_that_is_missing_is_an_error(home: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        settled(home, None, home / "none.toml")


def test_two_files_in_one_place_are_refused(home: Path) -> None:
    folder = home / ".config/dockwave"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("")
    (folder / "config.yaml").write_text("")
    with pytest.raises(BadInput, match="Two settings files"):
        settled(home)


def test_secrets_are_masked_in_repr_and_on_screen(home: Path) -> None:
    found = settled(home, DOCKWAVE_BROKER_URL="redis://user:hunter2@h:1/0")
    assert "hunter2" not in repr(found)
    assert masked(found.settings.broker_url) == "redis://user:***@h:1/0"
    assert environment_of(found.settings)["DOCKWAVE_BROKER_URL"] == "redis://user:hunter2@h:1/0"


def test_the_environment_of_a_child_resolves_to_the_same_settings(home: Path) -> None:
    found = settled(home, {"port_base": 9000}, DOCKWAVE_BROKER_URL="redis://:x@h:1/0")
    assert resolve(None, {"HOME": str(home), **environment_of(found.settings)}).settings == found.settings


def test_a_misspelt_variable_is_told(home: Path) -> None:
    assert settled(home, DOCKWAVE_API_PROT="1").foreign == ("DOCKWAVE_API_PROT",)


def test_what_up_left_behind_is_found_and_flags_still_win(home: Path) -> None:
    data = home / "data"
    data.mkdir()
    (data / ENDPOINTS).write_text(
        json.dumps({"api_url": "http://127.0.0.1:1", "broker_url": "redis://:p@h:2/0"})
    )
    (data / ENDPOINTS).chmod(0o600)
    assert settled(home).settings.api_url == "http://127.0.0.1:1"
    assert settled(home).sources["broker_url"].startswith("dockwave up")
    assert settled(home, {"api_url": "http://other:3"}).settings.api_url == "http://other:3"
    assert settled(home, {"port_base": 9000}).settings.api_url == "http://127.0.0.1:9000"


def test_a_new_start_does_not_believe_what_a_killed_one_left(home: Path) -> None:
    data = home / "data"
    data.mkdir()
    (data / ENDPOINTS).write_text(json.dumps({"api_url": "http://127.0.0.1:1", "api_port": 1}))
    (data / ENDPOINTS).chmod(0o600)
    env = {"HOME": str(home), "DOCKWAVE_DATA_DIR": str(data)}
    assert resolve(None, env, beside_running=False).sources["api_port"] == "default"


def test_endpoints_others_could_have_written_are_not_believed(home: Path) -> None:
    data = home / "data"
    data.mkdir()
    (data / ENDPOINTS).write_text(json.dumps({"api_url": "http://evil:1"}))
    (data / ENDPOINTS).chmod(0o666)
    assert settled(home).settings.api_url != "http://evil:1"
    (data / ENDPOINTS).unlink()
    (data / ENDPOINTS).symlink_to("/etc/passwd")
    assert settled(home).sources["api_url"] == "default"
