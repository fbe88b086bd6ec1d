"""A first campaign file for a procedure: commented, valid as it is, with every option the engine carries out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.catalog import AnyProcedure
from tasks.model import Kind

#: parameters of procedures that do nothing, or cannot do anything, without a choice of their own
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "disk.cleanup": {"preset": "safe"},
    "engine.rollback": {"snapshot_id": "c0example"},
}

_HEAD = """\
# {summary}
# Check it:    dockwave campaign validate FILE -i hosts.yaml
# Look at it:  dockwave plan -f FILE -i hosts.yaml
# Flags win over this file: dockwave plan -f FILE --on 'web-1' --waves all
# yaml-language-server: $schema=./campaign-file.schema.json
version: 1
procedure: {name}
# reason: why, for the record
"""

_TARGETS = """
targets:
  # a pattern over the inventory; nothing means every host by accident, all must be said
  match: all
  # allow_unreachable: true       # plan although hosts do not answer
"""

_CHANGING = """
# Sizes of the waves: counts, percentages (rounded down, never below one host), rest; the last one repeats.
waves: [1, 10%, rest]
# waves: [{{size: 1, name: canary}}, {{size: rest, parallel: 4}}]    # with a name, or hosts changing at a time
# ramp: {first: 1, factor: 2, most: 40}    # instead of waves: 1, 2, 4, ... hosts
# order: {by: name}               # or {by: label, label: KEY}, {by: rank, label: KEY}, {by: shuffle, seed: 7}
# spread: region                  # hosts of one region as far from each other as they can be
# canary: tier=canary             # hosts with this label go first

parallelism: 1                    # hosts changing at the same time
delay: 5m                         # pause between waves
monitor: 1m                       # how long each host is watched after its change, then read again

# budgets: {max_unavailable: {rack: 1}, fleet: 10%}   # how many hosts may be away at a time, all campaigns together
quorum: label                     # containers labelled dockwave.service: no two hosts of one away; compose, off

# One more than tolerated, and it stops. Without rules: none in the first wave, 10 % of each later one.
stop_rules:
  - {kind: any, tolerate: 0, waves: [1], action: halt}
  - {kind: any, tolerate: 10%, from_wave: 2, action: halt}
# max_failures: 5%                # instead: one rule over the whole campaign

rollback:
  failed_hosts: true              # a host that was changed and then failed is brought back
  parallelism: 1
  control_hosts: 2                # untouched hosts read before: when all of them fail too, a person looks first
  # monitor: 1m                   # how long each host is watched after it was brought back
"""

_READING = """
# Reading disturbs nobody: all hosts in one wave, 50 at a time, unless told otherwise.
# waves: [10%, rest]
# parallelism: 50
# order: {by: name}               # or {by: label, label: KEY}, {by: rank, label: KEY}, {by: shuffle, seed: 7}
# canary: tier=canary             # hosts with this label go first
# max_failures: 5%
"""

_TAIL = """
# clocks:
#   host: {{stop: {host}}}            # one attempt on one host; this is what the procedure says
# retries: {{attempts: 3, orders: 3}}
# delivery:                       # patience with hosts that say nothing
#   {{heartbeat_timeout: 30s, order_ttl: 60s, resend_after: 10s, ask_every: 30s, unknown_grace: 2m, unknown_wait: 10m}}
# plan: {{expires: 24h}}
"""


def template(procedure: AnyProcedure) -> str:
    """The text of a campaign file for a procedure."""
    spec = procedure.spec
    reading = spec.kind is Kind.READ_ONLY
    return "".join(
        (
            _HEAD.format(summary=_comment(spec.summary), name=spec.name),
            *(f"{line}\n" for line in _params(procedure)),
            _TARGETS,
            _READING if reading else _CHANGING,
            _TAIL.format(host=f"{spec.timeout_s:.0f}s"),
        )
    )


def _params(procedure: AnyProcedure) -> Iterator[str]:
    """Those that must be given, and the others as comments with their defaults."""
    schema = procedure.params_type.model_json_schema()
    known: Mapping[str, Any] = schema.get("properties", {})
    chosen = {name: _example(known[name], schema) for name in schema.get("required", ())}
    chosen |= EXAMPLES.get(procedure.spec.name, {})
    if not known:
        return
    yield ""
    yield "params:" if chosen else "# params:"
    for name, part in known.items():
        said = _comment(str(part.get("description", "")))
        if name in chosen:
            yield f"  # {said}" if said else "  # it must be given"
            yield f"  {name}: {json.dumps(chosen[name])}"
        else:
            default = f"  {name}: {json.dumps(part.get('default'))}"
            yield f"  # {default.strip()}" + (f"    # {said}" if said else "")


def _example(part: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A value the schema of a required parameter takes, as far as a schema tells."""
    part = root.get("$defs", {}).get(str(part.get("$ref", "")).removeprefix("#/$defs/"), part)
    for option in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        if option.get("type") != "null":
            return _example(option, root)
    if part.get("examples"):
        return part["examples"][0]
    if part.get("enum"):
        return part["enum"][0]
    if "const" in part:
        return part["const"]
    match part.get("type"):
        case "integer" | "number":
            return part.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return [_example(part.get("items", {}), root)]
        case "object":
            return {}
        case _:
            return "example"


def _comment(text: str) -> str:
    """One line that stays a comment."""
    return " ".join(text.split())
