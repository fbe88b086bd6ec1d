"""What apt said it would do, what of it is allowed, and what it is told to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.engine.family import ALL_NAMES, MEMBERS, Family
from tasks.engine.transaction import (
    APT_ENV,
    Action,
    Change,
    Simulation,
    downgrade_argv,
    install_argv,
    parse_simulation,
    restore_argv,
    simulate,
    unexpected,
)
from tasks.fake import FakeHost
from tests.tasks.engine.world import NEW, OLD, captured

VERSION = st.sampled_from(["1", "2", "26.1.5-1"])
NAMES = st.sampled_from([*ALL_NAMES, "libc6", "postgresql"])
CHANGES = st.builds(Change, action=st.sampled_from(list(Action)), name=NAMES, old=VERSION, new=VERSION)


def test_a_real_upgrade_is_read_as_three_upgrades_and_a_new_companion() -> None:
    changes = parse_simulation(captured("simulate-upgrade.txt"))
    assert {change.name: change.new for change in changes} == NEW
    assert [change.name for change in changes if change.action is Action.INSTALL] == ["docker-cli"]
    simulation = Simulation(ok=True, changes=changes)
    assert simulation.added() == ("docker-cli",)
    assert unexpected(simulation, NEW, Family.DOCKER_IO) == ()


def test_a_real_downgrade_is_read_with_what_it_removes() -> None:
    changes = parse_simulation(captured("simulate-downgrade.txt"))
    removed = [change for change in changes if change.action is Action.REMOVE]
    assert [change.name for change in removed] == ["docker-cli"]
    assert {change.name: change.new for change in changes if change.new} == OLD
    assert unexpected(Simulation(ok=True, changes=changes), OLD, Family.DOCKER_IO) == (
        f"would remove docker-cli {NEW['docker-cli']}",
    )


def test_what_apt_removes_moves_or_pulls_in_from_another_family_is_named() -> None:
    lines = (
        "Inst libc6 [2.36-9] (2.41-12 Debian:13 [amd64])\n"
        "Inst libnew1 (1.0 Debian:13 [amd64])\n"
        "Inst docker-ce-cli (5:27.3.1-1~x Docker:1 [amd64])\n"
        "Inst runc [1.1.5] (1.1.15 Debian:13 [amd64])\n"
        "Remv podman [4.3]\n"
    )
    reasons = unexpected(
        Simulation(ok=True, changes=parse_simulation(lines)), {"runc": "1.1.14"}, Family.DOCKER_IO
    )
    assert reasons == (
        "would change libc6 2.36-9 to 2.41-12, no engine package",
        "would install docker-ce-cli of another family",
        "would bring runc to 1.1.15, which is not what was asked for",
        "would remove podman 4.3",
    )


def test_a_refusal_of_apt_is_kept_in_its_own_words() -> None:
    host = FakeHost(
        answers={"apt-get": (100, "Reading...\n", "E: Version '9' for 'docker.io' was not found\n")}
    )
    simulation = simulate(host, {"docker.io": "9"})
    assert not simulation.ok
    assert "Version '9' for 'docker.io'" in simulation.error
    assert "-s" in host.ran[0].argv
    assert not host.ran[0].privileged


def test_every_installation_is_exact_unattended_and_removes_nothing() -> None:
    argv = install_argv(NEW, 300)
    assert argv[-4:] == tuple(f"{name}={version}" for name, version in sorted(NEW.items()))
    for word in ("--no-remove", "--no-install-recommends", "--allow-change-held-packages", "-y"):
        assert word in argv
    assert "DPkg::Lock::Timeout=300" in argv
    assert "Dpkg::Options::=--force-confold" in argv
    assert APT_ENV["DEBIAN_FRONTEND"] == "noninteractive"
    assert APT_ENV["NEEDRESTART_SUSPEND"] == "1"


def test_a_return_from_kept_files_knows_no_archive_and_never_purges() -> None:
    argv = restore_argv(["/s/runc_1.deb"], ["docker-cli"], 60)
    assert "Dir::Etc::sourcelist=/dev/null" in argv
    assert argv[-2:] == ("/s/runc_1.deb", "docker-cli-")
    assert "--allow-downgrades" in argv
    assert not [word for word in (*argv, *downgrade_argv(OLD, [], 60)) if "purge" in word]


def test_an_older_set_from_the_archive_removes_only_what_is_named() -> None:
    assert "--no-remove" in downgrade_argv(OLD, [], 60)
    with_companion = downgrade_argv(OLD, ["docker-cli"], 60)
    assert "--no-remove" not in with_companion
    assert with_companion[-1] == "docker-cli-"


@given(st.lists(CHANGES), st.dictionaries(NAMES, VERSION))
def test_what_is_allowed_removes_nothing_and_moves_engine_packages_only(
    changes: list[Change], wanted: dict[str, str]
) -> None:
    simulation = Simulation(ok=True, changes=tuple(changes))
    if unexpected(simulation, wanted, Family.DOCKER_IO):
        return
    for change in changes:
        assert change.action is not Action.REMOVE
        if change.name in MEMBERS[Family.DOCKER_IO]:
            assert wanted[change.name] == change.new
        else:
            assert change.action is Action.INSTALL


@given(st.text())
def test_no_output_whatever_breaks_the_parser(text: str) -> None:
    parse_simulation(text)
