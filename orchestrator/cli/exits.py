"""Exit codes of every command, and the errors that carry them (docs/cli.md)."""

from __future__ import annotations

from tasks.errors import BadInput, DockwaveError

DONE = 0
ERROR = 1
USAGE = 2
EXCEPTIONS = 3
HALTED = 4
ROLLED_BACK = 5
APPROVAL = 6
STALE = 7
TIMED_OUT = 8
UNREACHABLE = 9
DETACHED = 130
#: what a shell shows for SIGPIPE; the reader of our output went away
PIPE_CLOSED = 141


class NoControlPlane(DockwaveError):
    """The control plane does not answer."""

    default_code = "E_NO_CONTROL_PLANE"


class ApiError(DockwaveError):
    """The control plane answered with an error; `status` is the HTTP status."""

    def __init__(
        self, message: str, *, code: str, hint: str = "", status: int = 0, more: tuple[str, ...] = ()
    ) -> None:
        """Keep the HTTP status and further problems of the same request."""
        super().__init__(message, code=code, hint=hint)
        self.status = status
        self.more = more


class StalePlan(DockwaveError):
    """The plan cannot be applied any more."""

    default_code = "E_PLAN_STALE"


#: codes of plans that were good once
_STALE = frozenset({"E_PLAN_STALE", "E_PLAN_EXPIRED", "E_PLAN_APPLIED"})


def exit_code_of(error: DockwaveError) -> int:
    """The exit code an error ends the command with."""
    if error.code in _STALE:
        return STALE
    if isinstance(error, NoControlPlane):
        return UNREACHABLE
    if isinstance(error, BadInput):
        return USAGE
    if isinstance(error, ApiError) and error.status in {400, 403, 404, 409, 413, 415, 422}:
        return USAGE
    return ERROR
