"""Names and addresses are checked and normalised once, here, and are plain ASCII ever after."""

from __future__ import annotations

import ipaddress
import re

from orchestrator.documents.problems import Flaw, shown

MAX_NAME = 253
MAX_LABEL = 63

_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_DIGITS = re.compile(r"([0-9]+)")

#: addresses no fleet host can have, each with what it really is
_NEVER_A_HOST = {
    ipaddress.ip_address("169.254.169.254"): "the metadata service of cloud machines",
    ipaddress.ip_address("fd00:ec2::254"): "the metadata service of cloud machines",
    ipaddress.ip_address("255.255.255.255"): "the broadcast address",
}


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Give a sort key under which web2 comes before web10."""
    parts = _DIGITS.split(name)
    # the text itself is the last word, so that web01 and web1 have one order and not two
    key = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
    return (*key, (-1, 0, name))


def host_name(text: str) -> str:
    """Give a host's name in its one spelling: lower case, no trailing dot; Flaw when it is no host name."""
    name = text.lower().removesuffix(".")
    _refuse_option_or_odd(text, "host name")
    if "_" in name:
        raise Flaw(
            f"host name {shown(text)} contains '_'",
            "Host names are letters, digits, '-' and '.'; take another name and put the DNS name in address.",
        )
    _refuse_bad_labels(text, name, _HOST_LABEL, "host name")
    _refuse_false_number(text, name, "host name")
    return name


def address(text: str) -> str:
    """Give a host name or IP address to connect to, in its one spelling; Flaw when it is neither."""
    _refuse_option_or_odd(text, "address")
    if "@" in text:
        raise Flaw(f"address {shown(text)} contains '@'", "Write the login name as ssh: {user: NAME}.")
    if ":" in text:
        return _ipv6(text)
    name = text.lower().removesuffix(".")
    _refuse_bad_labels(text, name, _DNS_LABEL, "address")
    _refuse_false_number(text, name, "address")
    return name


def word(text: str, kind: str) -> str:
    """Give the name of a group or gateway in its one spelling; Flaw when it is not a word."""
    name = text.lower()
    if len(name) > MAX_LABEL or not _WORD.fullmatch(name):
        raise Flaw(
            f"{kind} name {shown(text)} is not a word of letters, digits, '-' and '_' (at most {MAX_LABEL})",
            f"Rename the {kind}; it begins and ends with a letter or digit.",
        )
    return name


def _refuse_option_or_odd(text: str, kind: str) -> None:
    """Refuse what a program could take for an option, and what is not printable ASCII without spaces."""
    if not text:
        raise Flaw(f"the {kind} is empty", f"Write a {kind} or remove the entry.")
    if text.startswith("-"):
        raise Flaw(
            f"{kind} {shown(text)} begins with '-', so programs would take it for an option",
            "A name begins with a letter or digit.",
        )
    if any(ch.isspace() for ch in text):
        raise Flaw(f"{kind} {shown(text)} contains a space", "Write one name per list item, without spaces.")
    if not text.isascii():
        raise Flaw(
            f"{kind} {shown(text)} has characters outside ASCII, which can look like others",
            "Write international names in their xn-- form.",
        )
    if not text.isprintable():
        raise Flaw(f"{kind} {shown(text)} contains a control character", "Remove it.")


def _refuse_bad_labels(text: str, name: str, label: re.Pattern[str], kind: str) -> None:
    if len(name) > MAX_NAME:
        raise Flaw(f"{kind} {shown(text)} has {len(name)} characters, the limit is {MAX_NAME}", "Shorten it.")
    for part in name.split("."):
        if len(part) > MAX_LABEL:
            raise Flaw(
                f"the part {shown(part)} of a {kind} has {len(part)} characters, the limit is {MAX_LABEL}",
                "Shorten it.",
            )
        if not label.fullmatch(part):
            raise Flaw(
                f"{kind} {shown(text)} is not a host name",
                "Between dots, use letters, digits and '-', beginning and ending with a letter or digit.",
            )


def _refuse_false_number(text: str, name: str, kind: str) -> None:
    """Refuse what resolvers read as a number without it being a dotted IPv4 address (010.0.0.1, 123, 0x7f.1)."""
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return
    try:
        found = ipaddress.IPv4Address(name)
    except ValueError:
        raise Flaw(
            f"{kind} {shown(text)} ends in a number but is no IPv4 address",
            "Write four decimal numbers 0-255 without leading zeros, or a name whose last part has a letter.",
        ) from None
    _refuse_special(text, found, kind)


def _ipv6(text: str) -> str:
    if "%" in text:
        raise Flaw(
            f"address {shown(text)} names an interface, which means another thing on every gateway",
            "Use a global address or a name.",
        )
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        raise Flaw(
            f"address {shown(text)} contains ':' but is no IPv6 address",
            "Write the port as ssh: {port: N}, an IPv6 address without brackets.",
        ) from None
    if found.ipv4_mapped is not None:
        raise Flaw(f"address {shown(text)} is an IPv4 address in disguise", f"Write {found.ipv4_mapped}.")
    _refuse_special(text, found, "address")
    return str(found)


def _refuse_special(text: str, found: ipaddress.IPv4Address | ipaddress.IPv6Address, kind: str) -> None:
    reason = _NEVER_A_HOST.get(found, "")
    if found.is_multicast:
        reason = "a multicast address"
    if found.is_unspecified:
        reason = "the address of no host"
    if reason:
        raise Flaw(f"{kind} {shown(text)} is {reason}", "Write the address of a Docker host.")
