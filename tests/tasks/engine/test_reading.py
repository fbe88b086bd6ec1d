"""engine.info and engine.versions: what is read, and what is said when there is nothing to read."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.catalog import find
from tasks.connection import Command
from tasks.engine.info import PROCEDURE as INFO
from tasks.engine.info import InfoParams
from tasks.engine.versions import PROCEDURE as VERSIONS
from tasks.engine.versions import VersionsParams
from tasks.errors import Refused
from tasks.fake import Answer
from tests.tasks.engine.world import NEW, OLD, captured, lab_host, setting


def _info(changes: dict[str, Answer] | None = None) -> tuple[bool, str, dict[str, Any]]:
    facts = INFO.gather(lab_host(changes), InfoParams(), setting())
    verdict = INFO.verify(facts, facts, InfoParams(), ())
    return verdict.ok, verdict.code, verdict.data


def _down(command: Command) -> str:
    return captured("systemctl-show.txt").replace("ActiveState=active", "ActiveState=inactive")


def test_an_engine_that_answers_is_described() -> None:
    ok, _, data = _info()
    assert ok
    assert (data["server_version"], data["api_version"]) == ("20.10.24+dfsg1", "1.41")
    assert data["summary"] == "20.10.24+dfsg1, 3 of 4 containers run"
    assert data["containers"] == {"running": 3, "exited": 1}
    assert data["live_restore"] is True


def test_an_engine_that_is_down_is_described_by_its_units_and_not_started() -> None:
    ok, code, data = _info({"systemctl show": _down})
    assert (ok, code) == (False, "E_DAEMON_DOWN")
    assert data["units"]["docker.service"] == "inactive (running)"


def test_reading_the_engine_leaves_its_packages_alone() -> None:
    host = lab_host()
    INFO.gather(host, InfoParams(), setting())
    assert not [command for command in host.ran if command.argv[0].startswith(("apt", "dpkg"))]


def test_versions_tell_installed_running_available_and_held_apart() -> None:
    facts = VERSIONS.gather(lab_host(), VersionsParams(), setting())
    data = VERSIONS.verify(facts, facts, VersionsParams(), ()).data
    assert data["family"] == "docker.io"
    assert data["installed"] == OLD
    assert data["held"] == []
    assert data["running_server_version"] == "20.10.24+dfsg1"
    assert data["candidates"]["docker.io"] == NEW["docker.io"]
    assert [item["version"] for item in data["available"]["runc"]] == [NEW["runc"], OLD["runc"]]
    assert data["daemon_restart_pending"] is False


def test_an_upgraded_host_that_still_serves_the_old_engine_is_told() -> None:
    installed = "".join(f"{name}\t{version}\tii \tall\n" for name, version in NEW.items())
    facts = VERSIONS.gather(lab_host({"dpkg-query": installed}), VersionsParams(), setting())
    verdict = VERSIONS.verify(facts, facts, VersionsParams(), ())
    assert verdict.data["daemon_restart_pending"] is True
    assert [finding.code for finding in verdict.findings] == ["W_RESTART_PENDING"]


def test_what_cannot_be_read_is_null_and_not_false() -> None:
    facts = VERSIONS.gather(lab_host({"systemctl show": _down}), VersionsParams(), setting())
    data = VERSIONS.verify(facts, facts, VersionsParams(), ()).data
    assert data["daemon_restart_pending"] is None
    assert data["running_server_version"] is None


def test_another_package_manager_is_named_and_not_guessed_at() -> None:
    rocky = 'ID="rocky"\nVERSION_ID="9.4"\nID_LIKE="rhel centos fedora"\n'
    facts = VERSIONS.gather(lab_host({"cat /etc/os-release": rocky}), VersionsParams(), setting())
    with pytest.raises(Refused) as caught:
        VERSIONS.verify(facts, facts, VersionsParams(), ())
    assert caught.value.code == "E_UNSUPPORTED_OS"
    assert "rocky 9.4" in caught.value.message


@pytest.mark.parametrize(
    "name",
    ["engine.info", "engine.versions", "engine.restart", "engine.upgrade", "engine.rollback", "engine.hold"],
)
def test_every_engine_procedure_is_in_the_catalogue_with_a_snapshot_it_can_read_back(name: str) -> None:
    procedure = find(name)
    facts = procedure.facts_type()
    assert procedure.facts_type.model_validate_json(facts.model_dump_json()) == facts
