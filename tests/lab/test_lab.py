"""The lab is what it says: real hosts that answer, upgrade, fail as designed and leave nothing behind."""

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from deploy.lab import apps, faults, fleet, garbage, repo
from deploy.lab.command import CommandFailed, LabError, attempt
from deploy.lab.fleet import Fleet
from deploy.lab.host import Host
from deploy.lab.repo import Release
from orchestrator.inventory.load import load_inventory
from tests.lab.conftest import MakeFleet
from tests.lab.fleet import (
    ENGINE_PACKAGES,
    installed,
    listed,
    restart_engine,
    server_version,
    transactions,
    upgrade,
)

# the first test of a machine's life also builds the host image
pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

OLD, NEW = "20.10.", "26.1."
#: seconds in which a host that is well answers, and after which one that is not is believed to be silent
SSH_PATIENCE_S, SILENCE_S = 12, 4


@pytest.fixture(scope="module")
def pair(make_fleet: MakeFleet) -> Fleet:
    """Two hosts; tests that change one reset it first."""
    return make_fleet("web-1", "db-1")


@pytest.fixture
def host(pair: Fleet) -> Host:
    """A host that tests may look at and must leave as it was."""
    return pair.host("web-1")


@pytest.fixture
def fresh(pair: Fleet) -> Host:
    """A host straight from the image, for tests that spoil it."""
    fleet.reset(pair, "db-1")
    return pair.host("db-1")


def answers(pair: Fleet, host: Host, within_s: float = SSH_PATIENCE_S) -> bool:
    """Whether the engine answers over SSH in a few seconds."""
    try:
        return pair.ssh(host, "docker", "info", timeout_s=within_s) != ""
    except CommandFailed:
        return False


def test_every_host_answers_over_ssh_with_the_older_engine(pair: Fleet) -> None:
    for host in pair.hosts:
        said = pair.ssh(host, "docker", "version", "--format", "{{.Server.Version}}")
        assert said.startswith(OLD)
        assert pair.ssh(host, "hostname").strip() == host.name
        assert pair.ssh(host, "systemctl", "is-system-running").strip() == "running"


def test_the_user_ops_becomes_root_by_sudo_without_a_password(pair: Fleet, host: Host) -> None:
    assert pair.ssh(host, "id", "-un", user="ops").strip() == "ops"
    assert pair.ssh(host, "sudo", "-n", "id", "-un", user="ops").strip() == "root"


def test_every_host_has_its_own_host_key_and_machine_id(pair: Fleet) -> None:
    assert len({line.split()[2] for line in pair.known_hosts.read_text().splitlines()}) == len(pair.hosts)
    assert len({host.run("cat", "/etc/machine-id") for host in pair.hosts}) == len(pair.hosts)


def test_the_inventory_is_one_the_product_reads(pair: Fleet) -> None:
    inventory = load_inventory([pair.inventory])
    assert {host.name: host.ssh.address for host in inventory.hosts if host.ssh} == {
        host.name: host.address for host in pair.hosts
    }


def test_a_host_reaches_the_archive_and_a_control_plane_on_this_machine(pair: Fleet, host: Host) -> None:
    host.run("apt-get", "update")
    assert set(repo.versions(host)) == {"trixie", "bookworm"}
    with socket.create_server((pair.gateway, 0)) as plane:
        port = str(plane.getsockname()[1])
        script = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()"
        host.python(script, pair.gateway, port)
        plane.settimeout(5)
        caller, address = plane.accept()
        caller.close()
        assert address[0] == host.address


def test_a_virtual_environment_can_be_made_on_a_host(fresh: Host) -> None:
    fresh.run("python3", "-m", "venv", "/opt/agent")
    assert fresh.run("/opt/agent/bin/pip", "--version").startswith("pip ")


def test_plain_apt_upgrades_and_downgrades_while_containers_run(fresh: Host) -> None:
    apps.load(fresh, apps.App(reference="app:1"))
    container = fresh.docker("run", "--detach", "app:1").strip()
    process = garbage.processes(fresh, [container])
    before = installed(fresh)
    upgrade(fresh, *ENGINE_PACKAGES)
    assert server_version(fresh).startswith(OLD), "the daemon serves its old version until it restarts"
    assert restart_engine(fresh)
    assert server_version(fresh).startswith(NEW)
    assert garbage.processes(fresh, [container]) == process
    upgrade(fresh, *(f"{package}={version}" for package, version in before.items()))
    assert restart_engine(fresh)
    assert server_version(fresh).startswith(OLD)
    assert garbage.processes(fresh, [container]) == process
    assert {done.package for done in transactions(fresh)} <= set(ENGINE_PACKAGES)


