"""A list that is there says something: empty is refused, and so is more than anybody writes."""

from __future__ import annotations

from pydantic import BeforeValidator

from orchestrator.documents.problems import Flaw


def some(name: str, most: int) -> BeforeValidator:
    """Refuse a list that is there and empty, or longer than anybody writes."""

    def check(value: object) -> object:
        if isinstance(value, list) and not 1 <= len(value) <= most:
            what = f"the list {name} is empty" if not value else f"{len(value)} {name} are above the limit"
            raise Flaw(what, f"Give 1 to {most}, or remove the key: empty is not the same as absent.")
        return value

    return BeforeValidator(check)
