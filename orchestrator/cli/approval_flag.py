"""`--approval`: who must agree first in one flag, `2:sre` or `2 of 3:sre`, as the campaign file has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.campaignfile.limits import Approval
from orchestrator.campaignfile.load import load_part
from orchestrator.campaignfile.wish import approval_wish
from orchestrator.documents.model import Record
from tasks.errors import BadInput


class _Alone(Record):
    """The part of a campaign file that the flag is."""

    approval: Approval


def approval_options(text: str) -> tuple[str, str]:
    """The flag as options of a campaign file, which then reads and refuses them in its own words."""
    required, colon, group = text.partition(":")
    if not colon:
        raise BadInput(
            f"--approval cannot be {text[:80]!r}: it names no group",
            hint="Write N:GROUP: --approval 2:sre, --approval '2 of 3:sre'.",
        )
    return f"approval.required={json.dumps(required.strip())}", f"approval.group={json.dumps(group.strip())}"


def approval_body(text: str | None, options: Sequence[str] = ()) -> dict[str, Any]:
    """The flag and further options (`approval.expires=1h`) as requests have them, refused as in a campaign file."""
    asked = () if text is None else approval_options(text)
    for option in options:
        key, equals, _ = option.partition("=")
        if equals and key.strip().partition(".")[0] != "approval":
            raise BadInput(
                f"--option {key.strip()[:80]!r}: an undo takes no option but those of its approval",
                hint="Write --option approval.expires=1h; waves and slots are those of its own flags.",
            )
    return approval_wish(load_part(_Alone, (*asked, *options)).approval)