# releases that a campaign of the short run meets are proven there, the others only matter to the full run
@pytest.mark.full
@pytest.mark.parametrize("release", [Release.BROKEN, Release.NEVER_ANSWERS])
def test_a_release_that_cannot_serve_leaves_the_engine_silent(fresh: Host, release: Release) -> None:
    version = repo.offer([fresh], release)
    upgrade(fresh, f"docker.io={version}", "docker-cli")
    assert installed(fresh)["docker.io"] == version
    assert not restart_engine(fresh)


@pytest.mark.full
def test_a_good_release_only_has_a_higher_version(fresh: Host) -> None:
    version = repo.offer([fresh], Release.GOOD)
    upgrade(fresh, "docker.io", "docker-cli")
    assert installed(fresh)["docker.io"] == version
    assert restart_engine(fresh)
    assert server_version(fresh).startswith(NEW)


@pytest.mark.full
def test_a_failing_maintainer_script_leaves_the_package_half_configured(fresh: Host) -> None:
    repo.offer([fresh], Release.POSTINST_FAILS)
    with pytest.raises(CommandFailed, match="exit status 100"):
        upgrade(fresh, "docker.io", "docker-cli")
    assert "docker.io" not in installed(fresh)


@pytest.mark.full
def test_a_release_that_refuses_a_key_fails_only_where_the_key_is(pair: Fleet, fresh: Host) -> None:
    version = repo.offer([fresh], Release.REFUSES_KEY)
    upgrade(fresh, f"docker.io={version}", "docker-cli")
    assert restart_engine(fresh)
    with pytest.raises(CommandFailed):
        faults.configure_engine(fresh, **{repo.REFUSED_KEY: 3})
    assert not restart_engine(fresh)


@pytest.mark.full
def test_a_release_that_drops_live_restore_loses_containers(fresh: Host) -> None:
    apps.load(fresh, apps.App(reference="app:1"))
    container = fresh.docker("run", "--detach", "app:1").strip()
    process = garbage.processes(fresh, [container])
    repo.offer([fresh], Release.DROPS_LIVE_RESTORE)
    upgrade(fresh, "docker.io", "docker-cli")
    assert restart_engine(fresh)
    assert garbage.processes(fresh, [container]) != process


@pytest.mark.full
def test_the_real_newer_engine_refuses_a_key_the_older_one_takes(fresh: Host) -> None:
    faults.configure_legacy(fresh)
    assert server_version(fresh).startswith(OLD)
    upgrade(fresh, "docker.io", "docker-cli")
    assert not restart_engine(fresh)


def test_a_withdrawn_release_is_no_candidate_any_more(fresh: Host) -> None:
    version = repo.offer([fresh], Release.BROKEN)
    assert version in fresh.run("apt-cache", "policy", "docker.io")
    repo.withdraw(fresh)
    assert version not in fresh.run("apt-cache", "policy", "docker.io")


@pytest.mark.parametrize(
    "fault",
    [faults.frozen_engine, faults.ssh_cut, faults.silent_sshd, faults.no_sshd],
    ids=lambda fault: fault.__name__,
)
def test_a_host_is_silent_during_a_fault_and_answers_after_it(
    pair: Fleet, host: Host, fault: Callable[[Host], AbstractContextManager[None]]
) -> None:
    with fault(host):
        assert not answers(pair, host, SILENCE_S)
    assert answers(pair, host)


def test_a_cut_of_ssh_heals_by_itself(pair: Fleet, host: Host) -> None:
    faults.cut_ssh(host, for_s=2)
    started = time.monotonic()
    while attempt(pair.ssh_argv(host, "true")).status != 0:
        assert time.monotonic() - started < 30
    assert time.monotonic() - started > 1


def test_dpkg_is_locked_for_apt_meanwhile(host: Host) -> None:
    command = (
        "apt-get",
        "-y",
        "-o",
        "DPkg::Lock::Timeout=0",
        "install",
        "--reinstall",
        "--download-only",
        "tini",
    )
    with faults.locked_dpkg(host):
        assert "lock" in host.attempt("dpkg", "--configure", "--pending").err
    assert host.attempt("dpkg", "--configure", "--pending").status == 0
    assert host.attempt(*command).status == 0


def test_a_full_disk_has_no_byte_left_and_recovers(make_fleet: MakeFleet) -> None:
    small = make_fleet("small-1", data_root_mib=128).host("small-1")
    write = ("dd", "if=/dev/zero", "of=/var/lib/docker/probe", "bs=4096", "count=1")
    with faults.full_disk(small):
        assert "No space left" in small.attempt(*write).err
    assert small.attempt(*write).status == 0


def test_the_machines_own_disk_is_never_filled(host: Host) -> None:
    with pytest.raises(LabError, match="data_root_mib"), faults.full_disk(host):
        pytest.fail("a large disk was filled")


def test_a_changed_host_key_is_refused_until_it_is_trusted(pair: Fleet, fresh: Host) -> None:
    faults.change_host_key(pair, fresh)
    refused = attempt(pair.ssh_argv(fresh, "true"))
    assert refused.status == 255
    assert "changed" in refused.err
    pair.trust_all()
    assert answers(pair, fresh)


