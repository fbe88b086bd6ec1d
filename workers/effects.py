"""Does one step on a host, and says what came of it; the only place where hosts are changed."""

from __future__ import annotations

import hashlib
import posixpath
import time
from collections.abc import Callable
from typing import assert_never

from tasks import guard
from tasks.connection import Command, Connection, Engine
from tasks.errors import EngineError
from tasks.procedure import EngineStep, EngineVerb, RunStep, Step, WriteStep
from tasks.result import StepResult, StepState
from workers.units import UnitReport, Units, unit_name

#: replaces a file atomically: $1 path, $2 mode, $3 directory; content on standard input
_REPLACE = """
set -eu
umask 077
new="$1.dockwave-new"
cat > "$new"
if [ -e "$1" ]; then chown --reference="$1" -- "$new"; fi
chmod "$2" -- "$new"
sync "$new"
mv -T -- "$new" "$1"
sync "$3"
"""


class Effects:
    """Carries out steps of one attempt on one host."""

    def __init__(
        self, connection: Connection, attempt_id: str, directory: str, *, beat: Callable[[], None]
    ) -> None:
        """Act through this connection; `directory` is the attempt's own on the host, `beat` is called while waiting."""
        self._connection = connection
        self._attempt_id = attempt_id
        self._directory = directory
        self._beat = beat
        self._units = Units(connection)

    def apply(self, step: Step) -> StepResult:
        """Do the step; a failure of the step is a StepResult, a lost link is a TransportError."""
        began = time.monotonic()
        match step:
            case RunStep():
                state, detail, output = self._run(step)
                return _result(step, state, detail, began, output=output)
            case WriteStep():
                state, detail = self._write(step)
                return _result(step, state, detail, began)
            case EngineStep():
                state, detail, freed = self._remove(step)
                return _result(step, state, detail, began, freed_bytes=freed)
            case _:
                assert_never(step)

    def collect(self, step: Step) -> StepResult | None:
        """Take the end of a step an earlier worker began; None when nobody knows it any more (reboot, no unit).

        Only units can be collected: files and engine objects are simply judged anew by the next plan.
        """
        if not isinstance(step, RunStep):
            return None
        began = time.monotonic()
        unit = unit_name(self._attempt_id, step.key)
        if not self._units.look(unit).known:
            return None
        state, detail, output = self._end_of(step, unit)
        return _result(step, state, detail, began, output=output)

    def forget(self, key: str) -> None:
        """Let systemd forget the step's unit, once its end is in the journal."""
        self._units.forget(unit_name(self._attempt_id, key))

    def _output_path(self, key: str) -> str:
        return f"{self._directory}/{unit_name(self._attempt_id, key)}.out"

    def _run(self, step: RunStep) -> tuple[StepState, str, str]:
        unit = unit_name(self._attempt_id, step.key)
        self._units.start(unit, step, self._output_path(step.key))
        return self._end_of(step, unit)

    def _end_of(self, step: RunStep, unit: str) -> tuple[StepState, str, str]:
        report = self._units.wait(unit, timeout_s=step.timeout_s, beat=self._beat)
        # the command may have restarted the daemon: the kept channel would lead nowhere
        self._connection.reset_engine()
        state, detail = _judge(report, step.ok_exit_codes)
        return state, detail, self._units.output_tail(self._output_path(step.key))

    def _write(self, step: WriteStep) -> tuple[StepState, str]:
        folder = posixpath.dirname(step.path)
        if step.content is None:
            command = Command(argv=("rm", "-f", "--", step.path))
        else:
            self._connection.run(Command(argv=("mkdir", "-p", "--", folder)))
            script = ("sh", "-c", _REPLACE, "dockwave", step.path, f"{step.mode:04o}", folder)
            command = Command(argv=script, stdin=step.content)
        result = self._connection.run(command)
        if not result.ok:
            return StepState.FAILED, f"{step.path}: {result.stderr.text.strip()[:300]}"
        return self._read_back(step)

    def _read_back(self, step: WriteStep) -> tuple[StepState, str]:
        seen = self._connection.run(Command(argv=("sha256sum", "--", step.path)))
        if step.content is None:
            gone = not seen.ok
            return (StepState.DONE, "removed") if gone else (StepState.FAILED, f"{step.path} is still there")
        want = hashlib.sha256(step.content).hexdigest()
        if seen.stdout.text.split(" ")[0].lstrip("\\") != want:
            return StepState.FAILED, f"{step.path} does not hold what was written"
        return StepState.DONE, f"{len(step.content)} bytes, sha256 {want[:12]}"

    def _remove(self, step: EngineStep) -> tuple[StepState, str, int | None]:
        engine = self._connection.engine()
        try:
            reason = guard.still_eligible(engine, step)
            if reason is not None:
                return StepState.SKIPPED, reason, None
            return StepState.DONE, "", _call(engine, step)
        except EngineError as error:
            if error.status == 404:
                return StepState.ALREADY, "gone already", None
            if error.status == 409:
                return StepState.SKIPPED, error.message[:300], None
            if error.status == 0:
                raise
            return StepState.FAILED, f"{error.code}: {error.message[:300]}", None


def _call(engine: Engine, step: EngineStep) -> int | None:
    match step.verb:
        case EngineVerb.REMOVE_CONTAINER:
            engine.remove_container(step.object_id)
        case EngineVerb.REMOVE_NETWORK:
            engine.remove_network(step.object_id)
        case EngineVerb.REMOVE_VOLUME:
            engine.remove_volume(step.object_id)
        case EngineVerb.REMOVE_IMAGE:
            engine.remove_image(step.reference or step.object_id)
        case EngineVerb.PRUNE_BUILD_CACHE:
            answer = engine.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(step.object_id,))
            return int(answer.get("SpaceReclaimed") or 0)
        case _:
            assert_never(step.verb)
    return step.size_bytes


def _judge(report: UnitReport, ok_exit_codes: tuple[int, ...]) -> tuple[StepState, str]:
    if not report.known:
        return StepState.FAILED, "the unit vanished before its end could be read"
    if report.exit_code in ok_exit_codes and report.result in {"success", "exit-code", ""}:
        return StepState.DONE, "" if report.exit_code == 0 else f"exit {report.exit_code}"
    return StepState.FAILED, f"exit {report.exit_code} ({report.result})"


def _result(
    step: Step,
    state: StepState,
    detail: str,
    began: float,
    *,
    output: str = "",
    freed_bytes: int | None = None,
) -> StepResult:
    return StepResult(
        key=step.key,
        title=step.title,
        state=state,
        detail=detail,
        output=output,
        freed_bytes=freed_bytes if state is StepState.DONE else None,
        duration_s=time.monotonic() - began,
    )
