"""The command `dockwave`: every verb in one place, each in the file of its group."""

from __future__ import annotations

import sys

import typer

from orchestrator.cli import (
    audit,
    campaign,
    catalogue,
    config,
    diff,
    hosts,
    locks,
    operate,
    people,
    plan,
    processes,
    quarantine,
    report,
    show,
    simulate,
    stop_all,
    trust,
    undo,
)

app = typer.Typer(
    name="dockwave",
    help="Day-2 operations on a fleet of Docker hosts: plan, waves, proof, rollback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CAMPAIGNS = "Campaigns"
_FLEET = "Fleet"
_CONTROL = "Control plane"

app.command(rich_help_panel=_CAMPAIGNS)(plan.plan)
app.command(rich_help_panel=_CAMPAIGNS)(plan.apply)
app.command(rich_help_panel=_CAMPAIGNS)(plan.run)
app.command(rich_help_panel=_CAMPAIGNS)(show.ls)
app.command(rich_help_panel=_CAMPAIGNS)(show.show)
app.command(rich_help_panel=_CAMPAIGNS)(show.watch)
app.command(rich_help_panel=_CAMPAIGNS)(show.why)
app.command(rich_help_panel=_CAMPAIGNS)(show.abort)
app.command(rich_help_panel=_CAMPAIGNS)(operate.approve)
app.command(rich_help_panel=_CAMPAIGNS)(operate.deny)
app.command(rich_help_panel=_CAMPAIGNS)(operate.pause)
app.command(rich_help_panel=_CAMPAIGNS)(operate.resume)
app.command(rich_help_panel=_CAMPAIGNS)(operate.skip)
app.command("override-gate", rich_help_panel=_CAMPAIGNS)(operate.override_gate)
app.command(rich_help_panel=_CAMPAIGNS)(operate.rollback)
app.command(rich_help_panel=_CAMPAIGNS)(stop_all.stop_all)
app.command(rich_help_panel=_CAMPAIGNS)(undo.undo)
app.command(rich_help_panel=_CAMPAIGNS)(operate.retry)
app.command(rich_help_panel=_CAMPAIGNS)(show.logs)
app.command(rich_help_panel=_CAMPAIGNS)(report.report)
app.command(rich_help_panel=_CAMPAIGNS)(diff.diff)
app.add_typer(audit.audit_app, name="audit", rich_help_panel=_CAMPAIGNS)
app.command(rich_help_panel=_CAMPAIGNS)(simulate.simulate)
app.add_typer(campaign.campaign_app, name="campaign", rich_help_panel=_CAMPAIGNS)
app.command(rich_help_panel=_FLEET)(catalogue.procedures)
app.add_typer(hosts.hosts_app, name="hosts", rich_help_panel=_FLEET)
hosts.hosts_app.command("trust")(trust.trust)
hosts.hosts_app.command("locks")(locks.locks)
hosts.hosts_app.command("quarantine")(quarantine.quarantine)
hosts.hosts_app.command("quarantined")(quarantine.quarantined)
hosts.hosts_app.command("release")(quarantine.release)
hosts.hosts_app.command("accept-identity")(operate.accept_identity)
app.command(rich_help_panel=_CONTROL)(processes.up)
app.command(rich_help_panel=_CONTROL)(processes.down)
app.command(rich_help_panel=_CONTROL)(processes.status)
app.command(rich_help_panel=_CONTROL)(processes.orchestrator)
app.command(rich_help_panel=_CONTROL)(processes.worker)
app.command(rich_help_panel=_CONTROL)(processes.flower)
app.add_typer(people.people_app, name="people", rich_help_panel=_CONTROL)
app.add_typer(config.config_app, name="config")
app.add_typer(config.schema_app, name="schema")
app.command()(config.version)


def run() -> None:
    """Run the command line; no output encoding of the terminal can make it fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()
