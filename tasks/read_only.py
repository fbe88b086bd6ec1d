"""ReadOnly: what procedures that only read share. They plan nothing, undo nothing and leave no difference."""

from __future__ import annotations

from typing import Generic

from tasks.errors import Refused
from tasks.procedure import Draft, F, P, Setting


class ReadOnly(Generic[P, F]):
    """The base of every procedure of kind READ_ONLY: the three answers they all give alike."""

    def plan(self, facts: F, params: P, setting: Setting) -> Draft:  # noqa: ARG002 - contract
        """Nothing is ever missing."""
        return Draft(summary="reads only")

    def undo(self, before: F, now: F, params: P, setting: Setting) -> Draft:  # noqa: ARG002 - contract
        """Refuse: nothing was changed."""
        raise Refused("A procedure that only reads has nothing to undo", code="E_PARAM")

    def differences(self, before: F, now: F) -> tuple[str, ...]:  # noqa: ARG002 - contract
        """Nothing was changed, so nothing differs."""
        return ()
