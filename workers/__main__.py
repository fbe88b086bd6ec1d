"""`python -m workers run|probe|trust`: the worker process, and the two questions the command line asks about hosts.

`dockwave worker` and `dockwave hosts` call this module as a program, so that the orchestrator never imports the
worker side. Answers are JSON lines on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from tasks.errors import DockwaveError
from tasks.model import Transport


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and run; errors are one JSON line on standard error and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="consume orders until stopped")
    which = run.add_mutually_exclusive_group(required=True)
    which.add_argument("--host", metavar="NAME", help="agent of this host, on its local Docker socket")
    which.add_argument(
        "--gateway", metavar="POOL", help="member of this gateway pool, reaching hosts over SSH"
    )
    verbs.add_parser("probe", help="check hosts given as JSON on standard input")
    verbs.add_parser("trust", help="fetch or record host keys; request as JSON on standard input")
    options = parser.parse_args(argv)
    try:
        return _run(options) if options.verb == "run" else _ask(options.verb)
    except DockwaveError as error:
        print(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}), file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    from workers.process import serve
    from workers.settings import read_settings

    kind = Transport.LOCAL if options.host else Transport.SSH
    return serve(read_settings(kind, options.host or options.gateway, os.environ))


def _ask(verb: str) -> int:
    from workers import probe

    request = json.load(sys.stdin)
    answers = probe.probe(request) if verb == "probe" else probe.trust(request)
    for answer in answers:
        print(json.dumps(answer, ensure_ascii=True), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
