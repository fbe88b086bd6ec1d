"""The command gate: a program on the control host; exit 0 passes, 1 fails, 2 asks for a person, all else is an error.

No shell reads its arguments, it sees none of our environment, and its whole process group ends with its time.
"""

from __future__ import annotations

import tempfile

from orchestrator.campaign.gate import Gate, Verdict
from orchestrator.gates.answer import Answer, answer
from orchestrator.hook_process import run_hook

_VERDICTS = {0: Verdict.PASS, 1: Verdict.FAIL, 2: Verdict.INCONCLUSIVE}
_SHOWN = 300


def ask(gate: Gate) -> Answer:
    """Run it once."""
    argv = ("prlimit", "--fsize=1000000", "--", *gate.argv)
    with tempfile.TemporaryFile() as said:
        try:
            code = run_hook(argv, timeout_s=gate.timeout_s, output=said)
        except (OSError, ValueError) as error:
            return answer(Verdict.ERROR, f"it cannot be started: {error}")
        said.seek(0)
        text = said.read(_SHOWN).decode(errors="replace")
    if code is None:
        return answer(Verdict.ERROR, f"it did not end within {gate.timeout_s:g} s and was killed {text}")
    return answer(_VERDICTS.get(code, Verdict.ERROR), f"exit {code} {text}")
