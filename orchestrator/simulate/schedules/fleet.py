"""The scripted hosts of a schedule, and the same hosts as people write them into an inventory."""

from __future__ import annotations

from orchestrator.simulate.schedules.schedule import Schedule
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import How, SimHost, would
from tasks.model import Host, SshHop, Transport


def fleet_of(schedule: Schedule) -> dict[str, SimHost]:
    """Give every host of the schedule by its name."""
    return {name_of(number): _host(schedule, number) for number in range(schedule.hosts)}


def name_of(number: int) -> str:
    """Give the name of the host at this position."""
    return f"h{number:03}"


def listed(name: str) -> Host:
    """Give the host as an inventory has it."""
    # by its number, so that every campaign finds a host in the same rack
    labels = {"rack": f"r{int(name[1:]) % 3}"}
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name), labels=labels)


def _host(schedule: Schedule, number: int) -> SimHost:
    seed, name = schedule.seed, name_of(number)

    def fate(campaign_id: str) -> How:
        return Dice(f"fate {seed} {name} {campaign_id}").among(schedule.fates)

    def works(campaign_id: str) -> bool:
        return not Dice(f"undo {seed} {name} {campaign_id}").chance(schedule.bad_undo)

    def lasts(campaign_id: str) -> bool:
        return not Dice(f"back {seed} {name} {campaign_id}").chance(schedule.bad_back)

    services = schedule.services
    shared = (f"shop/s{number % services}",) if services > 2 else (f"s{number % 2}",) if services else ()
    return SimHost(
        name=name,
        machine_id=f"{number + 1:032x}",
        fate=fate,
        undo_works=works,
        back_lasts=lasts,
        dry_run=would(*shared),
        drifts=True,
    )
