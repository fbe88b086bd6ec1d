"""The plan file: the document the API hashed, beside its hash; readable in a review, refused when edited."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.api.strict_json import MAX_BYTES, NotStrictJson, loads
from orchestrator.campaign.plan_document import DOCUMENT_VERSION, canonical_json, plan_hash
from orchestrator.cli.exits import StalePlan
from tasks.errors import BadInput

#: version of the file around the document
FILE_VERSION = 1

_AGAIN = "Make a new one with `dockwave plan ... --out FILE`."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A plan as somebody reviewed it."""

    campaign: str
    hash: str
    document: Mapping[str, Any]

    @property
    def raw(self) -> bytes:
        """The very bytes that were hashed."""
        return canonical_json(self.document)


def write_plan(path: Path, document: Mapping[str, Any], digest: str, *, force: bool) -> None:
    """Write it whole or not at all, mode 0600; an existing file stays unless `force`."""
    content = {"dockwave_plan": FILE_VERSION, "sha256": digest, "document": document}
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if force:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)  # fails when the file exists, also when it appeared just now
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise refuse_overwrite(path) from None
    except OSError as error:
        raise BadInput(
            f"--out {path} cannot be written: {error.strerror}", hint="Choose another path."
        ) from None


def check_target(path: Path, *, force: bool) -> None:
    """Refuse a place nothing can be written to before hosts are asked for anything."""
    if path.exists() and not force:
        raise refuse_overwrite(path)
    if not path.parent.is_dir():
        raise BadInput(
            f"--out {path}: there is no directory {path.parent}", hint="Make it, or choose another path."
        )


def refuse_overwrite(path: Path) -> BadInput:
    """Why an existing file is left alone."""
    return BadInput(f"--out {path} exists already", hint="Choose another name, or overwrite it with --force.")


def read_plan(path: Path) -> PlanFile:
    """The plan in the file; BadInput when it is no plan, or not the plan that was made."""
    content = _load(path)
    if not isinstance(content, dict) or "dockwave_plan" not in content:
        raise BadInput(f"{path} is not a Dockwave plan file", hint=_AGAIN)
    if content["dockwave_plan"] != FILE_VERSION:
        raise BadInput(
            f"{path} is a plan file of version {content['dockwave_plan']!r}; this Dockwave reads {FILE_VERSION}",
            hint=_AGAIN,
        )
    unknown = sorted(set(content) - {"dockwave_plan", "sha256", "document"})
    document, digest = content.get("document"), content.get("sha256")
    if unknown or not isinstance(document, dict) or not isinstance(digest, str):
        what = f"unknown field {unknown[0][:80]!r}" if unknown else "its document or sha256 is missing"
        raise BadInput(f"{path} is not a complete plan file: {what}", hint=_AGAIN)
    try:
        actual = plan_hash(document)
    except ValueError as error:
        raise BadInput(f"{path} cannot be hashed: {error}", hint=_AGAIN) from None
    if actual != digest:
        raise BadInput(
            f"{path} was edited: its document has the hash {actual[:12]}…, the plan had {digest[:12]}…",
            code="E_PLAN_EDITED",
            hint="Only the plan that was made can be applied. " + _AGAIN,
        )
    if document.get("version") != DOCUMENT_VERSION or not isinstance(document.get("campaign"), str):
        raise BadInput(f"{path} holds a plan this Dockwave does not know", hint=_AGAIN)
    return PlanFile(campaign=document["campaign"], hash=digest, document=document)


def require_fresh(plan: PlanFile, path: Path, now: datetime) -> None:
    """Refuse an expired plan before anybody is asked to confirm it; the control plane judges again."""
    expires = plan.document.get("expires_at")
    if isinstance(expires, str) and datetime.fromisoformat(expires) <= now:
        raise StalePlan(
            f"{path} expired at {expires}: hosts may have changed since it was made",
            code="E_PLAN_EXPIRED",
            hint=_AGAIN,
        )


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(f"There is no plan file {path}", hint=_AGAIN) from None
    except OSError as error:
        raise BadInput(
            f"The plan file {path} cannot be read: {error.strerror}", hint="Check the path."
        ) from None
    try:
        return loads(raw)
    except NotStrictJson as error:
        raise BadInput(f"The plan file {path} is not JSON as we accept it: {error}", hint=_AGAIN) from None
