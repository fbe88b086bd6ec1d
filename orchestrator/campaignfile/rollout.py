"""How a campaign goes over its hosts: sizes of waves, which hosts go first, and what stops it."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.campaign.policy import MAX_PARALLELISM
from orchestrator.campaign.rollout import FailureKind, Share
from orchestrator.campaign.waves import MAX_COUNT, MAX_WAVES
from orchestrator.campaignfile import values
from orchestrator.campaignfile.lists import some
from orchestrator.documents.document import Text
from orchestrator.documents.model import Record
from orchestrator.documents.problems import Flaw

Slots: TypeAlias = Annotated[int, *values.count("parallelism", 1, MAX_PARALLELISM)]

_ACTIONS = ("continue", "pause", "halt", "rollback", "rollback-wave", "rollback-campaign")


class Wave(Record):
    """The size of one wave, and what is special about it."""

    size: values.WaveSize | None = Field(default=None, description="Count, percentage or rest.")
    hosts: Annotated[int, *values.count("hosts", 1, MAX_COUNT)] | None = Field(
        default=None, description="Hosts of the wave."
    )
    percent: values.Percent | None = Field(default=None, description="Percentage of all hosts.")
    name: values.Word | None = Field(
        default=None, description="What people call it, in plans and on screens."
    )
    parallel: Slots | None = Field(
        default=None, description="Hosts of the wave changing at a time, instead of parallelism."
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        given = [key for key in ("size", "hosts", "percent") if getattr(self, key) is not None]
        if len(given) != 1:
            what = f"a wave has {' and '.join(given)}" if given else "a wave has no size"
            raise Flaw(what, "Give it one of size, hosts and percent.")
        return self

    @property
    def share(self) -> Share:
        """The size as a share."""
        if self.hosts is not None:
            return Share(value=self.hosts)
        found = self.size or self.percent
        if found is None:
            raise AssertionError("a wave has one size")
        return found


def wave_of(value: object) -> object:
    """Take a bare size for a wave of that size; one that is nothing is told as a size."""
    if isinstance(value, Text):
        values.parse_wave_size(value)
        return {"size": value}
    return value


class Ramp(Record):
    """Waves that grow: first, first x factor, and so on up to most, which repeats."""

    first: Annotated[int, *values.count("first", 1, MAX_COUNT)] = Field(
        default=1, description="Hosts of the first wave."
    )
    factor: Annotated[int, *values.count("factor", 2, 10)] = Field(
        default=2, description="How much larger each next wave is."
    )
    most: Annotated[int, *values.count("most", 1, MAX_COUNT)] | None = Field(
        default=None, description="Hosts of the largest wave."
    )

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.most is not None and self.most < self.first:
            raise Flaw(f"most {self.most} is below first {self.first}", "The largest wave is the last one.")
        return self


class Order(Record):
    """Which hosts go first."""

    by: Annotated[str, *values.choice("order", ("name", "label", "rank", "shuffle"))] = Field(
        description="name; label = by its value; rank = by the number in a label; shuffle = by a seed."
    )
    label: values.LabelKey | None = Field(default=None, description="Label of label and rank.")
    seed: Annotated[int, *values.count("seed", 0, 2**31 - 1)] | None = Field(
        default=None, description="Seed of shuffle: the same seed gives the same order."
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        needs = {"label": "label", "rank": "label", "shuffle": "seed"}.get(self.by)
        for key in ("label", "seed"):
            given = getattr(self, key) is not None
            if key == needs and not given:
                raise Flaw(f"order by {self.by} needs {key}", f"Add '{key}: ...'.")
            if key != needs and given:
                raise Flaw(f"order by {self.by} has no use for {key}", f"Remove {key}, or change by.")
        return self


class Rule(Record):
    """When the campaign stops: more hosts of a kind than tolerated."""

    kind: Annotated[str, *values.choice("kind", FailureKind)] = Field(
        default="any", description="What is counted."
    )
    tolerate: Annotated[Share, *values.share("tolerate", zero=True)] = Field(
        description="How many; one more stops. A percentage rounds down."
    )
    min_sample: Annotated[int, *values.count("min_sample", 0, MAX_COUNT)] = Field(
        default=0, description="Hosts that must be settled before the rule may speak."
    )
    scope: Annotated[str, *values.choice("scope", ("wave", "campaign", "label"))] = Field(
        default="wave", description="Over which hosts is counted."
    )
    label: values.LabelKey | None = Field(default=None, description="Label of scope label.")
    action: Annotated[str, *values.choice("action", _ACTIONS)] = Field(
        default="halt", description="What is done; rollback brings back the hosts of the scope."
    )
    waves: (
        Annotated[tuple[Annotated[int, *values.count("wave", 1, MAX_WAVES)], ...], some("waves", 100)] | None
    ) = Field(default=None, description="Only in these waves, from 1.")
    from_wave: Annotated[int, *values.count("from_wave", 1, MAX_WAVES)] | None = Field(
        default=None, description="Only from this wave on."
    )

    @model_validator(mode="after")
    def _can_apply(self) -> Self:
        if (self.scope == "label") is not (self.label is not None):
            needed = self.scope == "label"
            what = "scope label needs label" if needed else f"scope {self.scope} has no use for label"
            raise Flaw(what, "Add 'label: KEY'." if needed else "Remove label, or write scope: label.")
        if self.scope == "label" and self.action == "rollback":
            raise Flaw(
                "action rollback of scope label does not say how far",
                "Write rollback-wave or rollback-campaign.",
            )
        first = self.from_wave or 1
        never = sorted(number for number in self.waves or () if number < first)
        if never:
            raise Flaw(
                f"wave {never[0]} comes before from_wave {first}, so the rule never applies to it",
                "Give one of waves and from_wave.",
            )
        if len(set(self.waves or ())) != len(self.waves or ()):
            raise Flaw("a wave is there twice in the rule", "Name each wave once.")
        return self


WaveField: TypeAlias = Annotated[Wave, BeforeValidator(wave_of, json_schema_input_type=str | int | Wave)]
Waves: TypeAlias = Annotated[tuple[WaveField, ...], some("waves", MAX_WAVES)]
