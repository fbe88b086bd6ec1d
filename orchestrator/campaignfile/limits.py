"""What a campaign may use up: hosts that are away, people, hours of the week, time, tries, and patience."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from orchestrator.campaign.occasion import Occasion
from orchestrator.campaign.policy import MAX_CONTROLS
from orchestrator.campaign.rollout import Share
from orchestrator.campaignfile import timetable, values
from orchestrator.campaignfile.lists import some
from orchestrator.campaignfile.rollout import Slots
from orchestrator.campaignfile.timetable import CalendarFile, Dates, Span
from orchestrator.documents.model import Record, field_of
from orchestrator.documents.problems import Flaw

Pause: TypeAlias = Annotated[float, *values.duration("delay")]
Soak: TypeAlias = Annotated[float, *values.duration("monitor")]


class Budgets(Record):
    """How many hosts may be away at the same time, over all campaigns."""

    max_unavailable: dict[values.LabelKey, Annotated[Share, *values.share("max_unavailable", zero=False)]] = (
        Field(default_factory=dict, description="Per label: of the hosts that share its value.")
    )
    fleet: Annotated[Share, *values.share("fleet", zero=False)] | None = Field(
        default=None, description="Of the whole fleet."
    )


class Approval(Record):
    """Who must agree before the first host is touched."""

    required: values.Required = Field(description="2, or 2 of 3.")
    group: values.Word = Field(description="Whose members may approve.")
    expires: Annotated[float, *values.duration("expires", 60)] | None = Field(
        default=None, description="How long the question stays open."
    )
    on_timeout: Annotated[str, *values.choice("on_timeout", ("hold", "abort"))] = Field(
        default="hold", description="What an unanswered question does."
    )


_SpanField: TypeAlias = Annotated[Span, *field_of(timetable.parse_span, {"type": "string"})]
_Blackout: TypeAlias = Annotated[
    Dates | CalendarFile, PlainValidator(timetable.parse_blackout), WithJsonSchema({"type": "string"})
]
_Zone: TypeAlias = Annotated[str, *field_of(timetable.parse_zone, {"type": "string"})]


class WindowsEntry(Record):
    """When hosts may be started."""

    allow: Annotated[tuple[_SpanField, ...], some("allow", 50)] | None = Field(
        default=None, description='Such as "Mon-Thu 09:00-16:00 Europe/Paris"; any time without it.'
    )
    blackout: Annotated[tuple[_Blackout, ...], some("blackout", 100)] | None = Field(
        default=None, description="2026-12-24, 2026-12-24..2027-01-02, or an .ics file beside this one."
    )
    time_zone: _Zone | None = Field(
        default=None,
        description="Of spans and dates that name none; by default the one all windows name.",
    )

    @property
    def zone(self) -> str | None:
        """Zone of what names none: time_zone, else the one zone all windows name; "UTC" where nothing needs any."""
        if self.time_zone is not None:
            return self.time_zone
        named = {span.zone for span in self.allow or ()}
        if len(named) == 1:
            return named.pop()
        return None if self.blackout or None in named else "UTC"

    @model_validator(mode="after")
    def _has_zones(self) -> Self:
        if self.allow is None and self.blackout is None:
            raise Flaw("windows say neither when nor when not", "Add allow or blackout, or remove windows.")
        if self.zone is None:
            raise Flaw(
                "a time stands without a time zone",
                "Add 'time_zone: Europe/Paris' below windows (-O windows.time_zone=Europe/Paris), or UTC.",
            )
        return self


class Clock(Record):
    """How long something may take."""

    warn: Annotated[float, *values.duration("warn", 1)] | None = Field(
        default=None, description="Say so after this."
    )
    stop: Annotated[float, *values.duration("stop", 1)] | None = Field(
        default=None, description="End it after this."
    )
    action: Annotated[str, *values.choice("action", ("pause", "halt"))] | None = Field(
        default=None, description="What the end means for the campaign; halt by default."
    )

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        if self.warn is not None and self.stop is not None and self.warn >= self.stop:
            raise Flaw(
                f"warn after {self.warn:g} s does not come before stop after {self.stop:g} s", "Warn earlier."
            )
        if self.action is not None and self.stop is None:
            raise Flaw(f"action {self.action} says what happens at stop, and there is no stop", "Add stop.")
        return self


class Clocks(Record):
    """Limits of time; waiting for a person or a window never counts."""

    step: Clock = Field(default_factory=Clock, description="One step on one host.")
    host: Clock = Field(default_factory=Clock, description="One attempt on one host.")
    progress: Clock = Field(default_factory=Clock, description="Since the last success.")
    campaign: Clock = Field(default_factory=Clock, description="All of it.")

    @model_validator(mode="after")
    def _nest(self) -> Self:
        if self.host.action is not None:
            raise Flaw(
                "an attempt that takes too long fails on its host, so clocks.host has no action",
                "Say in stop_rules how many failures stop the campaign.",
            )
        inner, name = self.step.stop, "step"
        for outer in ("host", "campaign"):
            limit = getattr(self, outer).stop
            if inner is not None and limit is not None and inner > limit:
                raise Flaw(
                    f"{name} stops after {inner:g} s, later than {outer} after {limit:g} s",
                    "What is inside ends first.",
                )
            inner, name = (inner, name) if limit is None else (limit, outer)
        return self


class Retries(Record):
    """How often is tried again; only ever on a host that says that nothing was started."""

    attempts: Annotated[int, *values.count("attempts", 1, 100)] | None = Field(
        default=None, description="Attempts on one host, the first included; 3 by default."
    )
    orders: Annotated[int, *values.count("orders", 1, 100)] | None = Field(
        default=None, description="How often an order nobody accepted is published; 3 by default."
    )


class Rollback(Record):
    """How hosts are brought back."""

    failed_hosts: values.Flag | None = Field(
        default=None, description="Bring a host back when it was changed and then failed; true by default."
    )
    parallelism: Slots | None = Field(default=None, description="Hosts brought back at a time; 1 by default.")
    delay: Pause | None = Field(default=None, description="Pause between two of them.")
    monitor: Soak | None = Field(default=None, description="How long each is watched afterwards.")
    on_failure: Annotated[str, *values.choice("on_failure", ("continue", "pause", "halt"))] | None = Field(
        default=None, description="What a rollback that fails does to the others."
    )
    control_hosts: Annotated[int, *values.count("control_hosts", 0, MAX_CONTROLS)] | None = Field(
        default=None,
        description="Untouched hosts read before a rollback; when all fail too, it pauses; 2 by default, 0 = none.",
    )


class Notify(Record):
    """Who is told about what."""

    to: values.Word = Field(description="Name of a channel in the settings.")
    on: Annotated[
        tuple[
            Annotated[str, *values.choice("event", tuple(item.value for item in Occasion))],
            ...,
        ],
        some("on", 10),
    ] = Field(description="What is told.")


class Delivery(Record):
    """How patient the orchestrator is with hosts that say nothing."""

    heartbeat_timeout: Annotated[float, *values.duration("heartbeat_timeout", 1)] | None = Field(
        default=None, description="Silence after which a host is UNKNOWN; 30s by default."
    )
    order_ttl: Annotated[float, *values.duration("order_ttl", 1)] | None = Field(
        default=None, description="How long an order may wait to be started; 60s by default."
    )
    resend_after: Annotated[float, *values.duration("resend_after", 1)] | None = Field(
        default=None, description="Silence after which an order is published again; 10s by default."
    )
    ask_every: Annotated[float, *values.duration("ask_every", 1)] | None = Field(
        default=None, description="Between questions to the journal of an UNKNOWN host; 30s by default."
    )
    unknown_grace: Annotated[float, *values.duration("unknown_grace")] | None = Field(
        default=None, description="How long a host is UNKNOWN before it counts; 2m by default."
    )
    unknown_wait: Annotated[float, *values.duration("unknown_wait")] | None = Field(
        default=None, description="How long the end waits for UNKNOWN hosts; 10m by default."
    )


class PlanEntry(Record):
    """What holds of the plan."""

    expires: Annotated[float, *values.duration("expires", 1)] | None = Field(
        default=None, description="How long it may wait to be applied; 24h by default."
    )
