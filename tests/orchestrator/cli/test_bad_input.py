"""What cannot be used is refused with exit code 2, the value, the limit and the fix; nothing is sent or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.scripted import ScriptedService

PLAN = ("plan", "disk.cleanup", "--on", "web*")
SET = ("--set", "targets=containers")

FLAGS: list[tuple[tuple[str, ...], str]] = [
    (("plan",), "Missing argument"),
    (("plan", "disk.cleanup"), "Missing option"),
    ((*PLAN, "--frobnicate"), "No such option"),
    ((*PLAN, "--wave", "1", *SET), "No such option"),
    (("plan", "disk.clean", "--on", "all"), "disk.cleanup"),
    (("plan", "", "--on", "all"), "no procedure named"),
    (("plan", "../../etc/passwd", "--on", "all"), "no procedure named"),
    (("plan", "\x1b[31mx", "--on", "all"), "no procedure named"),
    (("plan", "disk.cleanup", "--on", "", *SET), "error"),
    (("plan", "disk.cleanup", "--on", "   ", *SET), "error"),
    (("plan", "disk.cleanup", "--on", "nosuch", *SET), "nosuch"),
    (("plan", "disk.cleanup", "--on", "!web-1", *SET), "error"),
    (("plan", "disk.cleanup", "--on", "web*:!web*", *SET), "error"),
    (("plan", "disk.cleanup", "--on", "tier=nowhere", *SET), "error"),
    (("plan", "disk.cleanup", "--on", "all", *SET, "-i", "/nonexistent.yaml"), "/nonexistent.yaml"),
    ((*PLAN, "--set", "targets"), "not key=value"),
    ((*PLAN, "--set", "=x"), "not key=value"),
    ((*PLAN, "--set", "Targets=x"), "not key=value"),
    ((*PLAN, "--set", "a-b=x"), "not key=value"),
    ((*PLAN, *SET, *SET), "twice"),
    ((*PLAN, "--set", "target=containers"), "Did you mean targets?"),
    ((*PLAN, "--set", "targets=everything"), "targets"),
    ((*PLAN, *SET, "--set", "min_age_s=-1"), "min_age_s"),
    ((*PLAN, *SET, "--set", "min_age_s=soon"), "min_age_s"),
    ((*PLAN, *SET, "--set", "min_age_s=NaN"), "min_age_s"),
    ((*PLAN, *SET, "--set", "keep_last_tags=2.5"), "keep_last_tags"),
    ((*PLAN, *SET, "--waves", ""), "--waves"),
    ((*PLAN, *SET, "--waves", "0"), "--waves"),
    ((*PLAN, *SET, "--waves", "-1"), "--waves"),
    ((*PLAN, *SET, "--waves", "1,,rest"), "--waves"),
    ((*PLAN, *SET, "--waves", "101%"), "--waves"),
    ((*PLAN, *SET, "--waves", "rest,1"), "--waves"),
    ((*PLAN, *SET, "--waves", "1.5"), "--waves"),
    ((*PLAN, *SET, "--waves", "1, rest"), "--waves"),
    ((*PLAN, *SET, "--waves", "NaN%"), "--waves"),
    ((*PLAN, *SET, "--waves", "1e3"), "--waves"),
    ((*PLAN, *SET, "--parallel", "0"), "--parallel"),
    ((*PLAN, *SET, "--parallel", "-1"), "--parallel"),
    ((*PLAN, *SET, "--parallel", "1001"), "1000"),
    ((*PLAN, *SET, "--parallel", "many"), "Invalid value for"),
    ((*PLAN, *SET, "--parallel", "1.5"), "Invalid value for"),
    ((*PLAN, *SET, "--monitor", "30"), "--monitor 30s"),
    ((*PLAN, *SET, "--monitor", ""), "--monitor"),
    ((*PLAN, *SET, "--monitor", "-5s"), "--monitor"),
    ((*PLAN, *SET, "--monitor", "5 s"), "--monitor"),
    ((*PLAN, *SET, "--monitor", "8d"), "7d"),
    ((*PLAN, *SET, "--monitor", "1m1h"), "--monitor"),
    ((*PLAN, *SET, "--monitor", "infs"), "--monitor"),
    ((*PLAN, *SET, "--delay", "soon"), "--delay"),
    ((*PLAN, *SET, "--delay", "1h1h"), "--delay"),
    ((*PLAN, *SET, "--max-failures", "-1"), "--max-failures"),
    ((*PLAN, *SET, "--max-failures", "101%"), "--max-failures"),
    ((*PLAN, *SET, "--max-failures", "some"), "--max-failures"),
    ((*PLAN, *SET, "--window", "sometimes"), '"sometimes" is not days, hours and a time zone'),
    ((*PLAN, *SET, "--window", "Mon 09:00-16:00"), "without a time zone"),
    ((*PLAN, *SET, "--blackout", "2026-12-24"), "without a time zone"),
    ((*PLAN, *SET, "--blackout", "tomorrow"), "neither a date nor an .ics file"),
    ((*PLAN, *SET, "--reason", "a\nb"), "--reason"),
    ((*PLAN, *SET, "--reason", "x" * 501), "500"),
    ((*PLAN, *SET, "-o", "yaml"), "table, json"),
    ((*PLAN, *SET, "--out", "/nonexistent/dir/p.plan"), "--out"),
    (("apply",), "Missing argument"),
    (("apply", "/nonexistent.plan"), "There is no plan file"),
    (("apply", "/"), "cannot be read"),
    (("apply", "/dev/null"), "it is empty"),
    (("watch", "c0", "--timeout", "tomorrow"), "--timeout"),
    (("ls", "--limit", "0"), "--limit"),
    (("ls", "--limit", "1001"), "--limit"),
    (("ls", "-o", "csv"), "table, json, name"),
    (("show", "c0", "-o", "html"), "--output"),
    (("show", "../../v1/status"), "error"),
    (("logs", "c0"), "Missing argument"),
    (("abort", "c0", "--reason", "a\x00b"), "--reason"),
    (("procedures", "no.such"), "no procedure named"),
    (("schema", "export", "nothing"), "inventory, campaign"),
    (("worker",), "--host NAME or --gateway POOL"),
    (("worker", "--host", "a", "--gateway", "b"), "either an agent or a gateway"),
    (("worker", "--host", "--rm"), "--host"),
    (("worker", "--gateway", "a b"), "--gateway"),
    (("up", "--listen", "not an address"), "--listen"),
    (("up", "--agent", "-x"), "--agent"),
    (("up", "--pool", "../x"), "--pool"),
    (("up", "--port-base", "80"), "from 1024 to 65533"),
    (("up", "--port-base", "x"), "Invalid value for"),
    (("up", "--data-dir", "/var/lib/dockwave"), "journal of a managed host"),
    (("up", "--broker-url", "http://x"), "redis://"),
    (("config", "show", "--config", "/nonexistent.toml"), "cannot be read"),
    (("nosuch",), "No such command"),
    (("hosts", "trust", "-i", "/nonexistent.yaml"), "/nonexistent.yaml"),
]


@pytest.mark.parametrize(("argv", "words"), FLAGS, ids=[" ".join(argv)[:60] for argv, _ in FLAGS])
def test_a_bad_flag_is_refused_with_its_value_and_the_fix(
    dockwave: Dockwave, service: ScriptedService, argv: tuple[str, ...], words: str
) -> None:
    done = dockwave(*argv)
    assert done.exit_code == 2, done.output
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "\x1b[31m" not in done.stderr
    assert "Traceback" not in done.output
    assert service.requests == []


def test_an_inventory_must_come_from_somewhere(bare: Dockwave) -> None:
    done = bare(*PLAN, *SET)
    assert done.exit_code == 2
    assert "-i FILE" in done.stderr


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """A change of the plan file's JSON."""

    def changed(raw: bytes) -> bytes:
        content = json.loads(raw)
        change(content)
        return json.dumps(content).encode()

    return changed


