"""Parameters that are lists and may be typed as one text with commas, as on a command line."""

from __future__ import annotations

from pydantic import BeforeValidator


def split(value: object) -> object:
    """Take a text apart at its commas; anything else stays what it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


#: a list that may also be written A,B,C
Commas = BeforeValidator(split)
