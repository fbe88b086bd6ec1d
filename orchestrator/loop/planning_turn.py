"""The turn of a campaign whose plan is being made: answers in, questions out, and the frozen plan at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.campaign.plan_document import canonical_json, plan_document
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.usual import usual_of
from orchestrator.loop import dry_runs, planning
from orchestrator.loop.ingest import Ignored
from orchestrator.loop.turn import Turn
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer
from tasks.wire import Report


def plan_turn(store: Store, turn: Turn, reports: Sequence[Report]) -> None:
    """Take in answers, ask again where there is silence, and make the plan when it is due."""
    turn.after, judged = dry_runs.observe_answers(turn.after, reports, turn.now)
    for report, ignored in zip(reports, judged, strict=True):
        _note(turn, report, ignored)
    if turn.after.abort_requested:
        return
    if dry_runs.is_due(turn.after, turn.now):
        _finish(store, turn)
        return
    turn.after, again = dry_runs.questions(turn.after, turn.now)
    turn.sendings += again


def _note(turn: Turn, report: Report, ignored: Ignored | None) -> None:
    if ignored is not None:
        turn.note("ignored", {"reason": ignored.reason, "report": report.model_dump(mode="json")})
        return
    turn.note_host(report.host, report.result)
    outcome = report.result.outcome.value if report.result else ""
    said = {"report": report.kind.value, "outcome": outcome}
    turn.note("plan-answer", said, host=report.host, attempt=report.attempt_id)


def _finish(store: Store, turn: Turn) -> None:
    with store.read() as reader:
        known = reader.hosts(run.host.name for run in turn.after.runs)
        stored = reader.plan_of(turn.before.id)
        usual = usual_of(reader.past(turn.before.procedure))
        held = reader.quarantines()
    allowed = bool(stored and stored.request.get("allow_unreachable"))
    turn.after = planning.finish(turn.after, known, turn.now, allow_unreachable=allowed, quarantines=held)
    turn.after = replace(turn.after, usual=usual)
    if turn.after.state is CampaignState.PLANNED:
        turn.note("planned", {"hash": turn.after.plan_hash, "waves": turn.after.waves})
    else:
        turn.note("void", {"reason": turn.after.stops[-1].observed})


def freeze(turn: Turn, writer: Writer) -> None:
    """Keep the exact bytes that were hashed, in the transaction that makes the plan known."""
    if turn.before.state is CampaignState.PLANNING and turn.after.plan_hash:
        document = canonical_json(plan_document(turn.after))
        writer.freeze_plan(turn.after.id, document, turn.after.plan_hash, turn.after.plan_expires_at)
