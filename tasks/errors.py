"""One tree of errors with stable codes; failure of a host is data, these are broken contracts or refusals.

    DockwaveError
    ├── BadInput                what a person or a file said cannot be used   (exit code 2, HTTP 422)
    │   └── BadDocument         all problems of one document, with line and column
    ├── Refused                 a precondition of a procedure does not hold   (nothing was changed)
    ├── TransportError          the host could not be reached or answered nonsense
    │   ├── Unreachable         no connection; retryable
    │   ├── HostKeyUnknown      the host's key is in no known_hosts file
    │   ├── HostKeyChanged      the host shows another key than the known one
    │   ├── AuthFailed          the host refused our key
    │   └── DeadlineExceeded    an answer did not come in time: the outcome is unknown
    ├── EngineError             the Docker Engine answered with an error, or not at all
    └── OrderRefused            the host's journal or lock refused an order (stale, expired, busy, foreign)

Codes are those of the error taxonomy in docs/procedures.md; a code never changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Codes after which the same request may succeed later without anyone changing it.
RETRYABLE = frozenset(
    {"E_UNREACHABLE", "E_TIMEOUT", "E_HOST_BUSY", "E_PRUNE_BUSY", "E_PKG_LOCKED", "E_DAEMON_UNRESPONSIVE"}
)


class DockwaveError(Exception):
    """Something Dockwave relies on does not hold; `code` is stable, `hint` says what to do next."""

    default_code = "E_INTERNAL"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        """Keep a human sentence, a stable code and the next thing to do."""
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later by itself."""
        return self.code in RETRYABLE


class BadInput(DockwaveError):
    """Input cannot be used as it is; nothing was done."""

    default_code = "E_PARAM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a document a person wrote."""

    #: file the problem is in, as the person named it; "" for command-line values
    file: str
    #: 1-based line, 0 when the problem is the document as a whole
    line: int
    #: 1-based column, 0 likewise
    column: int
    #: what is wrong, with the value found
    what: str
    #: how to mend it
    fix: str

    def __str__(self) -> str:
        """Render as file:line:column: what (fix)."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.what}. {self.fix}" if place else f"{self.what}. {self.fix}"


class BadDocument(BadInput):
    """A document has problems; all of them are listed, none of it was used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Carry every problem found, in the order of the document."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Refused(DockwaveError):
    """A precondition does not hold, so the procedure refused before it changed anything."""

    default_code = "E_REFUSED"


class TransportError(DockwaveError):
    """The host could not be talked to."""

    default_code = "E_UNREACHABLE"


class Unreachable(TransportError):
    """No connection to the host could be opened, or it was cut."""


class HostKeyUnknown(TransportError):
    """The host's key is in no known_hosts file; look at its fingerprint with `dockwave hosts trust`."""

    default_code = "E_SSH_HOSTKEY"


class HostKeyChanged(TransportError):
    """The host shows another key than the known one: rebuilt, or somebody in between."""

    default_code = "E_SSH_HOSTKEY_CHANGED"


class AuthFailed(TransportError):
    """The host refused our key."""

    default_code = "E_SSH_AUTH"


class DeadlineExceeded(TransportError):
    """An answer did not come in time; whether the work was done is unknown."""

    default_code = "E_TIMEOUT"


class EngineError(DockwaveError):
    """The Docker Engine answered with an error; `status` is the HTTP status, 0 when it did not answer."""

    default_code = "E_API"

    def __init__(self, message: str, *, status: int = 0, code: str | None = None, hint: str = "") -> None:
        """Keep the HTTP status beside the sentence."""
        super().__init__(message, code=code, hint=hint)
        self.status = status


class OrderRefused(DockwaveError):
    """The host's own journal or lock refused an order; nothing was started."""

    default_code = "E_HOST_BUSY"
