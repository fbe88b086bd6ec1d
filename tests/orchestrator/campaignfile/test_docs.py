"""docs/campaign-file.md says what is true: its example is valid, its keys exist, its list is the list."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.campaignfile.load import load_campaign_file
from orchestrator.campaignfile.schema import CampaignFile

TEXT = (Path(__file__).parents[3] / "docs/campaign-file.md").read_text()


def test_the_example_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "campaign.yaml"
    path.write_text(example)
    assert load_campaign_file(path).model.spread == "region"


def test_every_supported_key_has_its_line() -> None:
    table = TEXT.partition("## Options")[2].partition("\n## ")[0]
    named = {name.partition(".")[0] for name in re.findall(r"`([a-z_.]+)`", table)}
    assert set(CampaignFile.model_fields) <= named
    keys = {
        key.partition(".")[0]
        for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for key in re.findall(r"`([a-z_.]+)`", line)
    }
    assert keys <= set(CampaignFile.model_fields)
