"""FakeHost: a Connection with scripted answers that records what ran; ships with the code, itself tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tasks.connection import Command, CommandResult, Engine, HostLock, Output
from tasks.errors import OrderRefused

#: what a scripted command answers: stdout, or (exit code, stdout, stderr), or a function of the command
Answer = str | tuple[int, str, str] | Callable[[Command], "str | tuple[int, str, str]"]


def output(text: str) -> Output:
    """Make an Output that holds this text whole."""
    data = text.encode()
    return Output(head=data, size_bytes=len(data))


@dataclass(slots=True)
class FakeLock:
    """A lock that is held until released."""

    taken: bool = True

    def held(self) -> bool:
        """Whether it was not released yet."""
        return self.taken

    def release(self) -> None:
        """Give it back."""
        self.taken = False


@dataclass(slots=True)
class FakeHost:
    """Answers commands by the longest matching argv prefix; an unscripted command is an AssertionError."""

    #: argv prefix joined by spaces -> answer
    answers: Mapping[str, Answer] = field(default_factory=dict)
    host_name: str = "fake-1"
    fake_engine: Engine | None = None
    #: every command that ran, in order
    ran: list[Command] = field(default_factory=list)
    #: when True, the exclusive lock is held by somebody else
    busy: bool = False

    def run(self, command: Command) -> CommandResult:
        """Answer from the script."""
        self.ran.append(command)
        line = " ".join(command.argv)
        matches = [prefix for prefix in self.answers if line == prefix or line.startswith(prefix + " ")]
        if not matches:
            raise AssertionError(f"FakeHost has no answer for: {line}")
        answer = self.answers[max(matches, key=len)]
        value = answer(command) if callable(answer) else answer
        code, out, err = (0, value, "") if isinstance(value, str) else value
        return CommandResult(
            argv=command.argv, exit_code=code, stdout=output(out), stderr=output(err), duration_s=0.0
        )

    @contextmanager
    def lock(self, path: str, *, wait_s: float = 0.0, shared: bool = False) -> Iterator[HostLock]:
        """Hand out the lock unless `busy`."""
        if self.busy:
            raise OrderRefused(f"{path} is held on {self.host_name} (waited {wait_s:g} s, shared={shared})")
        held = FakeLock()
        try:
            yield held
        finally:
            held.release()

    def engine(self) -> Engine:
        """The scripted engine."""
        if self.fake_engine is None:
            raise AssertionError("FakeHost was given no engine")
        return self.fake_engine

    def reset_engine(self) -> None:
        """Nothing is kept, so nothing is forgotten."""

    def close(self) -> None:
        """Nothing is open."""
