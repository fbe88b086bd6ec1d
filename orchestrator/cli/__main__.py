"""`python -m orchestrator.cli`: the command line without an installed script."""

from orchestrator.cli.main import run

run()
