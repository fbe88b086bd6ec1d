"""Files a verb writes for people: whole, in UTF-8, at the path they named."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import BadInput


def write_file(flag: str, path: Path, text: str) -> None:
    """Write it over what is there; the flag that named a path nothing can be written to is told."""
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{flag} {path} cannot be written: {reason}", hint="Choose another path.") from None