PLAN_FILES: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty", lambda _raw: b"", "it is empty"),
    ("cut short", lambda raw: raw[: len(raw) // 2], "line"),
    ("no JSON", lambda _raw: b"PLAN c0\n", "line 1"),
    ("binary", lambda _raw: b"\x00\xff\xfe", "UTF-8"),
    ("byte order mark", lambda raw: b"\xef\xbb\xbf" + raw, "byte order mark"),
    ("duplicate key", lambda raw: raw.replace(b'"sha256":', b'"sha256": "x", "sha256":', 1), "comes twice"),
    ("something else", lambda _raw: b'{"version": 1}', "not a Dockwave plan file"),
    ("a list", lambda _raw: b"[]", "not a Dockwave plan file"),
    ("newer version", edit(lambda plan: plan.update(dockwave_plan=2)), "version 2"),
    ("unknown field", edit(lambda plan: plan.update(extra=1)), "unknown field 'extra'"),
    ("no hash", edit(lambda plan: plan.pop("sha256")), "missing"),
    ("no document", edit(lambda plan: plan.pop("document")), "missing"),
    ("another hash", edit(lambda plan: plan.update(sha256="0" * 64)), "was edited"),
    ("a host removed", edit(lambda plan: plan["document"]["hosts"].pop()), "was edited"),
    ("a parameter", edit(lambda plan: plan["document"]["params"].update(min_age_s=0)), "was edited"),
    (
        "the expiry",
        edit(lambda plan: plan["document"].update(expires_at="2099-01-01T00:00:00+00:00")),
        "was edited",
    ),
    ("parallelism", edit(lambda plan: plan["document"]["policy"].update(parallelism=99)), "was edited"),
    ("one bit", lambda raw: raw.replace(b"web-1", b"web-9", 1), "was edited"),
    ("nested too deep", lambda _raw: b"[" * 5000, "nested deeper"),
    ("NaN", lambda raw: raw.replace(b'"delay_s": 0.0', b'"delay_s": NaN', 1), "NaN"),
]


@pytest.mark.parametrize(
    ("change", "words"), [case[1:] for case in PLAN_FILES], ids=[case[0] for case in PLAN_FILES]
)
def test_a_plan_file_that_is_not_the_plan_is_refused(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    path = tmp_path / "p.plan"
    assert dockwave(*PLAN, *SET, "--out", str(path)).exit_code == 0
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before, "the case changes nothing"
    done = dockwave("apply", str(path), "--yes")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Make a new one" in done.stderr
    assert service.applied == []


def test_formatting_a_plan_file_anew_changes_nothing_that_counts(
    dockwave: Dockwave, service: ScriptedService, tmp_path: Path
) -> None:
    path = tmp_path / "p.plan"
    dockwave(*PLAN, *SET, "--out", str(path))
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=8))
    assert dockwave("apply", str(path), "--yes").exit_code == 0
