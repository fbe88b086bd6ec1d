"""The list of planted bugs."""

from __future__ import annotations

from tests.orchestrator.simulate.planted_asked import ASKED
from tests.orchestrator.simulate.planted_bug import Bug
from tests.orchestrator.simulate.planted_processes import PROCESSES
from tests.orchestrator.simulate.planted_starts import STARTS
from tests.orchestrator.simulate.planted_stops import STOPS
from tests.orchestrator.simulate.planted_truth import TRUTH

BUGS: tuple[Bug, ...] = (*STARTS, *STOPS, *PROCESSES, *TRUTH, *ASKED)
