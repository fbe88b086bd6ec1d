"""A question made one about a host: `{host}` is its name, `{address}` where it is reached; nothing else is filled in.

Names and addresses are letters, digits and a few signs by the time they are planned. They are checked again here: the
question goes to a server, or to a program that runs as the user of the control plane.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from orchestrator.campaign.gate import Gate
from orchestrator.campaign.gate_options import ADDRESS, HOST
from tasks.model import Host

#: begins like no option, ends no string, leaves no path: a name, an IPv4 or an IPv6 address
_PLAIN = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:-]{0,252}", re.ASCII)


class Unanswerable(Exception):
    """The question cannot be asked about this host; the text says why."""


def about(gate: Gate, host: Host) -> Gate:
    """The gate that asks about this host."""
    words = {HOST: host.name}
    if any(ADDRESS in text for text in (gate.url, gate.query, *gate.argv)):
        words[ADDRESS] = _address(host)
    for word, value in words.items():
        if not _PLAIN.fullmatch(value):
            raise Unanswerable(f"{word} of {host.name} is {value[:80]!r}, which is no plain name or address")
    return replace(
        gate,
        url=_filled(gate.url, {word: _for_url(value) for word, value in words.items()}),
        query=_filled(gate.query, words),
        argv=tuple(_filled(text, words) for text in gate.argv),
    )


def _address(host: Host) -> str:
    if host.ssh is None:
        raise Unanswerable(f"{host.name} has an agent of its own and no address in the inventory: use {HOST}")
    return host.ssh.address


def _for_url(value: str) -> str:
    return f"[{value}]" if ":" in value else quote(value, safe="")


def _filled(text: str, words: dict[str, str]) -> str:
    """The text with its words filled in, in one pass: what was filled in is not read again."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found.group()], text)
