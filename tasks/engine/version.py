"""Versions of engine packages: their grammar, the part people speak of, and which change is a major one.

Nothing here says which of two versions is later: only dpkg on the host can.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tasks.facts.packages import NAME_PATTERN, VERSION_PATTERN

#: an exact Debian version, epoch and revision included
DebianVersion = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=200)]
PackageName = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
#: what a person types: "26.1", "26.1*", "26.1.5" or an exact Debian version
VersionPrefix = Annotated[str, Field(pattern=r"^(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*\*?$", max_length=200)]


def upstream(version: str) -> str:
    """The project's own version: "20.10.24+dfsg1" of "20.10.24+dfsg1-1+deb12u1+b6", "27.3.1" of "5:27.3.1-1~x"."""
    bare = version.split(":", 1)[-1]
    return bare.rsplit("-", 1)[0] if "-" in bare else bare


def core(version: str) -> str:
    """Its leading numbers: "20.10.24" of "20.10.24+dfsg1"; "" when it does not start with any."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", upstream(version))
    return match[0] if match else ""


def line(version: str) -> tuple[str, ...]:
    """The release line YY.MM a version belongs to: ("26", "1") of "26.1.5+dfsg1-9"."""
    return tuple(core(version).split(".")[:2])


def is_major_change(left: str, right: str) -> bool:
    """Whether two versions belong to different release lines, between which Docker promises nothing."""
    return line(left) != line(right)


def same_release(running: str, package: str) -> bool:
    """Whether a version a daemon reports is the one a package version stands for.

    Distributions keep "+dfsg1" in what the daemon reports, Docker's own packages report numbers only; a release
    candidate is 28.0.0-rc.1 to itself and 28.0.0~rc.1 to its package.
    """
    said = running.replace("-", "~")
    return bool(said) and said in {upstream(package), core(package)}


def at_least(version: str, *numbers: int) -> bool:
    """Whether the leading numbers of a version reach these, compared as numbers."""
    have = tuple(int(part) for part in core(version).split(".") if part)
    return have >= numbers


def matches(version: str, prefix: str) -> bool:
    """Whether a package version is meant by what a person typed; "26.1" means 26.1.5 but not 26.10.0."""
    wanted = prefix.removesuffix("*")
    for candidate in (version, version.split(":", 1)[-1]):
        if candidate == wanted:
            return True
        if candidate.startswith(wanted):
            rest = candidate[len(wanted) :]
            if not (wanted[-1].isdigit() and rest[0].isdigit()):
                return True
    return False
