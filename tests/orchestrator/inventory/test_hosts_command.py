"""`dockwave hosts` prints data on stdout, words on stderr, and ends with the documented exit codes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import hosts as command
from orchestrator.inventory.probe import Check, CheckError, HostCheck, Prober
from tasks.model import Host

INVENTORY = """
version: 1
groups:
  web: {hosts: ["web[1:3]"], labels: {tier: front}}
  db: {hosts: [db-08], ssh: {user: ops, port: 2201, jump: bastion, sudo: true}}
hosts: {here: {connect: local}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "inventory.yml"
    found.write_text(INVENTORY)
    return found


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKWAVE_INVENTORY", "DOCKWAVE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKWAVE_DATA_DIR", str(tmp_path / "data"))


def run(*args: object) -> Result:
    return CliRunner().invoke(command.hosts_app, [str(arg) for arg in args])


def test_names_are_one_per_line_in_natural_order(path: Path) -> None:
    ended = run("list", "-i", path, "-o", "name")

    assert ended.exit_code == 0
    assert ended.stdout == "db-08\nhere\nweb1\nweb2\nweb3\n"


def test_json_has_every_field_of_a_host(path: Path) -> None:
    ended = run("list", "-i", path, "-l", "db*", "-o", "json")

    assert json.loads(ended.stdout) == {
        "inventory": [str(path)],
        "hosts": [
            {
                "name": "db-08",
                "connect": "ssh",
                "queue": "gw.default",
                "pool": "default",
                "groups": ["db"],
                "labels": {},
                "engine_family": "auto",
                "socket": "/var/run/docker.sock",
                "sudo": True,
                "ssh": {
                    "address": "db-08",
                    "port": 2201,
                    "user": "ops",
                    "identity": None,
                    "known_hosts": None,
                },
                "jumps": [
                    {"address": "bastion", "port": 22, "user": "ops", "identity": None, "known_hosts": None}
                ],
            }
        ],
    }


def test_a_table_in_a_pipe_is_as_wide_as_its_longest_row(tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    name = ".".join(["a" * 60] * 4)
    path.write_text(f"version: 1\nhosts: {{{name}: {{labels: {{k: {'v' * 100}}}}}}}\n")

    ended = run("list", "-i", path)

    assert ended.exit_code == 0
    assert any(name in line and f"k={'v' * 100}" in line for line in ended.stdout.splitlines())


def test_show_prints_one_host_merged(path: Path) -> None:
    table = run("show", "DB-08", "-i", path)
    data = run("show", "db-08", "-i", path, "-o", "json")

    assert "ops@db-08:2201" in table.stdout
    assert "ops@bastion" in table.stdout
    assert json.loads(data.stdout)["sudo"] is True


def test_show_of_an_unknown_host_names_near_ones(path: Path) -> None:
    ended = run("show", "wbe1", "-i", path)

    assert ended.exit_code == 2
    assert 'No host is called "wbe1"' in ended.stderr
    assert "Did you mean web1" in ended.stderr


def test_the_setting_names_files_when_no_flag_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKWAVE_INVENTORY", str(path))

    assert run("list", "-o", "name").stdout.startswith("db-08\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["list"], "No inventory is given"),
        (["list", "-i", "/nope/x.yml"], "cannot be read"),
        (["list", "-i", "FILE", "-l", ""], "the pattern is empty"),
        (["list", "-i", "FILE", "-l", "!web1"], "only takes hosts away"),
        (["list", "-i", "FILE", "-l", "web9"], 'called "web9"'),
        (["list", "-i", "FILE", "-l", "@/nope"], "cannot be read"),
        (["list", "-i", "FILE", "-l", "@/dev/zero"], "larger than"),
        (["list", "-i", "FILE", "-o", "xml"], "xml"),
        (["check", "-i", "FILE", "-l", "nothing=x"], 'label "nothing"'),
        (["show", "-i", "FILE", "$(id)"], '"$(id)"'),
    ],
)
def test_bad_input_ends_with_exit_code_2_and_prints_no_data(
    args: list[str], message: str, path: Path
) -> None:
    ended = run(*(str(path) if arg == "FILE" else arg for arg in args))

    assert ended.exit_code == 2
    assert message in ended.stderr
    assert ended.stdout == ""


def test_a_file_of_names_chooses_hosts(path: Path, tmp_path: Path) -> None:
    names = tmp_path / "failed.txt"
    names.write_text("web3\nweb1\n")

    assert run("list", "-i", path, "-l", f"@{names}", "-o", "name").stdout == "web1\nweb3\n"


def answering(**answers: HostCheck) -> Prober:
    def prober(hosts: Sequence[Host], /) -> list[HostCheck]:
        return [answers[host.name] for host in hosts if host.name in answers]

    return prober


EVIL = "\x1b]0;owned\x07[red]up[/red]\r\nFAKE OK"


def test_check_shows_what_is_wrong_and_ends_with_exit_code_3(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = HostCheck(host="web1", ok=True, checks=(Check(name="engine", ok=True, detail=EVIL),))
    cut = HostCheck(
        host="web2", ok=False, error=CheckError(code="E_SSH_HOSTKEY", message="unknown", hint="trust it")
    )
    monkeypatch.setattr(command, "_prober", lambda: answering(web1=fit, web2=cut))

    ended = run("check", "-i", path, "-l", "web1:web2")

    assert ended.exit_code == 3
    assert "E_SSH_HOSTKEY" in ended.stdout
    assert "[red]up[/red]" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert "owned" not in ended.stdout
    assert "2 hosts: 1 fit, 1 not" in ended.stderr


def test_check_of_fit_hosts_ends_with_0_and_its_json_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = HostCheck(host="web1", ok=True, checks=(Check(name="root", ok=True, detail=EVIL),))
    monkeypatch.setattr(command, "_prober", lambda: answering(web1=fit))

    ended = run("check", "-i", path, "-l", "web1:here", "-o", "json")

    assert ended.exit_code == 0
    assert "\x1b" not in ended.stdout
    first, second = json.loads(ended.stdout)["hosts"]
    assert (first["host"], first["ok"]) == ("here", None)
    assert second["checks"][0]["detail"] == EVIL


def test_an_unanswered_check_is_not_called_fit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_prober", answering)

    ended = run("check", "-i", path, "-l", "web1")

    assert ended.exit_code == 3
    assert "unknown" in ended.stdout
    assert "E_TIMEOUT" in ended.stdout
