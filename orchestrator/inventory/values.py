"""Single values of an inventory are parsed once, into what the rest of the program uses.

Every scalar arrives as the text in the file (`Text`), so `no`, `0755` and `1e3` mean nothing by accident: what a
value is depends on its key alone. Each function raises Flaw with a fix; pydantic adds the place.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from orchestrator.documents.document import Text
from orchestrator.documents.model import field_of
from orchestrator.documents.problems import Flaw, Place, did_you_mean, shown
from orchestrator.inventory import names, ranges
from tasks.model import Transport

FAMILIES = ("auto", "docker.io", "docker-ce")

#: words that other YAML readers take for something else than text
_AMBIGUOUS = re.compile(
    r"y|n|yes|no|on|off|true|false|null|~|[-+]?(\d[\d_]*)?\.?\d+([eE][-+]?\d+)?|0[xob][\da-fA-F_]+|[-+]?\.(inf|nan)",
    re.IGNORECASE | re.ASCII,
)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./+@-]{0,126}[A-Za-z0-9])?", re.ASCII)
_MAX_PATH = 1024
_MAX_GLOB = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNames:
    """A host name as written, with ranges, and where it stands."""

    range: ranges.NameRange
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A group's name in its one spelling; two spellings of it are two keys until somebody looks."""

    name: str
    place: Place


def text_of(value: object) -> Text:
    """Give the value when it is a text; Flaw when it is a mapping, a list or nothing."""
    if isinstance(value, Text) and not value.is_null:
        return value
    if value is None or isinstance(value, Text):
        raise Flaw("there is no value here", "Write the value or remove the key.")
    kind = "a mapping" if isinstance(value, dict) else "a list"
    raise Flaw(f"{kind} stands where one value is expected", "Write one value.")


def _name_text(value: object, kind: str) -> Text:
    text = text_of(value)
    if text.plain and _AMBIGUOUS.fullmatch(text):
        raise Flaw(
            f"{kind} {text} without quotes is not text to every YAML reader",
            f'Write "{text}" if that is the name.',
        )
    return text


def parse_host_names(value: object) -> HostNames:
    """Give the hosts a name with ranges stands for; names between the ends are checked when they are made."""
    text = _name_text(value, "host name")
    found = ranges.parse_range(text)
    for end in found.ends:
        names.host_name(end)
    return HostNames(range=found, place=text.place)


def parse_group_name(value: object) -> Named:
    """Give a group's name, in lower case."""
    text = _name_text(value, "group name")
    name = names.word(text, "group")
    if name == "all":
        raise Flaw('a group is named "all", which means every host in patterns', "Rename the group.")
    return Named(name=name, place=text.place)


def parse_gateway_name(value: object) -> str:
    """Give a gateway pool's name, in lower case."""
    return names.word(_name_text(value, "gateway name"), "gateway")


def parse_version(value: object) -> int:
    """Give the version of the format, which is 1."""
    text = text_of(value)
    if text != "1" or not text.plain:
        raise Flaw(f"version {shown(text)} is unknown", "This Dockwave reads 'version: 1'.")
    return 1


def parse_connect(value: object) -> Transport:
    """Give the transport."""
    text = text_of(value)
    if str(text) in list(Transport):
        return Transport(str(text))
    hint = "An agent on the host is 'local'." if text in ("worker", "agent") else "Write 'ssh' or 'local'."
    raise Flaw(f"connect {shown(text)} is unknown", hint)


def parse_family(value: object) -> str:
    """Give the package family of the engine."""
    text = text_of(value)
    if text in FAMILIES:
        return str(text)
    raise Flaw(
        f"family {shown(text)} is unknown", did_you_mean(text, FAMILIES, f"One of {', '.join(FAMILIES)}.")
    )


def parse_port(value: object) -> int:
    """Give a TCP port, 1 to 65535, from plain decimal digits."""
    text = text_of(value)
    if not (text.plain and _PORT.fullmatch(text) and int(text) <= 65535):
        raise Flaw(f"port {shown(text)} is not a number from 1 to 65535", "Write decimal digits, such as 22.")
    return int(text)


def parse_bool(value: object) -> bool:
    """Give true or false; yes, no, on and off mean different things to different readers."""
    text = text_of(value)
    if not text.plain or text not in ("true", "false"):
        raise Flaw(f"{shown(text)} is neither true nor false", "Write true or false, without quotes.")
    return text == "true"


def parse_user(value: object) -> str:
    """Give a login name."""
    text = _name_text(value, "user name")
    if not _USER.fullmatch(text):
        raise Flaw(
            f"user name {shown(text)} is not a login name",
            "Letters, digits, '_', '-' and '.', at most 32, beginning with a letter or '_'.",
        )
    return str(text)


def parse_address(value: object) -> str:
    """Give an address to connect to."""
    return names.address(text_of(value))


