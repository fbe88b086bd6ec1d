"""Single values of a campaign file are parsed once, from their text; each refusal names the value and the limit.

As in inventories, a value is what its key says and nothing by accident: `no`, `1e9` and `.inf` are texts until a
parser here takes them for something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from orchestrator.campaign.durations import LONGEST_S, seconds_of, words
from orchestrator.campaign.rollout import Share
from orchestrator.campaign.waves import REST, parse_share
from orchestrator.documents.document import Text
from orchestrator.documents.model import field_of
from orchestrator.documents.problems import Flaw, Place, did_you_mean, shown
from orchestrator.inventory import values as inventory_values
from orchestrator.inventory.expression import Kind, Op, SelectionError, Term, comparisons, parse_expression
from orchestrator.inventory.name_regex import NameRegex
from orchestrator.inventory.values import Flag, LabelKey, LabelValue, Version, parse_label_key, text_of

__all__ = ["Flag", "LabelKey", "LabelValue", "Version"]

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?", re.ASCII)
_PROCEDURE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+", re.ASCII)
_NAME_TERM = re.compile(r"[A-Za-z0-9_.*?\[\]:!^-]+", re.ASCII)
#: its server may be the host a gate is about
_URL = re.compile(r"https?://(?:[A-Za-z0-9.\[\]:-]|\{host\}|\{address\})+(?:/[\x21-\x7e]*)?", re.ASCII)

#: characters of a sentence for people
_MAX_TEXT = 500


def parse_procedure(value: object) -> str:
    """Give the name of a procedure; whether there is one is asked later."""
    text = text_of(value)
    if not text:
        raise Flaw("the procedure is empty", "Name one; `dockwave procedures` lists them.")
    if not _PROCEDURE.fullmatch(text):
        raise Flaw(
            f"procedure {shown(text)} is no procedure's name",
            "Names look like disk.cleanup; `dockwave procedures` lists them.",
        )
    return str(text)


def parse_match(value: object) -> str:
    """Give the pattern that chooses hosts; nothing means all by accident."""
    if value is None or (isinstance(value, Text) and (value.is_null or not value.strip())):
        raise Flaw(
            "no hosts are chosen: the pattern is empty",
            "Write a pattern such as web*:!web3, region=eu, or all for every host.",
        )
    text = text_of(value)
    try:
        terms = parse_expression(text)
    except SelectionError as error:
        raise Flaw(error.problems[0].what, error.problems[0].fix) from None
    for term in terms:
        _check_term(term)
    if any(term.op is Op.ADD and set(term.text) <= set("*?") for term in terms if term.kind is Kind.NAME):
        raise Flaw(
            f"the pattern {shown(text)} is every host there is", "Write all if every host is really meant."
        )
    return str(text)


def _check_term(term: Term) -> None:
    """Refuse a term whose form already says that it names no host."""
    if term.kind is Kind.NAME and not _NAME_TERM.fullmatch(term.text):
        raise Flaw(
            f"{shown(term.text)} is no name of hosts or groups",
            "Nothing is expanded here: no variable, template or command; write names, globs or key=value.",
        )
    if term.kind is Kind.LABELS:
        for comparison in comparisons(term):
            parse_label_key(Text.at(comparison.key, Place(file=""), plain=False))
    if term.kind is Kind.REGEX and NameRegex(term.text).matches_empty:
        raise Flaw(f"{shown('~' + term.text)} matches every name", "Write all if you mean all.")


def count(name: str, least: int, most: int) -> Any:
    """Give the mark of a whole number within limits."""

    def parse(value: object) -> int:
        text = text_of(value)
        if not (text.plain and _DIGITS.fullmatch(text) and len(text) <= 12 and least <= int(text) <= most):
            raise Flaw(
                f"{name} {shown(text)} is not a whole number from {least} to {most}",
                f"Write digits only, from {least} to {most}.",
            )
        return int(text)

    return field_of(parse, {"type": "integer", "minimum": least, "maximum": most})


def duration(name: str, least: float = 0.0, most: float = LONGEST_S) -> Any:
    """Give the mark of a duration within limits, in seconds."""

    def parse(value: object) -> float:
        text = text_of(value)
        seconds = seconds_of(text)
        if seconds is None:
            raise Flaw(
                f"{name} {shown(text)} is not a duration", "Write a number and a unit: 30s, 5m, 1h30m; or 0."
            )
        if not least <= seconds <= most:
            raise Flaw(
                f"{name} {shown(text)} is outside its limits: it is from {words(least)} to {words(most)}",
                "Choose a value within these limits.",
            )
        return seconds

    schema = {"type": ["string", "integer"], "examples": ["30s", "5m", "1h30m"]}
    return field_of(parse, schema)


def share(name: str, *, zero: bool) -> Any:
    """Give the mark of a count or a percentage of hosts."""

    def parse(value: object) -> Share:
        return share_of(name, text_of(value), zero=zero)

    return field_of(parse, {"type": ["string", "integer"], "examples": [1, "10%"]})


def share_of(name: str, text: Text, *, zero: bool = False) -> Share:
    """Give a count or a percentage of hosts."""
    try:
        return parse_share(text, zero=zero)
    except ValueError as error:
        raise Flaw(
            f"{name} {shown(text)} cannot be used: {error}", "Write a count or a percentage."
        ) from None


def parse_wave_size(value: object) -> Share:
    """Give the size of a wave: a count, a percentage, or rest."""
    text = text_of(value)
    return REST if text in ("rest", "all") else share_of("wave size", text)


def parse_percent(value: object) -> Share:
    """Give a percentage written with or without its sign."""
    text = text_of(value)
    return share_of("percent", Text.at(f"{text.removesuffix('%')}%", text.place, plain=True))


def choice(name: str, choices: Iterable[str]) -> Any:
    """Give the mark of one of a few words."""
    known = tuple(choices)

    def parse(value: object) -> str:
        text = text_of(value)
        if text not in known:
            raise Flaw(
                f"{name} {shown(text)} is unknown", did_you_mean(text, known, f"One of {', '.join(known)}.")
            )
        return str(text)

    return field_of(parse, {"enum": list(known)})


def parse_label(value: object) -> tuple[str, str | None]:
    """Give a label as key and value; without "=" any value will do."""
    text = text_of(value)
    key, equals, wanted = text.partition("=")
    parse_label_key(Text.at(key, text.place, plain=False))
    if not equals:
        return key, None
    return key, inventory_values.parse_label_value(Text.at(wanted, text.place, plain=False))


def parse_number(value: object) -> float:
    """Give a number; never infinite, never no number at all."""
    text = text_of(value)
    if not (text.plain and _NUMBER.fullmatch(text)):
        raise Flaw(
            f"{shown(text)} is not a plain number", "Write digits such as 5 or 0.01; NaN and inf are none."
        )
    return float(text)


def parse_word(value: object) -> str:
    """Give a name of a group, a person or a channel."""
    text = text_of(value)
    if not _WORD.fullmatch(text):
        raise Flaw(
            f"{shown(text)} is not a word of letters, digits, '_', '-' and '.' (at most 64)",
            "Choose another.",
        )
    return str(text)


def parse_sentence(value: object) -> str:
    """Give one line of text for people."""
    text = text_of(value)
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise Flaw(
            f"{shown(text)} has {len(text)} characters; it must be one line of at most {_MAX_TEXT}",
            "Shorten it.",
        )
    return str(text)


def parse_url(value: object) -> str:
    """Give an http or https address without a password in it."""
    text = text_of(value)
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise Flaw("the address holds a user name or password", "Secrets are not kept in campaign files.")
    if len(text) > 2000 or not _URL.fullmatch(text):
        raise Flaw(f"{shown(text)} is no http or https address", "Write for example http://prometheus:9090.")
    return str(text)


def parse_argument(value: object) -> str:
    """Give one argument of a command, which no shell reads."""
    text = text_of(value)
    if len(text) > 4096 or not text.isprintable():
        raise Flaw(f"{shown(text)} is no argument of a command", "Write one printable line.")
    return str(text)


def parse_required(value: object) -> tuple[int, int | None]:
    """Give how many approvers are asked for, and of how many: "2" or "2 of 3"."""
    text = text_of(value)
    parts = re.fullmatch(r"([0-9]{1,3})(?: of ([0-9]{1,3}))?", text, re.ASCII)
    if parts is None:
        raise Flaw(f"required {shown(text)} is no number of approvers", "Write 2, or 2 of 3.")
    needed, among = int(parts[1]), None if parts[2] is None else int(parts[2])
    if not 1 <= needed <= 20 or (among is not None and not needed <= among <= 100):
        raise Flaw(
            f"required {shown(text)} can never be met", "From 1 to 20 approvers, and no more than there are."
        )
    return needed, among


_TEXT = {"type": "string", "minLength": 1}

ProcedureName: TypeAlias = Annotated[
    str, *field_of(parse_procedure, _TEXT | {"pattern": f"^{_PROCEDURE.pattern}$"})
]
Match: TypeAlias = Annotated[str, *field_of(parse_match, _TEXT)]
WaveSize: TypeAlias = Annotated[
    Share, *field_of(parse_wave_size, {"type": ["string", "integer"], "examples": [1, "10%", "rest"]})
]
Percent: TypeAlias = Annotated[Share, *field_of(parse_percent, {"type": ["string", "number"]})]
Label: TypeAlias = Annotated[tuple[str, str | None], *field_of(parse_label, _TEXT)]
Number: TypeAlias = Annotated[float, *field_of(parse_number, {"type": "number"})]
Word: TypeAlias = Annotated[str, *field_of(parse_word, _TEXT | {"maxLength": 64})]
Sentence: TypeAlias = Annotated[str, *field_of(parse_sentence, {"type": "string", "maxLength": _MAX_TEXT})]
Url: TypeAlias = Annotated[str, *field_of(parse_url, _TEXT | {"pattern": "^https?://"})]
Argument: TypeAlias = Annotated[str, *field_of(parse_argument, {"type": "string"})]
Required: TypeAlias = Annotated[
    tuple[int, int | None], *field_of(parse_required, {"type": ["string", "integer"]})
]
ParamKey: TypeAlias = Annotated[str, *field_of(lambda value: str(text_of(value)), {"type": "string"})]
