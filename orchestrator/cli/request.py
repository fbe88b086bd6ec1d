"""What `plan` and `run` send: procedure, parameters, frozen hosts and policy, checked before anything leaves."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator.campaign.policy import MAX_CONTROLS, MAX_PARALLELISM
from orchestrator.campaign.rollout import Quorum
from orchestrator.campaign.waves import MAX_COUNT, parse_share, parse_waves
from orchestrator.campaignfile.arrange import arrange, canary_count, waves_with_canaries
from orchestrator.campaignfile.labels import check_labels
from orchestrator.campaignfile.load import Campaign, load_campaign_file
from orchestrator.campaignfile.wish import wish_of
from orchestrator.cli.approval_flag import approval_options
from orchestrator.cli.asked import Asked
from orchestrator.cli.flags import duration, one_of, settings_of, whole
from orchestrator.cli.gate_flag import gate_text
from orchestrator.cli.hosts import inventory_files, read_names_file
from orchestrator.inventory.load import load_inventory
from orchestrator.inventory.selection import SelectionError, select
from tasks import catalog
from tasks.catalog import AnyProcedure
from tasks.errors import BadInput
from tasks.model import Host, Inventory, Kind


def inventory_of(files: Sequence[Path], configured: str) -> Inventory:
    """The inventory of -i, or the configured one."""
    return load_inventory(inventory_files(files, configured))


def body_of(asked: Asked, configured: str, among: Inventory | None = None) -> dict[str, Any]:
    """The body of POST /v1/plans: what flags say, then what the campaign file says, then defaults.

    Hosts are chosen from `among` when it is given, and from the inventory files otherwise.
    """
    flags = _flags(asked)
    options = (*_listed(asked), *asked.options)
    if asked.file is None and not options:
        return _body_of_flags(asked, flags, configured, among)
    campaign = load_campaign_file(
        asked.file,
        procedure=asked.procedure,
        match=asked.on,
        options=options,
        given=lambda procedure: _params(asked, procedure),
    )
    file = campaign.model
    wish = wish_of(file)
    if "max_failures" in flags:
        wish.pop("stop_rules", None)
    if "waves" in flags:
        # what the file says of single waves is said of its own
        wish = {key: value for key, value in wish.items() if key not in {"wave_parallelism", "wave_names"}}
    wish |= flags
    inventory = among or inventory_of(asked.inventory, configured)
    hosts = chosen(inventory, campaign)
    if file.canary is not None and hosts:
        wish["waves"] = waves_of(campaign, hosts, wish.get("waves"))
    return _body(file.procedure, campaign.params, inventory, hosts) | wish


def _listed(asked: Asked) -> Iterator[str]:
    """Flags that are a list of the campaign file, as options of it: they are read and refused in the same words."""
    for path, texts in (("windows.allow", asked.window), ("windows.blackout", asked.blackout)):
        if texts:
            yield f"{path}={json.dumps(list(texts))}"
    if asked.approval is not None:
        yield from approval_options(asked.approval)
    if asked.gate:
        yield f"gates=[{', '.join(map(gate_text, asked.gate))}]"
    if asked.notify:
        yield f"notify={json.dumps([_told(text) for text in asked.notify])}"


def _told(text: str) -> dict[str, Any]:
    channel, colon, events = text.partition(":")
    if not colon:
        raise BadInput(
            f"--notify cannot be {text[:80]!r}: it names no event",
            hint="Write CHANNEL:EVENT,EVENT: --notify ops:halted,finished.",
        )
    return {"to": channel.strip(), "on": [event.strip() for event in events.split(",")]}


def chosen(inventory: Inventory, campaign: Campaign) -> tuple[Host, ...]:
    """The hosts of a campaign file, in the order it asks for; a bad pattern is told with its place in the file."""
    file = campaign.model
    try:
        hosts = select(
            inventory,
            file.targets.match,
            read_file=read_names_file,
            allow_empty=bool(file.targets.allow_empty),
        )
    except SelectionError as error:
        place = campaign.match_place
        raise SelectionError(
            tuple(
                replace(problem, file=place.file, line=place.line, column=place.column)
                for problem in error.problems
            )
        ) from None
    if not hosts:
        return ()
    check_labels(file, hosts)
    return arrange(hosts, order=file.order, spread=file.spread, canary=file.canary)


def waves_of(campaign: Campaign, hosts: Sequence[Host], waves: str | None) -> str:
    """The waves of a campaign with canaries."""
    reading = catalog.find(campaign.model.procedure).spec.kind is Kind.READ_ONLY
    canaries = canary_count(hosts, campaign.model.canary)
    return waves_with_canaries(hosts, canaries, waves, "rest" if reading else "10%,rest")


def _body_of_flags(
    asked: Asked, flags: dict[str, Any], configured: str, among: Inventory | None
) -> dict[str, Any]:
    if asked.procedure is None:
        raise BadInput(
            "Missing argument PROCEDURE: nothing says what to do",
            hint="Name a procedure (`dockwave procedures` lists them), or a campaign file with -f.",
        )
    procedure = catalog.find(asked.procedure)
    if asked.on is None:
        raise BadInput(
            "Missing option --on: nothing says on which hosts",
            hint="Write --on PATTERN such as 'web*:!web3', or --on all for every host.",
        )
    params = _params(asked, procedure)
    catalog.parse_params(procedure, params)
    inventory = among or inventory_of(asked.inventory, configured)
    hosts = select(inventory, asked.on, read_file=read_names_file)
    return _body(asked.procedure, params, inventory, hosts) | flags


def _body(
    procedure: str, params: Mapping[str, Any], inventory: Inventory, hosts: Sequence[Host]
) -> dict[str, Any]:
    return {
        "procedure": procedure,
        "params": dict(params),
        "hosts": [asdict(host) for host in hosts],
        "protect": asdict(inventory.protect),
        "author": author(),
    }


def _params(asked: Asked, procedure: AnyProcedure) -> dict[str, Any]:
    return settings_of(asked.set_, procedure.params_type.model_json_schema())


def _flags(asked: Asked) -> dict[str, Any]:
    """What flags decide; nothing for those that were not given."""
    found = {
        "waves": _checked("--waves", asked.waves, parse_waves),
        "parallelism": None
        if asked.parallel is None
        else whole("--parallel", asked.parallel, least=1, most=MAX_PARALLELISM),
        "monitor_s": None if asked.monitor is None else duration("--monitor", asked.monitor),
        "delay_s": None if asked.delay is None else duration("--delay", asked.delay),
        "max_failures": _checked(
            "--max-failures", asked.max_failures, lambda text: parse_share(text, zero=True)
        ),
        "control_hosts": None
        if asked.control_hosts is None
        else whole("--control-hosts", asked.control_hosts, least=0, most=MAX_CONTROLS),
        "one_way_hosts": None
        if asked.one_way_hosts is None
        else whole("--one-way-hosts", asked.one_way_hosts, least=0, most=MAX_COUNT),
        "quorum": None if asked.quorum is None else one_of("--quorum", asked.quorum, Quorum),
        "allow_unreachable": asked.allow_unreachable or None,
        "reason": None if asked.reason is None else one_line("--reason", asked.reason),
    }
    return {key: value for key, value in found.items() if value is not None}


def author() -> str:
    """Who asks, for the record: the login name and the machine; authority comes from the token alone."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"unknown@{socket.gethostname()}"


def _checked(flag: str, text: str | None, parse: Any) -> str | None:
    if text is not None:
        try:
            parse(text)
        except ValueError as error:
            raise BadInput(
                f"{flag} cannot be {text[:80]!r}: {error}",
                hint=f"`dockwave plan --help` shows examples of {flag}.",
            ) from None
    return text


def one_line(flag: str, text: str) -> str:
    """The text, if it is one line of sane length."""
    if len(text) > 500 or any(ord(character) < 32 for character in text):
        raise BadInput(f"{flag} must be one line of at most 500 characters", hint="Shorten it.")
    return text