def test_a_throttled_sshd_drops_further_connections(host: Host) -> None:
    with faults.throttled_sshd(host):
        assert "maxstartups 2:100:2" in host.run("sshd", "-T")
    assert "maxstartups 2:100:2" not in host.run("sshd", "-T")


@pytest.mark.parametrize("loss", [faults.lose_power, faults.reboot], ids=lambda loss: loss.__name__)
def test_a_host_comes_back_with_its_containers_and_its_keys(
    pair: Fleet, fresh: Host, loss: Callable[[Host], None]
) -> None:
    apps.load(fresh, apps.App(reference="app:1"))
    container = fresh.docker("run", "--detach", "--restart=unless-stopped", "app:1").strip()
    boot = fresh.run("stat", "--format", "%Y", "/proc/1")
    time.sleep(1.1)  # process start times have a resolution of one second
    loss(fresh)
    fleet.wait_ready(pair, [fresh])
    assert fresh.run("stat", "--format", "%Y", "/proc/1") != boot
    assert listed(fresh, "container", "status=running") == {container}


def test_seeded_garbage_is_what_the_engine_has(fresh: Host) -> None:
    seeded = garbage.seed(fresh, ballast=1 << 16)
    stopped = seeded.old_containers | seeded.young_containers | seeded.protected_containers
    assert listed(fresh, "container") == stopped | seeded.running_containers
    images = {*seeded.dangling_images, *seeded.unused_images, *seeded.protected_images, *seeded.used_images}
    assert listed(fresh, "image") == images
    assert listed(fresh, "image", "dangling=true") == seeded.dangling_images
    named = seeded.named_volumes | seeded.protected_volumes | seeded.used_volumes
    assert listed(fresh, "volume") == seeded.anonymous_volumes | named
    assert listed(fresh, "network") == seeded.unused_networks | {"bridge", "host", "none"}
    assert all(pid > 0 for pid, _ in garbage.processes(fresh, seeded.running_containers).values())
    assert "Build Cache\t0" not in fresh.docker("system", "df", "--format", "{{.Type}}\t{{.TotalCount}}")


def test_backdated_containers_are_old_to_the_engine_and_running_ones_live_on(fresh: Host) -> None:
    seeded = garbage.seed(fresh, days_old=30, ballast=1 << 16)
    started = garbage.processes(fresh, seeded.running_containers)
    young = fresh.docker("inspect", "--format", "{{.Created}}", *seeded.young_containers)
    for container in seeded.old_containers:
        assert fresh.docker("inspect", "--format", "{{.Created}}", container)[:10] < young[:10]
    assert restart_engine(fresh)
    assert garbage.processes(fresh, seeded.running_containers) == started


def test_a_reset_host_has_nothing_of_its_past(pair: Fleet, fresh: Host) -> None:
    key = pair.host_key(fresh).read_bytes()
    apps.load(fresh, apps.App(reference="app:1"))
    fresh.run("touch", "/root/past")
    fleet.reset(pair, fresh.name)
    assert listed(fresh, "image") == set()
    assert fresh.attempt("test", "-e", "/root/past").status == 1
    assert pair.host_key(fresh).read_bytes() != key
    assert answers(pair, fresh)


def test_a_second_up_answers_from_the_state_and_starts_what_stopped(pair: Fleet, host: Host) -> None:
    faults.power_off(host)
    assert fleet.up([h.name for h in pair.hosts], pair.state) == pair
    assert host.is_running()


def test_a_state_directory_takes_one_fleet_only(pair: Fleet) -> None:
    with pytest.raises(LabError, match="another fleet"):
        fleet.up(["other-1"], pair.state)


@pytest.mark.parametrize("names", [[], ["a", "a"], ["-o"], ["UP"], ["a b"], ["a;b"]])
def test_bad_host_names_are_refused_before_anything_exists(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(LabError):
        fleet.up(names, tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_down_leaves_no_trace_and_spares_other_fleets(make_fleet: MakeFleet, pair: Fleet) -> None:
    gone = make_fleet("gone-1", data_root_mib=64)
    fleet.down(gone.state)
    for kind in ("container", "volume", "network"):
        assert gone.engine.labelled(kind, gone.id) == []
        assert pair.engine.labelled(kind, pair.id) != []
    assert not gone.state.exists()
    assert str(gone.state) not in attempt(["losetup", "--list"]).out
    assert answers(pair, pair.host("web-1"))


def test_a_fleet_whose_state_directory_is_gone_goes_with_the_next_one(
    make_fleet: MakeFleet, pair: Fleet
) -> None:
    orphan, gone = make_fleet("orphan-1"), make_fleet("gone-1")
    (orphan.state / "fleet.json").unlink()
    fleet.down(gone.state)
    assert orphan.engine.labelled("container", orphan.id) == []
    assert pair.engine.labelled("container", pair.id) != []
