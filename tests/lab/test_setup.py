"""The installer names what is missing and why, and installs nothing it was not asked for."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.setup import install_missing
from deploy.setup.needs import NEEDS, Need, Purpose, any_file, module, program


def need(package: str, *, present: bool) -> Need:
    """A need that is or is not there."""
    return Need(
        package=package,
        why=f"reason for {package}",
        present=lambda: present,
        purposes=frozenset({Purpose.DEMO}),
    )


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has one thing and lacks another."""
    table = (need("here", present=True), need("lacking", present=False))
    monkeypatch.setattr(install_missing, "NEEDS", table)


def test_only_what_the_purpose_needs_and_the_machine_lacks_is_missing(needs: None) -> None:
    assert [found.package for found in install_missing.missing(Purpose.DEMO)] == ["lacking"]
    assert install_missing.missing(Purpose.PYTHON) == []


def test_a_dry_run_says_what_and_why_and_installs_nothing(
    needs: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install_missing, "install", lambda packages: pytest.fail(f"installed {packages}"))
    assert install_missing.main(["demo", "--dry-run"]) == 0
    assert capsys.readouterr().out == "missing: lacking (reason for lacking)\n"


def test_what_is_missing_is_installed(needs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def install(packages: Sequence[str]) -> int:
        asked.append(list(packages))
        return 0

    monkeypatch.setattr(install_missing, "cannot_install", lambda: None)
    monkeypatch.setattr(install_missing, "install", install)
    assert install_missing.main(["demo"]) == 0
    assert asked == [["lacking"]]


def test_a_machine_that_cannot_install_is_told_the_packages(
    needs: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install_missing, "cannot_install", lambda: "only root may install packages")
    assert install_missing.main(["demo"]) == install_missing.EXIT_CANNOT
    assert "install by hand: lacking" in capsys.readouterr().err


def test_nothing_missing_is_said_and_is_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install_missing, "NEEDS", (need("here", present=True),))
    assert install_missing.main(["demo"]) == 0
    assert capsys.readouterr().out == "nothing is missing for: demo\n"


def test_services_are_denied_meanwhile_and_allowed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(install_missing, "DENY_SERVICES", policy)
    with install_missing.services_denied():
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()


def test_services_are_allowed_again_when_the_installation_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(install_missing, "DENY_SERVICES", policy)
    with pytest.raises(FileNotFoundError), install_missing.services_denied():
        (tmp_path / "no-such-package").read_text()
    assert not policy.exists()


def test_a_policy_of_the_machine_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine\n")
    monkeypatch.setattr(install_missing, "DENY_SERVICES", policy)
    with install_missing.services_denied():
        assert policy.read_text() == "mine\n"
    assert policy.read_text() == "mine\n"


def test_probes_tell_what_is_there_from_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "15").mkdir()
    assert program("sh")()
    assert not program("sh", "no-such-program")()
    assert any_file(f"{tmp_path}/*")()
    assert not any_file(f"{tmp_path}/*/bin/postgres")()
    assert module("venv")()
    assert not module("no_such_module")()


def test_every_package_is_named_once_and_serves_some_purpose() -> None:
    packages = [found.package for found in NEEDS]
    assert len(packages) == len(set(packages))
    assert all(found.purposes and found.why for found in NEEDS)
