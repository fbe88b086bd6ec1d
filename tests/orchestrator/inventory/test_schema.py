"""The exported JSON Schema is valid, takes what the loader takes, and the documented examples are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from orchestrator.inventory.load import load_inventory
from orchestrator.inventory.schema import inventory_json_schema
from orchestrator.inventory.selection import select

DOCUMENT = Path(__file__).parents[3] / "docs/inventory.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def errors_of(content: str) -> list[str]:
    value: Any = YAML(typ="safe", pure=True).load(content)
    return [error.message for error in Draft202012Validator(inventory_json_schema()).iter_errors(value)]


def test_the_exported_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(inventory_json_schema())


def test_the_document_has_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_documented_example_loads_and_fits_the_schema(example: str, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(example)

    assert load_inventory([path]).hosts
    assert errors_of(example) == []


def test_every_documented_pattern_chooses_hosts_of_the_first_example(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(EXAMPLES[0])
    inventory = load_inventory([path])
    section = DOCUMENT.read_text().partition("## Patterns")[2].partition("\n## ")[0]
    patterns = re.findall(r"^\| `([^`|]+)` \|", section, re.MULTILINE)

    assert len(patterns) >= 8
    for pattern in patterns:
        assert select(inventory, pattern, read_file=lambda _path: "db-08\n"), pattern


@pytest.mark.parametrize(
    "content",
    [
        "hosts: {a1: {}}",
        "version: 2",
        "{version: 1, host: {}}",
        "{version: 1, hosts: [a1]}",
        "{version: 1, hosts: {a1: {connect: worker}}}",
        "{version: 1, hosts: {a1: {ssh: {port: 0}}}}",
        "{version: 1, hosts: {a1: {ssh: {user: null}}}}",
        "{version: 1, groups: {w: {hosts: a1}}}",
        "{version: 1, protect: {containers: [x]}}",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(content: str) -> None:
    assert errors_of(content)


@pytest.mark.parametrize("jump", ["bastion", "{address: b, port: 5}", "[a, {address: b}]", "[]"])
def test_the_schema_knows_every_form_of_a_jump(jump: str) -> None:
    assert errors_of(f"{{version: 1, hosts: {{a1: {{ssh: {{jump: {jump}}}}}}}}}") == []
