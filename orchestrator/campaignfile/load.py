"""A campaign file in, one checked CampaignFile out; or one error with everything that is wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel

from orchestrator.campaignfile.contradictions import check_contradictions
from orchestrator.campaignfile.openings import windows_of
from orchestrator.campaignfile.overrides import override, put
from orchestrator.campaignfile.params import check_params
from orchestrator.campaignfile.schema import CampaignFile
from orchestrator.documents.checking import Checked, Loc, check
from orchestrator.documents.document import MapNode, Text, read_document
from orchestrator.documents.genre import Genre
from orchestrator.documents.model import Record
from orchestrator.documents.problems import Place, Problems, did_you_mean, shown
from tasks import catalog
from tasks.catalog import AnyProcedure
from tasks.errors import BadDocument, BadInput

CAMPAIGN = Genre(
    begin="Begin with 'version: 1'; `dockwave campaign init PROCEDURE` writes a whole one.",
    name_a_file="Name a campaign file in YAML.",
    too_large="A campaign file has a hundred lines.",
    alias="Write the value out; a pattern or name with '*' stands in quotes.",
    anchor="Remove it; a text that begins with '&' stands in quotes.",
    too_deep="A campaign file needs five.",
    one_document="Keep one campaign per file.",
)

#: keys of other tools or of other places, and what to write instead
_INSTEAD = {
    "kind": "Write procedure: NAME at the top, kind of a stop rule or gate below it.",
    "spec": "Write params.",
    "hosts": "Write targets: {match: PATTERN}.",
    "serial": "Write waves: [1, 10%, rest].",
    "batch": "Write waves: [1, 10%, rest].",
    "forks": "Write parallelism: N.",
    "parallel": "Write parallelism: N.",
    "soak": "Write monitor: TIME.",
    "max_failure_ratio": "Write max_failures: 10%.",
    "failure_action": "Write stop_rules: [{tolerate: N, action: halt}].",
    "on_failure": "Write stop_rules: [{tolerate: N, action: halt}], or rollback: {...}.",
    "budget": "Write budgets.",
    "window": "Write windows.",
    "inventory": "Inventories are given by -i or by the settings.",
    "vars": "Nothing is expanded in a campaign file; write the values.",
    "<<": "Merge keys are not supported; write the values.",
}

#: gives parameters from flags, once the procedure is known
GivenParams = Callable[[AnyProcedure], Mapping[str, Any]]

R = TypeVar("R", bound=Record)


class CampaignFileError(BadDocument):
    """A campaign file cannot be used; every problem is listed, in the order of the file (exit code 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign as a person wrote it."""

    model: CampaignFile
    #: typed as the procedure wants them, those of flags included
    params: Mapping[str, Any]
    #: where the pattern stands
    match_place: Place


def load_campaign_file(
    path: Path | None,
    *,
    procedure: str | None = None,
    match: str | None = None,
    options: Sequence[str] = (),
    given: GivenParams | None = None,
) -> Campaign:
    """Give the campaign in a file, or one made of flags alone; what flags say wins over what the file says."""
    problems = Problems([] if path is None else [str(path)], error=CampaignFileError)
    root = _without_file() if path is None else read_document(path, CAMPAIGN, problems)
    if root is None:
        problems.raise_if_any()
        raise CampaignFileError(())
    if procedure is not None:
        root = _with_procedure(root, procedure, problems)
    if match is not None:
        place = Place(file="--on")
        root = put(root, ["targets", "match"], Text.at(match, place, plain=False), place)
    for option in options:
        root = override(root, option, CAMPAIGN, problems)
    return _check(root, problems, given)


def load_part(model: type[R], options: Sequence[str]) -> R:
    """Give the part of a campaign file that is made of these options alone."""
    problems = Problems(error=CampaignFileError)
    root = _empty()
    for option in options:
        root = override(root, option, CAMPAIGN, problems)
    checked = check(root, model, problems, unknown_key_fix=_unknown_key_fix, instead={})
    problems.raise_if_any()
    if checked is None:
        raise CampaignFileError(())
    return checked.model


def _empty() -> MapNode:
    return MapNode(entries={}, keys={}, folded={}, place=Place(file=""))


def _without_file() -> MapNode:
    return put(_empty(), ["version"], _text("1"), Place(file=""))


def _with_procedure(root: MapNode, procedure: str, problems: Problems) -> MapNode:
    """Parameters are those of one procedure, so another one's name is a slip and no override."""
    written = root.entries.get(Text("procedure"))
    place = Place(file="PROCEDURE")
    if isinstance(written, Text) and written != procedure:
        problems.add(
            written.place,
            f"the file is about {shown(written)} and the command line about {shown(procedure)}",
            "Leave PROCEDURE out, or name the file of that procedure.",
        )
    return put(root, ["procedure"], Text.at(procedure, place, plain=False), place)


def _check(root: MapNode, problems: Problems, given: GivenParams | None) -> Campaign:
    instead = {
        "version": _text("1"),
        "procedure": _text("unknown.procedure"),
        "targets": {Text("match"): _text("all")},
    }
    checked = check(root, CampaignFile, problems, unknown_key_fix=_unknown_key_fix, instead=instead)
    params: Mapping[str, Any] = {}
    if checked is not None:
        params = _check_further(checked, problems, given)
    problems.raise_if_any()
    if checked is None:
        raise CampaignFileError(())
    return Campaign(model=checked.model, params=params, match_place=checked.place("targets", "match"))


def _text(text: str) -> Text:
    return Text.at(text, Place(file=""), plain=True)


def _check_further(
    checked: Checked[CampaignFile], problems: Problems, given: GivenParams | None
) -> Mapping[str, Any]:
    procedure = _procedure(checked, problems)
    check_contradictions(checked, None if procedure is None else procedure.spec.kind, problems)
    if checked.model.windows is not None:
        windows_of(checked.model.windows, problems)  # a freeze nobody can read is found now
    if procedure is None or "params" in checked.flawed:
        return {}
    flags = {} if given is None else given(procedure)
    return check_params(procedure, checked.model.params, checked.root, problems, given=flags)


def _procedure(checked: Checked[CampaignFile], problems: Problems) -> AnyProcedure | None:
    if "procedure" in checked.flawed or "procedure" not in checked.root.keys:
        return None
    try:
        return catalog.find(checked.model.procedure)
    except BadInput as error:
        problems.add(checked.place("procedure"), error.message, error.hint)
        return None


def _unknown_key_fix(loc: Loc) -> str:
    key = str(loc[-1])
    known = tuple(_model_at(loc[:-1]).model_fields)
    if key.lower() in _INSTEAD and key.lower() not in known:
        return _INSTEAD[key.lower()]
    return did_you_mean(key, known, f"Known keys here: {', '.join(known)}.")


def _model_at(loc: Loc) -> type[BaseModel]:
    """Give the model at a path."""
    model: type[BaseModel] = CampaignFile
    for step in loc:
        found = model.model_fields.get(str(step))
        if found is not None:
            model = next(_models_in(found.annotation), model)
    return model


def _models_in(annotation: Any) -> Any:
    """Give the models a field may hold, those of lists and options included."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
