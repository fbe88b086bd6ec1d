"""What every command shares: settings, two consoles, and one place where errors become text and exit codes."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from orchestrator.cli import exits
from orchestrator.settings.settings import Resolved, Settings, resolve
from tasks.errors import BadDocument, DockwaveError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from orchestrator.cli.client import Client

F = TypeVar("F", bound=Callable[..., Any])

_PANEL = "Where things are"

#: flags every command has; they win over environment and file
_COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None, typer.Option(help="Settings file, TOML or YAML.", rich_help_panel=_PANEL, metavar="FILE")
    ],
    "data_dir": Annotated[
        str | None,
        typer.Option(help="The control plane's own files.", rich_help_panel=_PANEL, metavar="DIRECTORY"),
    ],
    "api_url": Annotated[
        str | None,
        typer.Option(help="Where the orchestrator answers.", rich_help_panel=_PANEL, metavar="URL"),
    ],
    "token_file": Annotated[
        str | None, typer.Option(help="The API's token.", rich_help_panel=_PANEL, metavar="FILE")
    ],
    "no_color": Annotated[
        bool, typer.Option("--no-color", help="No colours (also: NO_COLOR=1).", rich_help_panel=_PANEL)
    ],
}

#: columns of a table in a pipe at most; hostile text is cut far below it
_PIPE_WIDTH = 2000

#: those of them that are settings
_SETTINGS = ("data_dir", "api_url", "token_file")


class Session:
    """One run of one command."""

    def __init__(
        self, flags: dict[str, Any], config: Path | None, *, no_color: bool, beside_running: bool = True
    ) -> None:
        """Keep the flags; nothing is read before it is needed."""
        self._flags = flags
        self._config = config
        self._no_color = no_color
        self._beside_running = beside_running

    def with_flags(self, *, beside_running: bool = True, **flags: Any) -> Session:
        """The same session with more settings given as flags; for verbs that start processes and ask nothing."""
        return Session(
            self._flags | flags, self._config, no_color=self._no_color, beside_running=beside_running
        )

    @cached_property
    def resolved(self) -> Resolved:
        """The settings and where each came from."""
        return resolve(self._flags, os.environ, self._config, beside_running=self._beside_running)

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.resolved.settings

    @property
    def at_terminal(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @cached_property
    def out(self) -> Console:
        """Standard output: data."""
        return self._console(stderr=False)

    @cached_property
    def err(self) -> Console:
        """Standard error: progress, questions, errors."""
        return self._console(stderr=True)

    def _console(self, *, stderr: bool) -> Console:
        from rich.console import Console

        class PipeConsole(Console):
            """A console that lets the one place for errors see a closed pipe."""

            def on_broken_pipe(self) -> None:
                raise BrokenPipeError

        return PipeConsole(stderr=stderr, no_color=self._no_color or None, highlight=False)

    @cached_property
    def client(self) -> Client:
        """The control plane's API."""
        from orchestrator.cli.client import Client

        return Client(self.settings)

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if "client" in self.__dict__:
            self.client.close()

    def say(self, text: str) -> None:
        """One line of progress."""
        from orchestrator.screens.sanitize import clean

        print(clean(text, limit=4000), file=sys.stderr, flush=True)

    def print(self, what: RenderableType, *, progress: bool = False) -> None:
        """Show something on standard output (or as progress); in a pipe it is as wide as it needs: nothing is cut."""
        console = self.err if progress else self.out
        if not console.is_terminal:
            unbounded = console.options.update(max_width=_PIPE_WIDTH)
            console.width = max(console.width, console.measure(what, options=unbounded).maximum)
        console.print(what)

    def data(self, text: str) -> None:
        """Data for standard output, as it is: callers have cleaned or encoded it."""
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()


def command(function: F) -> F:
    """Give a verb its Session and the common flags; its errors become text on stderr and an exit code.

    A parameter whose type is a dataclass stands for the flags that are the fields of it.
    """
    own = inspect.signature(function, eval_str=True)
    extra = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=False if name == "no_color" else None,
        )
        for name, annotation in _COMMON.items()
        if name not in own.parameters
    ]
    groups: dict[str, Any] = {
        name: item.annotation for name, item in own.parameters.items() if is_dataclass(item.annotation)
    }
    kept = [
        item.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        if name != "session"
        for item in (_flags_of(groups[name]) if name in groups else [parameter])
    ]

    @functools.wraps(function)
    def wrapper(**values: Any) -> None:
        config, no_color = values.pop("config", None), values.pop("no_color", False)
        flags: dict[str, Any] = {name: values.pop(name) for name in _SETTINGS if name in values}
        for name, group in groups.items():
            values[name] = group(**{item.name: values.pop(item.name) for item in fields(group)})
        session = Session(flags, config, no_color=no_color)
        with _Ending(), closing(session):
            function(session=session, **values)

    signature = own.replace(parameters=[*kept, *extra], return_annotation=None)
    wrapper.__signature__ = signature  # type: ignore[attr-defined]  # how inspect and typer are told
    wrapper.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
    return wrapper  # type: ignore[return-value]  # typer sees the widened signature, callers never call it


def _flags_of(group: Any) -> list[inspect.Parameter]:
    """The fields of a dataclass as flags."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            item.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[item.name],
            default=item.default if item.default_factory is MISSING else item.default_factory(),
        )
        for item in fields(group)
    ]


@dataclass(slots=True)
class _Ending:
    """Turns what a verb raises into text and exit code."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DockwaveError):
            show_error(error)
            raise typer.Exit(exits.exit_code_of(error)) from None
        if isinstance(error, KeyboardInterrupt):
            print("Interrupted.", file=sys.stderr)
            raise typer.Exit(exits.DETACHED) from None
        if isinstance(error, BrokenPipeError):
            # whoever read our output has gone; the interpreter must not try to flush into it again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(exits.PIPE_CLOSED) from None


def show_error(error: DockwaveError) -> None:
    """Say on stderr what happened, where, and what to do next."""
    from orchestrator.screens.sanitize import clean, clean_lines

    if isinstance(error, BadDocument):
        for problem in error.problems:
            print(f"error: {clean(str(problem), limit=2000)}", file=sys.stderr)
        return
    text = clean_lines(error.message, limit=8000)
    print(f"error: {text}" + (f" [{error.code}]" if error.code else ""), file=sys.stderr)
    for line in getattr(error, "more", ()):
        print(f"  also: {clean(line, limit=2000)}", file=sys.stderr)
    if error.hint:
        print(f"  next: {clean(error.hint, limit=2000)}", file=sys.stderr)
