"""`plan -f FILE` asks for what the same flags ask for; `campaign init` and `validate` begin and check a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.campaign.rollout import Clock, Clocks, FailureKind, Scope, Share, StopAction, StopRule
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import ScriptedService

HEAD = "version: 1\nprocedure: disk.cleanup\nparams: {targets: [containers]}\ntargets: {match: 'web*'}\n"
FLAGS = ("plan", "disk.cleanup", "--on", "web*", "--set", "targets=containers")


def file_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "campaign.yaml"
    path.write_text(text)
    return str(path)


SAME: list[tuple[str, tuple[str, ...]]] = [
    ("", ()),
    ("waves: [1, 50%, rest]", ("--waves", "1,50%,rest")),
    ("parallelism: 3", ("--parallel", "3")),
    ("monitor: 90s", ("--monitor", "90s")),
    ("delay: 5m", ("--delay", "5m")),
    ("max_failures: 10%", ("--max-failures", "10%")),
    ("max_failures: 0", ("--max-failures", "0")),
    (
        "windows: {allow: ['Mon-Thu 09:00-16:00 Europe/Paris'], blackout: [2026-12-24..2027-01-02]}",
        ("--window", "Mon-Thu 09:00-16:00 Europe/Paris", "--blackout", "2026-12-24..2027-01-02"),
    ),
    ("reason: disks are full", ("--reason", "disks are full")),
    (
        "waves: [2, rest]\nparallelism: 2\nmonitor: 1m\nreason: all of it",
        ("--waves", "2,rest", "--parallel", "2", "--monitor", "1m", "--reason", "all of it"),
    ),
]


@pytest.mark.parametrize(("options", "flags"), SAME, ids=[options[:30] for options, _ in SAME])
def test_a_file_asks_for_exactly_what_its_flags_ask_for(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path, options: str, flags: tuple[str, ...]
) -> None:
    from_file = dockwave("plan", "-f", file_of(tmp_path, f"{HEAD}{options}\n"))
    from_flags = dockwave(*FLAGS, *flags)
    assert (from_file.exit_code, from_flags.exit_code) == (0, 0), from_file.output + from_flags.output
    first, second = service.requests
    assert first == second


def test_flags_win_over_the_file_and_leave_the_rest(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    text = HEAD + "waves: [1, rest]\nparallelism: 3\nmonitor: 1m\nstop_rules: [{tolerate: 0}]\nreason: file\n"
    flags = ("--on", "db-1", "--parallel", "1", "--max-failures", "5%", "--set", "targets=networks")
    done = dockwave("plan", "-f", file_of(tmp_path, text), *flags, "-O", "rollback.parallelism=4")
    assert done.exit_code == 0, done.output
    request = service.requests[0]
    assert [host.name for host in request.hosts] == ["db-1"]
    assert request.params["targets"] == ["networks"]
    policy = request.policy
    assert (policy.parallelism, policy.monitor_s, policy.rollback_parallelism) == (1, 60.0, 4)
    assert policy.waves == (Share(value=1), Share(value=100, percent=True))
    assert [rule.tolerate for rule in policy.stop_rules] == [Share(value=5, percent=True)]
    assert request.reason == "file"


def test_what_has_no_flag_of_its_own_reaches_the_engine(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    text = HEAD + (
        "stop_rules:\n"
        "  - {kind: failed, tolerate: 1, waves: [1], action: rollback}\n"
        "  - {kind: unknown, tolerate: 20%, min_sample: 3, scope: campaign, action: pause}\n"
        "rollback: {failed_hosts: false, parallelism: 2, delay: 30s, on_failure: pause, control_hosts: 3}\n"
        "clocks: {step: {warn: 1m}, host: {stop: 10m, warn: 5m}, campaign: {stop: 8h, action: pause}}\n"
        "retries: {attempts: 2, orders: 4}\n"
        "delivery: {heartbeat_timeout: 1m, order_ttl: 90s, unknown_wait: 5m}\n"
        "plan: {expires: 2h}\n"
    )
    done = dockwave("plan", "-f", file_of(tmp_path, text))
    assert done.exit_code == 0, done.output
    request = service.requests[0]
    policy = request.policy
    assert policy.stop_rules == (
        StopRule(
            kind=FailureKind.FAILED,
            tolerate=Share(value=1),
            waves=(1,),
            action=StopAction.ROLLBACK_WAVE,
        ),
        StopRule(
            kind=FailureKind.UNKNOWN,
            tolerate=Share(value=20, percent=True),
            min_sample=3,
            scope=Scope.CAMPAIGN,
            action=StopAction.PAUSE,
        ),
    )
    assert (policy.rollback_failed, policy.rollback_parallelism) == (False, 2)
    assert (policy.rollback_delay_s, policy.rollback_on_failure) == (30.0, StopAction.PAUSE)
    assert policy.control_hosts == 3
    assert (policy.max_attempts, policy.max_orders) == (2, 4)
    assert (policy.heartbeat_timeout_s, policy.order_ttl_s, policy.unknown_wait_s) == (60.0, 90.0, 300.0)
    assert (request.timeout_s, request.ttl_s) == (600.0, 7200.0)
    assert policy.clocks == Clocks(
        step=Clock(warn_s=60.0),
        host=Clock(warn_s=300.0),
        campaign=Clock(stop_s=28_800.0, action=StopAction.PAUSE),
    )


def test_no_host_at_all_is_fine_when_the_file_says_so(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    text = HEAD.replace("'web*'", "'web*:&db', allow_empty: true") + "canary: tier=front\n"
    done = dockwave("plan", "-f", file_of(tmp_path, text))
    assert done.exit_code == 0, done.output
    assert service.requests[0].hosts == ()
    assert service.requests[0].allow_empty
    assert "0 hosts" in done.stdout


def test_any_option_works_without_a_file(dockwave: Dockwave, service: ScriptedService) -> None:
    done = dockwave(
        *FLAGS[:3], "all", *FLAGS[4:], "-O", "order={by: shuffle, seed: 2}", "-O", "canary=tier=back"
    )
    assert done.exit_code == 0, done.output
    names = [host.name for host in service.requests[0].hosts]
    assert names[0] == "db-1"
    assert sorted(names[1:]) == ["web-1", "web-2", "web-3"]
    assert service.requests[0].policy.waves[0] == Share(value=1)


def test_canaries_that_do_not_fit_the_first_wave_are_refused(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    text = HEAD.replace("'web*'", "all") + "canary: tier=front\nwaves: [2, rest]\n"
    done = dockwave("plan", "-f", file_of(tmp_path, text))
    assert done.exit_code == 2
    assert "canary chooses 3 of 4 hosts, more than the 2 of the first wave" in done.stderr
    assert dockwave("plan", "-f", file_of(tmp_path, text), "--waves", "3,rest").exit_code == 0
    assert len(service.requests) == 1


def test_a_percentage_of_one_host_is_that_host(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    text = HEAD.replace("'web*'", "db-1") + "waves: [1%, 10%, rest]\nmax_failures: 50%\n"
    assert dockwave("plan", "-f", file_of(tmp_path, text)).exit_code == 0
    (run,) = service.kept["c00000000"].runs
    assert run.wave == 1


REFUSED: list[tuple[str, tuple[str, ...], str]] = [
    (HEAD.replace("'web*'", "nosuch"), (), "campaign.yaml:4:18: no host and no group is called"),
    (HEAD, ("--on", ""), "--on: no hosts are chosen"),
    (HEAD, ("--on", "*"), '--on: the pattern "*" is every host there is'),
    (HEAD, ("--set", "targets=everything"), '"everything"'),
    (HEAD, ("--parallel", "0"), "--parallel cannot be 0"),
    (HEAD, ("--option", "windows={}"), "windows say neither when nor when not"),
    (HEAD + "waves: [{hosts: 1, name: a b}]\n", (), '"a b" is not a word of letters'),
    (HEAD + "canary: tier=blue\n", (), 'canary "tier=blue" chooses none of the 3 hosts'),
    (HEAD + "order: {by: rank, label: tier}\n", (), "the label tier of web-1 is"),
    (HEAD + "order: {by: rank, label: rnak}\n", (), 'order by label "rnak": none of the 3 hosts has it'),
    (HEAD + "order: {by: label, label: rnak}\n", (), 'order by label "rnak": none of the 3 hosts has it'),
    (HEAD + "spread: rcak\n", (), 'spread over label "rcak": none of the 3 hosts has it'),
    (HEAD, ("-O", "spread=rcak"), 'spread over label "rcak": none of the 3 hosts has it'),
    (
        HEAD + "budgets: {max_unavailable: {tier: 1, rcak: 1}}\n",
        (),
        'budget of label "rcak": none of the 3 hosts has it',
    ),
    (
        HEAD + "stop_rules: [{kind: any, tolerate: 0, scope: label, label: rcak}]\n",
        (),
        'stop rule of label "rcak": none of the 3 hosts has it',
    ),
]


@pytest.mark.parametrize(("text", "flags", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_cannot_be_planned_is_refused_before_anything_is_sent(
    dockwave: Dockwave,
    service: ScriptedService,
    tmp_path: Path,
    text: str,
    flags: tuple[str, ...],
    words: str,
) -> None:
    done = dockwave("plan", "-f", file_of(tmp_path, text), *flags)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert service.requests == []


def test_another_procedure_on_the_command_line_is_refused(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    done = dockwave("plan", "health.check", "-f", file_of(tmp_path, HEAD))
    assert done.exit_code == 2
    assert 'the file is about "disk.cleanup" and the command line about "health.check"' in done.stderr
    assert service.requests == []


def test_init_prints_a_file_that_plans_as_it_is(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    path = tmp_path / "new.yaml"
    printed = dockwave("campaign", "init", "disk.cleanup")
    assert dockwave("campaign", "init", "disk.cleanup", "--out", str(path)).exit_code == 0
    assert path.read_text() == printed.stdout
    assert dockwave("plan", "-f", str(path)).exit_code == 0
    assert len(service.requests[0].hosts) == 4


def test_init_overwrites_nothing_unless_told_so(bare: Dockwave, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text("mine")
    done = bare("campaign", "init", "disk.cleanup", "--out", str(path))
    assert (done.exit_code, path.read_text()) == (2, "mine")
    assert "--force" in done.stderr
    assert bare("campaign", "init", "disk.cleanup", "--out", str(path), "--force").exit_code == 0
    assert bare("campaign", "init", "disk.cleanup", "--out", str(tmp_path / "no/where")).exit_code == 2
    assert bare("campaign", "init", "disk.clean").exit_code == 2


def test_validate_with_an_inventory_says_which_hosts_go_in_which_waves(
    bare: Dockwave, inventory: Path, tmp_path: Path
) -> None:
    text = HEAD.replace("'web*'", "all") + "canary: tier=back\nspread: tier\nparallelism: 2\n"
    done = bare("campaign", "validate", file_of(tmp_path, text), "-i", str(inventory), "-o", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["hosts"] == ["db-1", "web-1", "web-2", "web-3"]
    assert found["wave_sizes"] == [1, 1, 2]
    assert found["policy"] == {"parallelism": 2}
    short = bare("campaign", "validate", file_of(tmp_path, text), "-i", str(inventory))
    assert "4 hosts in waves of 1, 1, 2" in short.stderr
    assert short.stderr.splitlines()[-3:] == ["wave 1: db-1", "wave 2: web-1", "wave 3: web-2, web-3"]
    slip = bare("campaign", "validate", file_of(tmp_path, text + "budgets: {max_unavailable: {teir: 1}}\n"),
                "-i", str(inventory))  # fmt: skip
    assert slip.exit_code == 2
    assert 'budget of label "teir": none of the 4 hosts has it' in slip.stderr


def test_validate_needs_neither_inventory_nor_control_plane(bare: Dockwave, tmp_path: Path) -> None:
    done = bare("campaign", "validate", file_of(tmp_path, HEAD))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "is sound: disk.cleanup on web*" in done.stderr


def test_the_schema_of_the_file_is_exported(bare: Dockwave) -> None:
    done = bare("schema", "export", "campaign-file")
    assert json.loads(done.stdout)["title"] == "Dockwave campaign file"
