"""A procedure for tests: a file must end in the lines asked for; each line is appended by a command of its own.

The file is the effect counter: a step that ran twice has left its line twice.
"""

from __future__ import annotations

from pydantic import Field

from tasks.connection import Command, Connection
from tasks.errors import Refused
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, Facts, Params, RunStep, Setting, Spec, Step, Verdict, WriteStep
from tasks.result import StepResult


class ToyParams(Params):
    """What the file must hold."""

    path: str
    lines: int = Field(ge=0, le=20)
    #: number of the line whose command exits 1 after writing it; 0 = none
    fails_at: int = 0
    #: the first line asks for a new plan
    replan: bool = True
    #: verification finds fault whatever was done
    never_right: bool = False


class ToyFacts(Facts):
    """What the file holds."""

    content: str = ""

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.content.splitlines()


class Toy:
    """The procedure."""

    params_type = ToyParams
    facts_type = ToyFacts
    spec = Spec(
        name="toy.lines",
        kind=Kind.CHANGING,
        seed="0",
        summary="Lines in a file",
        undo=UndoClass.EXACT,
        timeout_s=60,
        strict=True,
    )

    def gather(self, host: Connection, params: ToyParams, setting: Setting) -> ToyFacts:
        """Read the file."""
        return ToyFacts(content=host.run(Command(argv=("cat", params.path))).stdout.text)

    def plan(self, facts: ToyFacts, params: ToyParams, setting: Setting) -> Draft:
        """One step per missing line."""
        if "locked" in facts.lines and setting.before is None:
            raise Refused("the file is locked", code="E_PROTECTED")
        steps: list[Step] = []
        for number in range(1, params.lines + 1):
            if f"line {number}" not in facts.lines:
                script = 'echo "line $1" >> "$2"; exit "$3"'
                code = "1" if number == params.fails_at else "0"
                argv = ("sh", "-c", script, "toy", str(number), params.path, code)
                replan = params.replan and number == 1
                steps.append(
                    RunStep(key=f"line-{number}", title=f"add line {number}", argv=argv, replan=replan)
                )
        return Draft(steps=tuple(steps), summary=f"{len(steps)} lines to add")

    def verify(
        self, before: ToyFacts, after: ToyFacts, params: ToyParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """Every line is there once."""
        missing = [n for n in range(1, params.lines + 1) if after.lines.count(f"line {n}") != 1]
        ok = not missing and not params.never_right
        return Verdict(ok=ok, evidence=(f"wrong lines: {missing}",), data={"lines": len(after.lines)})

    def undo(self, before: ToyFacts, now: ToyFacts, params: ToyParams, setting: Setting) -> Draft:
        """Write the old content back."""
        if before == now:
            return Draft()
        content = before.content.encode()
        return Draft(steps=(WriteStep(key="restore", title="restore", path=params.path, content=content),))

    def differences(self, before: ToyFacts, now: ToyFacts) -> tuple[str, ...]:
        """Compare contents."""
        return () if before.content == now.content else ("content differs",)


PROCEDURE = Toy()
