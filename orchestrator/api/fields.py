"""Kinds of fields that many bodies have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.campaign.policy import MAX_PARALLELISM

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]
#: a wait that would be a busy loop if it were shorter
Patience = Annotated[float, Field(ge=1, le=7 * 86_400, allow_inf_nan=False)]
Slots = Annotated[int, Field(strict=True, ge=1, le=MAX_PARALLELISM)]
Times = Annotated[int, Field(strict=True, ge=1, le=100)]
LabelKey = Annotated[str, Field(min_length=1, max_length=100)]
ShareText = Annotated[str, Field(max_length=32)]
WaveName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")]
