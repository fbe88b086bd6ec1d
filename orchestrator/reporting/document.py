"""The report as JSON: what `show` and `why` say under `-o json`, with the events of the campaign."""

from __future__ import annotations

import json

from orchestrator.reporting.record import Record
from orchestrator.screens.sanitize import clean_json

#: grows when a field changes its meaning; fields are added without
VERSION = 1


def document(record: Record) -> str:
    """Plain ASCII; JSON escapes hostile text by itself."""
    body = {
        "dockwave_report": VERSION,
        "written_at": record.written_at.isoformat(),
        "audit_head": record.head,
        "campaign": record.view.model_dump(mode="json"),
        "why": dict(record.why),
        "events": [dict(event) for event in record.events],
    }
    return json.dumps(clean_json(body), indent=1, allow_nan=False) + "\n"
