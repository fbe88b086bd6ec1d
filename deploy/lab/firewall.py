"""What starting an engine does to this machine's packet filter, remembered before and undone after.

An engine leaves its chains, a FORWARD policy of DROP and forwarding switched on when it stops. The lab's engine must
leave nothing, so what it found is written down first.
"""

import json
import shlex
import shutil
from pathlib import Path

from deploy.lab.command import attempt, program_path, run

PROGRAMS = ("iptables", "ip6tables")
TABLES = ("nat", "filter")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def remember(file: Path) -> None:
    """The file says how forwarding was before the engine; one that exists already knows better."""
    if file.exists():
        return
    programs = [program for program in PROGRAMS if shutil.which(program, path=program_path())]
    policies = {program: _policy(program) for program in programs}
    taken = [program for program in programs if any(_chains(program, table) for table in TABLES)]
    record = {"forwarding": FORWARDING.read_text().strip(), "policies": policies, "taken": taken}
    file.write_text(json.dumps(record))


def restore(file: Path) -> None:
    """The packet filter is as it was; chains that another engine owned before are left to it."""
    if not file.exists():
        return
    record = json.loads(file.read_text())
    for program, policy in record["policies"].items():
        if program in record["taken"]:
            continue
        for table in TABLES:
            _remove_chains(program, table)
        if policy:
            run([program, "--wait", "--policy", "FORWARD", policy])
    if not record["taken"]:
        FORWARDING.write_text(record["forwarding"])
    file.unlink()


def _rules(program: str, table: str) -> list[list[str]]:
    done = attempt([program, "--wait", "--table", table, "--list-rules"])
    return [shlex.split(line) for line in done.out.splitlines()] if done.status == 0 else []


def _policy(program: str) -> str | None:
    return next((rule[2] for rule in _rules(program, "filter") if rule[:2] == ["-P", "FORWARD"]), None)


def _chains(program: str, table: str) -> list[str]:
    """The engine's own chains in a table."""
    named = (rule[1] for rule in _rules(program, table) if rule[0] == "-N")
    return [name for name in named if name == "DOCKER" or name.startswith("DOCKER-")]


def _remove_chains(program: str, table: str) -> None:
    """No chain of an engine is left, nor a rule that jumps to one."""
    chains = _chains(program, table)
    base = [program, "--wait", "--table", table]
    for rule in _rules(program, table):
        if rule[0] == "-A" and rule[1] not in chains and rule[-2:-1] == ["-j"] and rule[-1] in chains:
            run([*base, "--delete", *rule[1:]])
    for chain in chains:
        run([*base, "--flush", chain])
    for chain in chains:
        run([*base, "--delete-chain", chain])
