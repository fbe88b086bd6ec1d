"""What is to go wrong in a rehearsal: which hosts fail or cannot be reached, when processes die, what gates say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from orchestrator.campaign.durations import seconds_of
from orchestrator.campaign.durations import words as lasting
from orchestrator.campaign.gate import Verdict
from orchestrator.campaign.rollout import Share
from orchestrator.campaign.waves import parse_share, resolve, share_words
from orchestrator.campaign.wording import names, plural
from orchestrator.inventory.selection import SelectionError, select
from orchestrator.simulate.stage.dice import Dice
from tasks.errors import BadInput
from tasks.model import Host, Inventory

#: longest that a host may take, or be cut off
MOST_S = 86_400.0

_WAVE = re.compile(r"wave=([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A share of the hosts a pattern chooses."""

    #: the flag it was given by
    flag: str
    pattern: str
    share: Share

    @property
    def text(self) -> str:
        """The share as it was typed, and of what."""
        return f"{share_words(self.share)} of {self.pattern}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Hosts that are cut off for a while, from the moment on at which the first of them is at work."""

    pattern: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that is to go wrong, and how long hosts take."""

    seed: int = 0
    #: hosts whose change fails once it has begun
    fail: tuple[Aim, ...] = ()
    #: hosts nobody can reach any more once the plan is made
    unreachable: tuple[Aim, ...] = ()
    cuts: tuple[Cut, ...] = ()
    #: waves in which the orchestrator is killed, and in which Redis loses everything
    kills: tuple[int, ...] = ()
    losses: tuple[int, ...] = ()
    #: what gates say by name; the others pass
    gates: Mapping[str, Verdict] = field(default_factory=dict)
    #: seconds a host takes, at least and at most
    takes_s: tuple[float, float] = (2.0, 12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """The script with its patterns resolved to names of hosts that are in a wave."""

    fail: frozenset[str] = frozenset()
    unreachable: frozenset[str] = frozenset()
    #: names and seconds of each cut
    cuts: tuple[tuple[frozenset[str], float], ...] = ()
    #: the same in words, one line each
    lines: tuple[str, ...] = ()


# -- as typed ------------------------------------------------------------------------------------------------


def aim_of(flag: str, text: str) -> Aim:
    """Read PATTERN:P%."""
    pattern, colon, part = text.rpartition(":")
    try:
        share = parse_share(part.strip()) if colon and part.strip().endswith("%") else None
    except ValueError as error:
        raise _bad(flag, text, str(error), f"{flag} 'web-*:5%'") from None
    if share is None or not pattern.strip():
        raise _bad(flag, text, "it is not PATTERN:P%", f"{flag} 'web-*:5%'")
    return Aim(flag=flag, pattern=pattern.strip(), share=share)


def cut_of(text: str) -> Cut:
    """Read PATTERN:SECONDS; a time with a unit is one too."""
    pattern, _, part = text.rpartition(":")
    seconds = seconds_of(part.strip()) or _plain_seconds(part.strip())
    if not pattern.strip() or not 1 <= seconds <= MOST_S:
        why = f"it is not PATTERN:SECONDS, 1 to {MOST_S:.0f} seconds"
        raise _bad("--partition", text, why, "--partition 'web-*:90'")
    return Cut(pattern=pattern.strip(), seconds=seconds)


def wave_of(flag: str, text: str) -> int:
    """Read wave=N."""
    match = _WAVE.fullmatch(text.strip())
    if match is None or int(match[1]) < 1:
        raise _bad(flag, text, "it is not wave=N with N from 1", f"{flag} wave=2")
    return int(match[1])


def answer_of(text: str) -> tuple[str, Verdict]:
    """Read NAME=VERDICT."""
    name, _, said = text.partition("=")
    known = {item.value: item for item in Verdict}
    if not name.strip() or said.strip() not in known:
        why = f"it is not NAME=ANSWER with one of {', '.join(known)}"
        raise _bad("--gate-answer", text, why, "--gate-answer http-1=fail")
    return name.strip(), known[said.strip()]


def takes_of(text: str) -> tuple[float, float]:
    """Read TIME or TIME-TIME: how long a host takes."""
    least, dash, most = text.partition("-")
    found = seconds_of(least.strip()), seconds_of((most if dash else least).strip())
    if found[0] is None or found[1] is None or not 1 <= found[0] <= found[1] <= MOST_S:
        why = "it is not a time, or two from the shorter to the longer, of 1 s to 1 day"
        raise _bad("--takes", text, why, "--takes 90s or --takes 30s-5m")
    return found[0], found[1]


def _plain_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if isfinite(seconds) else 0.0


def _bad(flag: str, text: str, why: str, example: str) -> BadInput:
    return BadInput(f"{flag} cannot be {text[:80]!r}: {why}", hint=f"Write for example {example}.")


# -- resolved ------------------------------------------------------------------------------------------------


def check_script(script: Script, *, waves: int, gates: Sequence[str]) -> None:
    """Refuse what speaks of a wave or of a gate the campaign does not have."""
    for flag, numbers in (("--kill-orchestrator", script.kills), ("--redis-loss", script.losses)):
        for number in numbers:
            if number > waves:
                there = f"it has {plural(waves, 'wave')}" if waves else "it has none: no host needs a change"
                raise BadInput(
                    f"{flag} wave={number}: the campaign has no such wave, {there}",
                    hint=f"Name a wave from 1 to {waves}." if waves else f"Leave {flag} out.",
                )
    for name in script.gates:
        if name not in gates:
            there = ", ".join(gates) or "none"
            raise BadInput(
                f"--gate-answer {name[:80]!r}: the campaign has no such gate; its gates: {there}",
                hint="Name one of these." if gates else "Leave --gate-answer out, or give the file gates.",
            )


def fate_of(script: Script, hosts: Sequence[Host]) -> Fate:
    """Choose the hosts: the same ones for a seed, so many as the percentage says, rounded down, at least one."""
    fate = Fate(
        fail=frozenset(name for aim in script.fail for name in _struck(aim, script.seed, hosts)),
        unreachable=frozenset(
            name for aim in script.unreachable for name in _struck(aim, script.seed, hosts)
        ),
        cuts=tuple((_matching("--partition", cut.pattern, hosts), cut.seconds) for cut in script.cuts),
    )
    return replace(fate, lines=tuple(_lines(script, hosts)))


def _struck(aim: Aim, seed: int, hosts: Sequence[Host]) -> tuple[str, ...]:
    found = _matching(aim.flag, aim.pattern, hosts)
    number = max(1, resolve(aim.share, len(found)))
    drawn = sorted(found, key=lambda name: (Dice(f"{aim.flag} {seed} {name}").between(0.0, 1.0), name))
    return tuple(sorted(drawn[:number]))


def _matching(flag: str, pattern: str, hosts: Sequence[Host]) -> frozenset[str]:
    groups: dict[str, list[str]] = {}
    for host in hosts:
        for group in host.groups:
            groups.setdefault(group, []).append(host.name)
    known = Inventory(hosts=tuple(hosts), groups={name: tuple(found) for name, found in groups.items()})
    try:
        return frozenset(host.name for host in select(known, pattern))
    except SelectionError as error:
        first = error.problems[0]
        raise BadInput(
            f"{flag} {pattern[:80]!r}: {first.what} among the {plural(len(hosts), 'host')} that are to change",
            hint=first.fix,
        ) from None


def _lines(script: Script, hosts: Sequence[Host]) -> Iterator[str]:
    for aims, what in ((script.fail, "fails when changed"), (script.unreachable, "not reached once planned")):
        for aim in aims:
            struck = _struck(aim, script.seed, hosts)
            yield f"{what}: {aim.text}: {plural(len(struck), 'host')} ({names(struck)})"
    for cut in script.cuts:
        number = len(_matching("--partition", cut.pattern, hosts))
        yield (
            f"cut off for {lasting(cut.seconds)} once the first of them is at work: "
            f"{cut.pattern}: {plural(number, 'host')}"
        )
    yield from (f"the orchestrator is killed in wave {number}" for number in script.kills)
    yield from (f"Redis loses everything in wave {number}" for number in script.losses)
    yield from (f"gate {name} answers {verdict.value}" for name, verdict in script.gates.items())
