"""Gates as a campaign file asks for them: a question, when it is asked, and how often it may stay unanswered."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from orchestrator.campaign.gate import GateAction, GateKind, Moment
from orchestrator.campaign.gate_options import MOMENTS_OF, NEEDS, OF_WAVES, ONLY_OF, UNASKED, misplaced
from orchestrator.campaign.waves import MAX_WAVES
from orchestrator.campaignfile import values
from orchestrator.campaignfile.lists import some
from orchestrator.documents.model import Record
from orchestrator.documents.problems import Flaw


class Gate(Record):
    """One question that must be answered before hosts go on."""

    kind: Annotated[str, *values.choice("gate", GateKind)] = Field(description="What is asked.")
    at: Annotated[str, *values.choice("moment", Moment)] = Field(
        default="wave", description="Before campaign, wave or host; in the background; after each wave."
    )
    url: values.Url | None = Field(default=None, description="Of prometheus and http gates.")
    query: values.Sentence | None = Field(default=None, description="PromQL of a prometheus gate.")
    argv: tuple[values.Argument, ...] | None = Field(
        default=None, description="Program and arguments of a command gate; no shell reads them."
    )
    group: values.Word | None = Field(default=None, description="Whose members may open a human gate.")
    required: values.Required | None = Field(
        default=None, description="How many of them must agree: 2, or 2 of 3; 1 by default."
    )
    expires: Annotated[float, *values.duration("expires", 60)] | None = Field(
        default=None, description="How long a human gate waits for them."
    )
    on_timeout: Annotated[str, *values.choice("on_timeout", ("hold", "fail"))] | None = Field(
        default=None, description="What nobody's answer is: hold goes on waiting (by default), fail."
    )
    least: values.Number | None = Field(default=None, description="The value may not be below this.")
    most: values.Number | None = Field(default=None, description="The value may not be above this.")
    every: Annotated[float, *values.duration("every", 1)] | None = Field(
        default=None, description="How often it is asked."
    )
    timeout: Annotated[float, *values.duration("timeout", 1, 600)] | None = Field(
        default=None, description="How long one answer may take."
    )
    failures: Annotated[int, *values.count("failures", 0, 1000)] | None = Field(
        default=None, description="Fails tolerated; one more does what action says."
    )
    errors: Annotated[int, *values.count("errors", 0, 1000)] | None = Field(
        default=None, description="Errors, and answers without data, tolerated in a row; one more pauses."
    )
    inconclusive: Annotated[int, *values.count("inconclusive", 0, 1000)] | None = Field(
        default=None, description="Inconclusive answers tolerated; one more pauses."
    )
    passes: Annotated[int, *values.count("passes", 1, 100)] | None = Field(
        default=None, description="Passes in a row that open it."
    )
    action: Annotated[str, *values.choice("action", GateAction)] | None = Field(
        default=None, description="What one fail too many does; halt by default."
    )

    warnings: values.Flag | None = Field(
        default=None, description="A host with a warning fails a health or delta gate too."
    )
    waves: (
        Annotated[tuple[Annotated[int, *values.count("wave", 1, MAX_WAVES)], ...], some("waves", 100)] | None
    ) = Field(default=None, description="Before or after these waves, or before their hosts, only; from 1.")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        for key in NEEDS[GateKind(self.kind)]:
            if not getattr(self, key):
                raise Flaw(f"a gate of kind {self.kind} needs {key}", f"Add '{key}: ...'.")
        self._fits_its_kind(GateKind(self.kind), Moment(self.at))
        if self.kind == GateKind.PROMETHEUS and self.least is None and self.most is None:
            raise Flaw("a gate of kind prometheus needs least or most", "Say which values pass.")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise Flaw(
                f"least {self.least:g} is above most {self.most:g}, so no value passes", "Swap the two."
            )
        return self

    def _fits_its_kind(self, kind: GateKind, at: Moment) -> None:
        for key, kinds in ONLY_OF.items():
            if getattr(self, key, None) is not None and kind not in kinds:
                raise Flaw(f"a gate of kind {kind} has no use for {key}", f"Remove {key}.")
        if at not in MOMENTS_OF[kind]:
            why = f": {UNASKED}" if (kind, at) == (GateKind.HUMAN, Moment.HOST) else ""
            raise Flaw(
                f"a gate of kind {kind} cannot be asked at {at}{why}",
                f"One of {', '.join(MOMENTS_OF[kind])}.",
            )
        if self.waves is not None and at not in OF_WAVES:
            raise Flaw(f"a gate at {at} has no use for waves", "Remove waves, or write at: wave.")
        word = misplaced((self.url or "", self.query or "", *(self.argv or ())), at)
        if word:
            raise Flaw(f"a gate at {at} is about no single host, so {word} says nothing", "Write at: host.")
        if self.on_timeout is not None and self.expires is None:
            raise Flaw(
                "on_timeout says what happens when nobody answers in time, and there is no time",
                "Add expires.",
            )
