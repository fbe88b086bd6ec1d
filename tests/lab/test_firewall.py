"""The packet filter is after an engine as it was before it; tried in a network namespace of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.services

#: what an engine does when it starts, as iptables words
ENGINE = """
import sys
from pathlib import Path
from deploy.lab import firewall
from deploy.lab.command import run

def rules():
    return [run(["iptables", "--table", table, "--list-rules"]) for table in ("nat", "filter")]

def engine():
    for words in (
        "-t nat -N DOCKER", "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER", "-N DOCKER", "-N DOCKER-USER",
        "-N DOCKER-ISOLATION-STAGE-1", "-N DOCKER-ISOLATION-STAGE-2", "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-ISOLATION-STAGE-1", "-A DOCKER-USER -j RETURN",
        "-A DOCKER-ISOLATION-STAGE-1 -i lo -j DOCKER-ISOLATION-STAGE-2", "-P FORWARD DROP",
    ):
        run(["iptables", *words.split()])
    firewall.FORWARDING.write_text("1")

memory = Path(sys.argv[1])
run(["iptables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"])
firewall.FORWARDING.write_text("0")
if sys.argv[2] == "another engine":
    engine()
before = rules()
firewall.remember(memory)
if sys.argv[2] == "none":
    engine()
    assert rules() != before
firewall.restore(memory)
assert rules() == before, rules()
print(firewall.FORWARDING.read_text().strip(), memory.exists())
"""


def in_namespace(memory: Path, others: str) -> str:
    """What the script printed in a fresh network namespace."""
    argv = ["unshare", "--net", sys.executable, "-c", ENGINE, str(memory), others]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    if "Operation not permitted" in done.stderr:
        pytest.skip("a network namespace needs root")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_chains_policy_and_forwarding_are_as_before(tmp_path: Path) -> None:
    assert in_namespace(tmp_path / "memory.json", "none") == "0 False"


def test_chains_of_an_engine_that_was_there_before_are_left_to_it(tmp_path: Path) -> None:
    assert in_namespace(tmp_path / "memory.json", "another engine") == "1 False"
