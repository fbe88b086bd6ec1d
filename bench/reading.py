"""The work both sides do per host: one command and two Engine API reads, over a warm connection."""

from __future__ import annotations

from tasks.connection import Connection
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Facts, Params, Setting, Spec, Verdict
from tasks.result import StepResult

NAME = "bench.read"


class ReadFacts(Facts):
    """What was read."""

    server: str
    containers: int


class Read:
    """A read-only procedure like engine.info without its systemd questions, which loopback hosts cannot answer."""

    params_type = Params
    facts_type = ReadFacts
    spec = Spec(name=NAME, kind=Kind.READ_ONLY, seed="-", summary="bench", undo=UndoClass.NONE, timeout_s=60)

    def gather(self, host: Connection, params: Params, setting: Setting) -> ReadFacts:
        """Read version and info."""
        engine = host.engine()
        return ReadFacts(server=str(engine.version()["Version"]), containers=int(engine.info()["Containers"]))

    def plan(self, facts: ReadFacts, params: Params, setting: Setting) -> Draft:
        """Nothing is ever to do."""
        return Draft()

    def verify(
        self, before: ReadFacts, after: ReadFacts, params: Params, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """Answer."""
        return Verdict(ok=True, data={"server": after.server})

    def undo(self, before: ReadFacts, now: ReadFacts, params: Params, setting: Setting) -> Draft:
        """Nothing to take back."""
        return Draft()

    def differences(self, before: ReadFacts, now: ReadFacts) -> tuple[str, ...]:
        """Nothing can differ."""
        return ()
