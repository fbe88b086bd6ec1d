"""The command gate: a program on the control host; exit 0 passes, 1 fails, 2 asks for a person, all else is an error.

No shell reads its arguments, it sees none of our environment, and its whole process group ends with its time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile

from orchestrator.campaign.gate import Gate, Verdict
from orchestrator.gates.answer import Answer, answer

_VERDICTS = {0: Verdict.PASS, 1: Verdict.FAIL, 2: Verdict.INCONCLUSIVE}
_SHOWN = 300
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def ask(gate: Gate) -> Answer:
    """Run it once."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                ["prlimit", "--fsize=1000000", "--", *gate.argv],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return answer(Verdict.ERROR, f"it cannot be started: {error}")
        try:
            code = process.wait(gate.timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        said.seek(0)
        text = said.read(_SHOWN).decode(errors="replace")
    if code is None:
        return answer(Verdict.ERROR, f"it did not end within {gate.timeout_s:g} s and was killed {text}")
    return answer(_VERDICTS.get(code, Verdict.ERROR), f"exit {code} {text}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group; the program itself is reaped."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
