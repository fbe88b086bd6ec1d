"""`--approval`: who must agree first in one flag, `2:sre` or `2 of 3:sre`, as the campaign file has it."""

from __future__ import annotations

import json
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


def approval_body(text: str) -> dict[str, Any]:
    """The flag as requests have it, read and refused as in a campaign file."""
    return approval_wish(load_part(_Alone, approval_options(text)).approval)