def parse_path(value: object) -> str:
    """Give an absolute path; `~` is the home directory, a relative path begins at the inventory file."""
    text = text_of(value)
    if "-----BEGIN" in text:
        raise Flaw(
            "a private key stands in the inventory", "Write the path of the key file; change this key."
        )
    if not text or len(text) > _MAX_PATH or not text.isprintable():
        raise Flaw(f"{shown(text)} is not a path", "Write the path of a file, without control characters.")
    if text.startswith("$"):
        raise Flaw(
            f"path {shown(text)} begins with a variable, which is not expanded", "Write ~/ or a full path."
        )
    expanded = os.path.expanduser(text)  # noqa: PTH111 - Path raises RuntimeError for an unknown user
    if expanded.startswith("~"):
        raise Flaw(f"path {shown(text)} names an unknown user", "Write a full path.")
    return os.path.abspath(os.path.join(os.path.dirname(text.place.file), expanded))  # noqa: PTH100, PTH118, PTH120 - lexical, follows no link


def parse_socket(value: object) -> str:
    """Give the absolute path of the engine's socket on the host."""
    text = text_of(value)
    if not text.startswith("/") or len(text) > 107 or not text.isprintable() or "/../" in text:
        raise Flaw(
            f"socket {shown(text)} is not an absolute path of at most 107 characters",
            "Write a path such as /var/run/docker.sock, without unix://.",
        )
    return str(text)


def parse_label_key(value: object) -> Text:
    """Give the key of a label."""
    text = text_of(value)
    if not _LABEL_KEY.fullmatch(text):
        raise Flaw(
            f"label key {shown(text)} cannot be used in patterns",
            "Letters, digits, '_', '-', '.' and '/', at most 63, beginning and ending with a letter or digit.",
        )
    return text


def parse_label_value(value: object) -> str:
    """Give the value of a label, as written."""
    text = text_of(value)
    if not _LABEL_VALUE.fullmatch(text):
        raise Flaw(
            f"label value {shown(text)} cannot be used in patterns",
            "Letters, digits and _-./+@, at most 128, beginning and ending with a letter or digit.",
        )
    return str(text)


def parse_glob(value: object) -> str:
    """Give a name pattern of the protect section."""
    text = text_of(value)
    if not text or len(text) > _MAX_GLOB or not text.isprintable() or any(ch.isspace() for ch in text):
        raise Flaw(f"{shown(text)} is not a name pattern", f"At most {_MAX_GLOB} characters, without spaces.")
    return str(text)


def parse_note(value: object) -> str:
    """Give a line of text for people."""
    text = text_of(value)
    if len(text) > 200 or not text.isprintable():
        raise Flaw(f"{shown(text)} is not one line of at most 200 characters", "Shorten it.")
    return str(text)


_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 300}
_LABEL_TYPES = ["string", "number", "boolean"]

HostNamesField: TypeAlias = Annotated[HostNames, *field_of(parse_host_names, _NAME_SCHEMA)]
GroupName: TypeAlias = Annotated[
    Named, *field_of(parse_group_name, {"type": "string", "minLength": 1, "maxLength": 63})
]
GatewayName: TypeAlias = Annotated[
    str, *field_of(parse_gateway_name, {"type": "string", "minLength": 1, "maxLength": 63})
]
Version: TypeAlias = Annotated[Literal[1], *field_of(parse_version, {"const": 1})]
Connect: TypeAlias = Annotated[
    Transport, *field_of(parse_connect, {"enum": [one.value for one in Transport]})
]
Family: TypeAlias = Annotated[str, *field_of(parse_family, {"enum": list(FAMILIES)})]
Port: TypeAlias = Annotated[int, *field_of(parse_port, {"type": "integer", "minimum": 1, "maximum": 65535})]
Flag: TypeAlias = Annotated[bool, *field_of(parse_bool, {"type": "boolean"})]
User: TypeAlias = Annotated[str, *field_of(parse_user, {"type": "string", "pattern": f"^{_USER.pattern}$"})]
AddressField: TypeAlias = Annotated[str, *field_of(parse_address, _NAME_SCHEMA)]
FilePath: TypeAlias = Annotated[
    str, *field_of(parse_path, {"type": "string", "minLength": 1, "maxLength": _MAX_PATH})
]
Socket: TypeAlias = Annotated[
    str, *field_of(parse_socket, {"type": "string", "pattern": "^/", "maxLength": 107})
]
LabelKey: TypeAlias = Annotated[
    Text, *field_of(parse_label_key, {"type": "string", "pattern": f"^{_LABEL_KEY.pattern}$"})
]
LabelValue: TypeAlias = Annotated[str, *field_of(parse_label_value, {"type": _LABEL_TYPES, "minLength": 1})]
Glob: TypeAlias = Annotated[
    str, *field_of(parse_glob, {"type": "string", "minLength": 1, "maxLength": _MAX_GLOB})
]
Note: TypeAlias = Annotated[str, *field_of(parse_note, {"type": "string", "maxLength": 200})]
