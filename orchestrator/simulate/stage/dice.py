"""Chance that is the same for a seed on every machine and every Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from one seed; only `random()` is used, the one method Python promises never to change."""

    def __init__(self, seed: str) -> None:
        """Begin at the beginning of this seed."""
        self._random = random.Random(seed)  # noqa: S311 - a script, no secret

    def between(self, least: float, most: float) -> float:
        """Give a number between two others."""
        return least + (most - least) * self._random.random()

    def whole(self, least: int, most: int) -> int:
        """Give a whole number, both ends included."""
        return least + int(self._random.random() * (most - least + 1))

    def chance(self, part: float) -> bool:
        """Say yes so often."""
        return self._random.random() < part

    def among(self, choices: Sequence[T]) -> T:
        """Give one of these."""
        return choices[int(self._random.random() * len(choices))]
