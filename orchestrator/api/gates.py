"""Gates as they come in over the API."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment
from orchestrator.campaign.gate_options import (
    EVERY_S,
    MOMENTS_OF,
    NEEDS,
    OF_WAVES,
    ONLY_OF,
    TIMEOUT_S,
    UNASKED,
    misplaced,
    useful,
)
from orchestrator.campaign.waves import MAX_COUNT

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Times = Annotated[int, Field(strict=True, ge=0, le=1000)]
WaveNumber = Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT)]
_Line = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class GateBody(Body):
    """A question that must be answered well before the campaign goes on."""

    kind: GateKind
    at: Moment = Moment.WAVE
    url: Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\s@]+$")] | None = None
    query: _Line | None = None
    argv: Annotated[list[_Line], Field(min_length=1, max_length=100)] | None = None
    least: _Number | None = None
    most: _Number | None = None
    every_s: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] | None = None
    timeout_s: Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)] | None = None
    failures: _Times = 0
    errors: _Times = 2
    inconclusive: _Times = 0
    passes: Annotated[int, Field(strict=True, ge=1, le=100)] = 1
    action: GateAction = GateAction.HALT
    warnings: Annotated[bool, Field(strict=True)] = False
    waves: Annotated[list[WaveNumber], Field(default_factory=list, max_length=100)]
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    required: Annotated[int, Field(strict=True, ge=1, le=20)] = 1
    among: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    expires_s: Annotated[float, Field(ge=60, le=7 * 86_400, allow_inf_nan=False)] | None = None
    fail_on_timeout: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _at_its_moment(self) -> Self:
        if self.at not in MOMENTS_OF[self.kind]:
            why = f": {UNASKED}" if (self.kind, self.at) == (GateKind.HUMAN, Moment.HOST) else ""
            raise ValueError(f"a gate of kind {self.kind} cannot be asked at {self.at}{why}")
        if self.waves and self.at not in OF_WAVES:
            raise ValueError(f"a gate at {self.at} has no use for waves")
        if word := misplaced((self.url or "", self.query or "", *(self.argv or ())), self.at):
            raise ValueError(f"a gate at {self.at} is about no single host, so {word} says nothing")
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for key in NEEDS[self.kind]:
            if getattr(self, key) is None:
                raise ValueError(f"a gate of kind {self.kind} needs {key}")
        useless = sorted((self.model_fields_set & ONLY_OF.keys()) - set(useful(self.kind)))
        if useless:
            raise ValueError(f"a gate of kind {self.kind} has no use for {useless[0]}")
        if self.among is not None and self.among < self.required:
            raise ValueError(f"{self.required} of {self.among} can never agree")
        if self.fail_on_timeout and self.expires_s is None:
            raise ValueError("fail_on_timeout needs expires_s")
        if self.kind is GateKind.PROMETHEUS and self.least is None and self.most is None:
            raise ValueError("a gate of kind prometheus needs least or most")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least {self.least:g} is above most {self.most:g}")
        return self

    def gate(self, number: int) -> Gate:
        """The gate as the core takes it, named by its kind and place in the list."""
        return Gate(
            name=f"{self.kind.value}-{number}",
            kind=self.kind,
            at=self.at,
            url=self.url or "",
            query=self.query or "",
            argv=tuple(self.argv or ()),
            least=self.least,
            most=self.most,
            every_s=self.every_s or EVERY_S[self.kind],
            timeout_s=self.timeout_s or TIMEOUT_S[self.kind],
            failures=self.failures,
            errors=self.errors,
            inconclusive=self.inconclusive,
            passes=self.passes,
            action=self.action,
            warnings=self.warnings,
            waves=tuple(sorted(set(self.waves))),
            group=self.group or "",
            required=self.required,
            among=self.among,
            expires_s=self.expires_s,
            fail_on_timeout=self.fail_on_timeout,
        )
