"""What a campaign file may contain, as models that check it and export its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from orchestrator.campaign.rollout import Quorum, Share
from orchestrator.campaign.waves import MAX_COUNT
from orchestrator.campaignfile import values
from orchestrator.campaignfile.gates import Gate
from orchestrator.campaignfile.limits import (
    Approval,
    Budgets,
    Clocks,
    Delivery,
    Notify,
    Pause,
    PlanEntry,
    Retries,
    Rollback,
    Soak,
    WindowsEntry,
)
from orchestrator.campaignfile.lists import some
from orchestrator.campaignfile.rollout import Order, Ramp, Rule, Slots, Waves
from orchestrator.documents.model import Record, json_schema_of


class Targets(Record):
    """Which hosts, of the inventory given by -i or by the settings."""

    match: values.Match = Field(description='Pattern as of --on: "web*:!web3", "region=eu,tier!=front", all.')
    allow_unreachable: values.Flag | None = Field(
        default=None, description="Plan although hosts do not answer; false by default."
    )
    allow_empty: values.Flag | None = Field(
        default=None,
        description="No host is no error either.",
    )


class CampaignFile(Record):
    """One procedure, its targets, and how it goes over them."""

    version: values.Version = Field(description="Version of this format.")
    procedure: values.ProcedureName = Field(description="Its name; `dockwave procedures` lists them.")
    params: dict[values.ParamKey, Any] = Field(default_factory=dict, description="Its parameters.")
    targets: Targets = Field(description="Which hosts.")
    reason: values.Sentence | None = Field(default=None, description="Why, for the record.")
    waves: Waves | None = Field(
        default=None, description="Sizes of the waves; the last repeats. [1, 10%, rest] by default."
    )
    ramp: Ramp | None = Field(default=None, description="Growing waves, instead of waves.")
    order: Order | None = Field(default=None, description="Which hosts go first; by name by default.")
    spread: values.LabelKey | None = Field(
        default=None, description="Label whose values follow each other as evenly as they can."
    )
    canary: values.Label | None = Field(
        default=None, description="Label (key or key=value) of the hosts that go first."
    )
    parallelism: Slots | None = Field(default=None, description="Hosts changing at a time.")
    delay: Pause | None = Field(default=None, description="Pause between waves.")
    monitor: Soak | None = Field(default=None, description="How long each host is watched after its change.")
    max_failures: Annotated[Share, *values.share("max_failures", zero=True)] | None = Field(
        default=None, description="Failures tolerated in the whole campaign, instead of stop_rules."
    )
    stop_rules: Annotated[tuple[Rule, ...], some("stop_rules", 50)] | None = Field(
        default=None, description="When it stops; 0 in the first wave and 10 % of later ones by default."
    )
    gates: Annotated[tuple[Gate, ...], some("gates", 50)] | None = Field(
        default=None, description="What is asked before going on."
    )
    budgets: Budgets | None = Field(default=None, description="How much may be away at a time.")
    quorum: Annotated[str, *values.choice("quorum", Quorum)] | None = Field(
        default=None,
        description="Replicas of which services are never away on two hosts at once; label by default.",
    )
    approval: Approval | None = Field(default=None, description="Who must agree.")
    one_way_hosts: Annotated[int, *values.count("one_way_hosts", 0, MAX_COUNT)] | None = Field(
        default=None,
        description="Hosts with steps that cannot be taken back, above which somebody else must agree; 20.",
    )
    windows: WindowsEntry | None = Field(default=None, description="When hosts may be started.")
    clocks: Clocks = Field(default_factory=Clocks, description="How long things may take.")
    retries: Retries = Field(default_factory=Retries, description="How often is tried again.")
    rollback: Rollback = Field(default_factory=Rollback, description="How hosts are brought back.")
    notify: Annotated[tuple[Notify, ...], some("notify", 50)] | None = Field(
        default=None, description="Who is told."
    )
    delivery: Delivery = Field(default_factory=Delivery, description="Patience with silent hosts.")
    plan: PlanEntry = Field(default_factory=PlanEntry, description="What holds of the plan.")


def campaign_json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a campaign file, for editors and CI."""
    return json_schema_of(CampaignFile, "Dockwave campaign file")
