"""Labels a campaign file names must be labels its hosts have: else an order is none, and a limit limits nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.campaignfile.schema import CampaignFile
from orchestrator.documents.problems import shown
from tasks.errors import BadInput
from tasks.model import Host


def check_labels(file: CampaignFile, hosts: Sequence[Host]) -> None:
    """BadInput when the file goes by a label that none of these hosts has."""
    known = {label for host in hosts for label in host.labels}
    for what, label in _named(file):
        if label not in known:
            raise BadInput(
                f"{what} label {shown(label)}: none of the {len(hosts)} hosts has it",
                hint="Correct the name, or give the hosts that label in the inventory.",
            )


def _named(file: CampaignFile) -> Iterator[tuple[str, str]]:
    if file.order is not None and file.order.label is not None:
        yield "order by", file.order.label
    if file.spread is not None:
        yield "spread over", file.spread
    for label in file.budgets.max_unavailable if file.budgets is not None else ():
        yield "budget of", label
    for rule in file.stop_rules or ():
        if rule.label is not None:
            yield "stop rule of", rule.label
