"""docs/failure-semantics.md has every case, and every test it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOMS = ("campaign", "gates", "loop", "service", "simulate", "store", "transport")
#: `FILE::TEST` in a row of the document
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
CASES = (
    "killed before and after every commit and publish: same end, nothing twice",
    "killed during an undo or a rollback",
    "killed for real, with and without its gateway",
    "counters, soak ends and deadlines survive",
    "approvals survive",
    "dead time alone satisfies no soak: the host is read again first",
    "dead time fails no wait for a person; an approval that expires does so by the clock",
    "two orchestrators: the old number is refused by the store",
    "two orchestrators: the old number is refused by hosts",
    "a restart takes over only what is its own or has run out",
    "the database is down in mid-wave",
    "the database is put back to an earlier moment: what hosts did since is not done twice",
    "the broker is down in mid-wave",
    "the broker's data is lost",
    "the orchestrator's own host is a target",
    "the order comes twice while the first copy runs",
    "the order comes again after the first copy ended",
    "a success comes after a timeout",
    "a success comes after a retry",
    "a success comes after the rollback began",
    "a success comes after an abort, or after the end",
    "a worker is killed before, during and after the change",
    "SSH is cut in mid-step",
    "the host reboots in mid-step",
    "a restarted engine kills the worker's own container",
    "a result is too big, malformed or no report at all",
    "a result of the wrong attempt or the wrong host",
    "down before the start",
    "lost in mid-change",
    "back later",
    "another machine under the same name",
    "removed from the inventory in mid-run",
    "a whole wave goes dark: pause, no rollback",
    "the sum of states is the number of hosts",
    "0, 0 %, 100 %, exact equality",
    "one host",
    "a wave smaller than the sample",
    "a count and its percentage are the same",
    "a percentage of the wave and of the campaign",
    "bad values are refused",
    "several breaches in one tick are one stop",
    "the overshoot is at most the hosts at work, and shown before",
    "a host that fails twice counts once",
    "a host found right is neither success nor failure",
    "the gate fails to answer",
    "no data, or old data",
    "the gate flaps",
    "inconclusive, then overridden: that gate only",
    "red in the last second of the last soak",
    "a container dies in the soak",
    "the pause between waves is longer than the soak",
    "the host was unhealthy before: judged by its change",
    "containers that ran before are missing, or new ones run",
    "running containers: no data, no answer, flapping, stale, no snapshot",
    "restarts and an engine that is away are judged over several readings",
    "a failure during a pause is still seen",
    "gate, window, switch and quarantine are looked at again right before a host starts",
    "a gate before a host: asked when it has a slot, and the others go on",
    "a gate before a host: no data, no answer, stale",
    "a gate before a host: flaps, inconclusive, overridden for this host only",
    "a host waited for its lock: its gates are asked again",
    "the order waited for the host's lock for too long",
    "DST both ways",
    "over midnight and over the week's end",
    "the window closes while a host is at work",
    "the window closes between waves",
    "what does not fit before the end is not started",
    "the clocks of hosts are wrong",
    "an approval expires",
    "an approver takes it back",
    "one approver denies",
    "the plan is changed after an approval",
    "what others approved is taken back",
    "somebody approves twice",
    "it fails on one host: quarantine, the others go on",
    "then the campaign is ROLLBACK_INCOMPLETE, never complete",
    "there is no earlier good state",
    "the earlier state is the present one",
    "the package is gone from the archive",
    "a one-way step was done already",
    "an abort, or a second request, during a rollback",
    "a rollback outside the window",
    "a rollback when untouched hosts have the same trouble",
    "a rollback of a rollback",
    "untouched hosts are never rolled back",
    "hosts found right are never rolled back",
    "budgets and replicas are kept during a rollback too",
    "the holder of a lease dies or hangs",
    "the budget stays used until the host is proven healthy",
    "a forced release is logged with its reason",
    "two campaigns on the same hosts",
    "two campaigns take locks in opposite order",
    "a budget larger than its group, a group of one",
    "every action in every state, twice in a row",
    "actions that race each other or a breach",
    "pause, resume, skip, abort, retry and rollback on real hosts",
    "the kill switch and a quarantine on real hosts",
    "an abort with nothing running changes nothing",
    "parameters edited after the plan",
    "a restart that is owed is done on resume",
    "I1: changing and unknown hosts never exceed `parallelism`",
    "I2: no group has more hosts away than its budget, over all campaigns",
    "I3: never two changing attempts on one host",
    "I4: at most one effect for a campaign, host and step",
    "I5: no start after an acknowledged abort, later than the order's expiry and the skew",
    "I6: the same for the kill switch",
    "I7: no wave before the one before it is settled, soaked, gated and approved",
    "I8: past a stop rule nothing starts but rollback",
    "I9: changed hosts are a subset of the plan's, under the approved hash",
    "I10: every ordered host ends in one state or stays visibly UNKNOWN",
    "I11: a final state tells the truth about its host",
    "I12: epochs only grow, also after the database was put back",
    "I13: the record comes before the effect, its chain verifies, and it matches the hosts' journals",
    "I14: approvers are not the author where two persons are asked",
    "I15: protected objects and objects in use are never deleted",
    "I16: no planted secret at any sink",
)


def _rows() -> dict[str, str]:
    lines = (TESTS.parent / "docs/failure-semantics.md").read_text().splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {case: shown for case, shown in cells if case not in {"case", "invariant", "---"}}


@cache
def _tests_of(file: str) -> frozenset[str]:
    folder = TESTS / "orchestrator" if file.split("/", maxsplit=1)[0] in ROOMS else TESTS
    tree = ast.parse((folder / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_case_is_in_the_document_once_and_in_this_order() -> None:
    assert tuple(_rows()) == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_tests_that_exist_or_says_why_not(case: str) -> None:
    shown = _rows()[case]
    named = NAMED.findall(shown)
    assert shown.startswith("not shown: ") or named, "neither a test nor a reason"
    assert shown.count("::") == len(named), "a test that is not written as `FILE::TEST`"
    missing = [f"{file}::{name}" for file, name in named if name not in _tests_of(file)]
    assert not missing
