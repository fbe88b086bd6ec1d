"""What a request means on a host: exact versions of the whole set, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tasks.connection import Command
from tasks.engine.family import Family
from tasks.engine.host_facts import gather
from tasks.engine.resolve import Resolver
from tasks.facts.packages import Available, Installed, Package
from tasks.fake import FakeHost
from tests.tasks.engine.world import NEW, OLD, lab_facts, lab_host

CE = {
    "docker-ce": "5:26.1.4-1~debian.12~bookworm",
    "docker-ce-cli": "5:26.1.4-1~debian.12~bookworm",
    "containerd.io": "1.6.33-1",
}
CE_NEW = "5:27.3.1-1~debian.12~bookworm"


def _resolver(
    installed: Mapping[str, str],
    archive: Mapping[str, Sequence[tuple[str, str]]],
    simulation: str,
    family: Family = Family.DOCKER_CE,
) -> tuple[Resolver, FakeHost]:
    """A resolver on a host whose versions are ordered as the archive lists them, newest first."""
    order = [version for versions in archive.values() for version, _ in reversed(versions)]

    def compare(command: Command) -> tuple[int, str, str]:
        left, right = command.argv[2], command.argv[4]
        return (0 if order.index(left) > order.index(right) else 1, "", "")

    host = FakeHost(answers={"dpkg --compare-versions": compare, "apt-get -s": simulation})
    available = {
        name: tuple(Available(version=version, origin=origin) for version, origin in versions)
        for name, versions in archive.items()
    }
    packages = {name: Package(version=version, status="ii") for name, version in installed.items()}
    candidates = {name: versions[0][0] for name, versions in archive.items()}
    return Resolver(host, Installed(packages=packages), family, available, candidates), host


@pytest.mark.parametrize("request_", ["26.1", "26.1.5", "26.1*", "candidate", "26.1.5+dfsg1-9+deb13u1+b1"])
def test_every_way_of_asking_for_26_1_gives_the_same_exact_set(request_: str) -> None:
    resolution = lab_facts(request_).resolution
    assert resolution.error == ""
    assert resolution.target == NEW


def test_the_client_comes_along_because_the_new_engine_no_longer_contains_it() -> None:
    host = lab_host()
    gather(host, request="26.1")
    simulated = next(command.argv for command in host.ran if command.argv[:2] == ("apt-get", "-s"))
    assert f"docker-cli={NEW['docker-cli']}" in simulated


def test_what_is_installed_already_needs_no_simulation() -> None:
    resolution = lab_facts("20.10").resolution
    assert resolution.target == OLD
    assert resolution.simulation is None


def test_a_version_the_archive_lacks_is_refused_with_what_it_offers() -> None:
    resolution = lab_facts("27").resolution
    assert resolution.error_code == "E_VERSION_NOT_AVAILABLE"
    assert "26.1.5" in resolution.error
    resolution = lab_facts({"runc": "9.9"}).resolution
    assert resolution.error_code == "E_VERSION_NOT_AVAILABLE"


def test_a_package_of_another_family_is_refused_by_name() -> None:
    resolution = lab_facts({"docker-ce": "5:27.3.1-1"}).resolution
    assert resolution.error_code == "E_PARAM"
    assert "docker-ce" in resolution.error


def test_a_set_apt_cannot_install_is_refused_in_its_words() -> None:
    refusal = (100, "", "E: Unable to correct problems, you have held broken packages.\n")
    resolution = lab_facts("26.1", {"apt-get -s": refusal}).resolution
    assert resolution.error_code == "E_TXN_UNEXPECTED"
    assert "held broken packages" in resolution.error


def test_a_step_back_is_known_as_one() -> None:
    installed = "".join(f"{name}\t{version}\tii \tall\n" for name, version in NEW.items())
    resolution = lab_facts("20.10", {"dpkg-query": installed, "apt-get -s": ""}).resolution
    assert resolution.downgrades == ("docker.io",)


def test_dockers_own_packages_move_together_and_containerd_follows_only_where_apt_needs_it() -> None:
    archive = {
        "docker-ce": [(CE_NEW, "d"), (CE["docker-ce"], "d")],
        "docker-ce-cli": [(CE_NEW, "d"), (CE["docker-ce"], "d")],
        "containerd.io": [("1.7.22-1", "d"), ("1.6.33-1", "d")],
    }
    needs = (
        f"Inst containerd.io [1.6.33-1] (1.7.22-1 D [amd64])\n"
        f"Inst docker-ce-cli [{CE['docker-ce']}] ({CE_NEW} D [amd64])\n"
        f"Inst docker-ce [{CE['docker-ce']}] ({CE_NEW} D [amd64])\n"
    )
    resolver, host = _resolver(CE, archive, needs)
    resolution = resolver.resolve("27.3")
    assert resolution.target == {"docker-ce": CE_NEW, "docker-ce-cli": CE_NEW, "containerd.io": "1.7.22-1"}
    asked = next(command.argv for command in host.ran if command.argv[0] == "apt-get")
    assert not [word for word in asked if word.startswith("containerd.io=")]


def test_a_local_release_of_the_engine_alone_takes_its_partners_from_where_apt_would() -> None:
    bad = "26.1.5+dfsg1-9+deb13u1+b1+bad1"
    archive = {
        "docker.io": [(bad, "local"), (NEW["docker.io"], "trixie"), (OLD["docker.io"], "bookworm")],
        "docker-cli": [(NEW["docker-cli"], "trixie")],
        "containerd": [(NEW["containerd"], "trixie"), (OLD["containerd"], "bookworm")],
        "runc": [(NEW["runc"], "trixie"), (OLD["runc"], "bookworm")],
    }
    resolver, _ = _resolver(OLD, archive, f"Inst docker.io [x] ({bad} L [amd64])\n", Family.DOCKER_IO)
    assert resolver.resolve("26.1").target == {**NEW, "docker.io": bad}


def test_the_newest_of_several_matches_is_found_by_dpkg_and_not_by_text() -> None:
    archive = {"docker-ce": [("5:26.1.10-1", "d"), ("5:26.1.9-1", "d"), ("5:26.1.4-1", "d")]}
    resolver, _ = _resolver(
        {"docker-ce": "5:26.1.4-1"}, archive, "Inst docker-ce [5:26.1.4-1] (5:26.1.10-1 D [amd64])\n"
    )
    assert resolver.resolve("26.1").target == {"docker-ce": "5:26.1.10-1"}
