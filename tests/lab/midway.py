"""Campaigns that something is done to in the middle of an upgrade."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.lab.observed import ENGINE_PACKAGES
from tests.lab.scene import Scene

#: silence is noticed sooner than by default: what a campaign makes of it is the same, and nobody waits for it
SHORT_SILENCE = ("-O", "delivery={heartbeat_timeout: 10s, ask_every: 5s}")


def in_mid_upgrade(fleet: Scene, name: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the package transaction runs on the host right now, as the host itself says."""

    def holds(shown: dict[str, Any]) -> bool:
        units = ("systemctl", "list-units", "--plain", "--no-legend", "dockwave-*install*")
        return "activating" in fleet.host(name).attempt(*units).out

    return holds


def in_mid_unpack(fleet: Scene, name: str) -> Callable[[dict[str, Any]], bool]:
    """Whether dpkg is replacing files of an engine package on the host right now: cut here, it is in a mess."""

    def holds(shown: dict[str, Any]) -> bool:
        states = (
            fleet.host(name).attempt("dpkg-query", "-W", "-f=${db:Status-Abbrev}\n", *ENGINE_PACKAGES).out
        )
        return any(state[1:2] == "H" for state in states.splitlines())

    return holds


def all_upgraded(fleet: Scene, names: Iterable[str], shown: dict[str, Any]) -> None:
    """The campaign is complete, and every one of these hosts was upgraded once."""
    assert shown["state"] == "COMPLETE", shown
    for name in names:
        fleet.upgraded(name)
