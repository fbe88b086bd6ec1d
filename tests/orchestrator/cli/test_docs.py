"""docs/cli.md names what exists, and all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from orchestrator.campaign.states import HostState
from orchestrator.cli import exits
from orchestrator.cli.main import app
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.views import CampaignView, HostView
from orchestrator.settings.settings import KNOWN

TEXT = (Path(__file__).parents[3] / "docs/cli.md").read_text()


def flags_of(command: Any) -> set[str]:
    """Every long flag of a command and of those below it."""
    found = {
        name
        for parameter in command.params
        for name in getattr(parameter, "opts", ())
        if name.startswith("--")
    }
    for inner in getattr(command, "commands", {}).values():
        found |= flags_of(inner)
    return found


def test_every_flag_in_the_text_exists() -> None:
    known = flags_of(get_command(app)) | {"--install-completion", "--help"}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= known


def test_every_verb_is_in_the_text() -> None:
    assert len(getattr(get_command(app), "commands", {})) >= 19
    for verb in getattr(get_command(app), "commands", {}):
        assert f"`{verb}" in TEXT, verb


def test_every_exit_code_is_in_the_text() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}


def test_every_setting_field_and_glyph_is_in_the_text() -> None:
    for name in (*KNOWN, *CampaignView.model_fields, *HostView.model_fields):
        assert name in TEXT, name
    for state in HostState:
        assert HOST_MARKS[state].glyph in TEXT, state
