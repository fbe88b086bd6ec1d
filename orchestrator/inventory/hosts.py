"""Merged settings become Host records; jump hosts become hops, and chains of hops end."""

from __future__ import annotations

from typing import Any

from orchestrator.documents.problems import Place, Problems, did_you_mean, shown
from orchestrator.inventory.declared import Declared, Key, SettingMap
from orchestrator.inventory.grouping import Grouping
from orchestrator.inventory.schema import JumpSettings
from tasks.model import Host, SshHop, Transport

#: hops before a host, all chains followed; more is a mistake
MAX_JUMPS = 5


class HostBuilder:
    """Builds every host once its settings are merged, because a jump may be another host of the inventory."""

    def __init__(
        self, declared: Declared, grouping: Grouping, settings: dict[str, SettingMap], problems: Problems
    ) -> None:
        """Start with the merged settings of every host."""
        self._declared = declared
        self._grouping = grouping
        self._settings = settings
        self._problems = problems

    def build(self, name: str) -> Host:
        """Give one host."""
        settings = self._settings[name]
        transport = self._transport(name)
        self._check_gateway(settings)
        if transport is Transport.LOCAL:
            self._refuse_ssh_of_local(name)
        over_ssh = transport is Transport.SSH
        return Host(
            name=name,
            transport=transport,
            ssh=self._hop(name) if over_ssh else None,
            jumps=self._jumps(name, (name,)) if over_ssh else (),
            sudo=bool(self._value(name, ("ssh", "sudo"), False)) if over_ssh else False,
            pool=str(self._value(name, ("gateway",), "default")),
            groups=tuple(sorted(self._grouping.groups_of.get(name, ()))),
            labels={
                key[1]: str(setting.value) for key, setting in sorted(settings.items()) if key[0] == "labels"
            },
            engine_family=str(self._value(name, ("family",), "auto")),
            socket=str(self._value(name, ("socket",), "/var/run/docker.sock")),
        )

    def refuse_shared_endpoints(self, hosts: tuple[Host, ...]) -> None:
        """Report hosts that are one machine under two names: work meant for one would run twice on it."""
        seen: dict[tuple[str, int, tuple[SshHop, ...]], Host] = {}
        for host in hosts:
            if host.ssh is None:
                continue
            first = seen.setdefault((host.ssh.address, host.ssh.port, host.jumps), host)
            if first is not host:
                what = f"hosts {shown(first.name)} and {shown(host.name)} have the same address and port"
                self._problems.add(self._where(host.name, ("address",)), what, "Keep one name per machine.")

    def _value(self, name: str, key: Key, default: object) -> Any:
        setting = self._settings[name].get(key)
        return default if setting is None else setting.value

    def _where(self, name: str, key: Key) -> Place:
        """Give the place of a host's setting, or the place that names the host."""
        setting = self._settings[name].get(key)
        if setting is not None:
            return setting.place
        if name in self._declared.hosts:
            return self._declared.hosts[name].place
        groups = (self._declared.groups[group] for group in sorted(self._grouping.groups_of[name]))
        return next(group.hosts[name] for group in groups if name in group.hosts)

    def _transport(self, name: str) -> Transport:
        return Transport(self._value(name, ("connect",), Transport.SSH))

    def _check_gateway(self, settings: SettingMap) -> None:
        setting = settings.get(("gateway",))
        if setting is not None and str(setting.value) not in self._declared.gateways:
            fix = did_you_mean(
                str(setting.value), self._declared.gateways, "Define it below gateways, even as {}."
            )
            self._problems.add(setting.place, f"the gateway {shown(str(setting.value))} is not defined", fix)

    def _refuse_ssh_of_local(self, name: str) -> None:
        """Report SSH settings somebody wrote for this very host: they would be ignored."""
        declared = self._declared.hosts.get(name)
        for key, setting in {} if declared is None else declared.settings.items():
            if key[0] in ("ssh", "address"):
                what = f"host {shown(name)} is reached by its own agent (connect: local), so {'.'.join(key)} has no use"
                self._problems.add(setting.place, what, "Remove it, or write connect: ssh.")

    def _hop(self, name: str) -> SshHop:
        return SshHop(
            address=self._value(name, ("address",), name),
            port=self._value(name, ("ssh", "port"), 22),
            user=self._value(name, ("ssh", "user"), "root"),
            identity=self._value(name, ("ssh", "identity"), None),
            known_hosts=self._value(name, ("ssh", "known_hosts"), None),
        )

    def _jumps(self, name: str, chain: tuple[str, ...]) -> tuple[SshHop, ...]:
        """Give the hops before a host, outermost first; a hop that is a host brings its own hops."""
        listed: tuple[JumpSettings, ...] = self._value(name, ("ssh", "jump"), ())
        hops: list[SshHop] = []
        for index, jump in enumerate(listed):
            if jump.address not in self._settings:
                hops.append(self._foreign_hop(name, jump))
                continue
            if jump.address in chain:
                self._report_cycle(name, (*chain[chain.index(jump.address) :], jump.address))
                return tuple(hops)
            if self._transport(jump.address) is Transport.LOCAL:
                what = (
                    f"the jump host {shown(jump.address)} is connect: local, so its SSH settings are unknown"
                )
                self._problems.add(self._where(name, ("ssh", "jump")), what, "Write connect: ssh on it.")
                continue
            if (
                index == 0 and len(chain) <= MAX_JUMPS + 1
            ):  # later hops are reached from the hop before them, not by their own way
                hops += self._jumps(jump.address, (*chain, jump.address))
            hops.append(_overridden(self._hop(jump.address), jump))
        if len(hops) > MAX_JUMPS:
            what = f"host {shown(name)} is {len(hops)} jumps away, the limit is {MAX_JUMPS}"
            self._problems.add(self._where(name, ("ssh", "jump")), what, "Shorten the chain of jump hosts.")
        return tuple(hops)

    def _foreign_hop(self, name: str, jump: JumpSettings) -> SshHop:
        """Give a hop that is no host of the inventory: what it does not say is taken from the target."""
        target = self._hop(name)
        return SshHop(
            address=jump.address,
            port=jump.port or 22,
            user=jump.user or target.user,
            identity=jump.identity or target.identity,
            known_hosts=jump.known_hosts or target.known_hosts,
        )

    def _report_cycle(self, name: str, cycle: tuple[str, ...]) -> None:
        what = f"jump hosts lead back to themselves: {' -> '.join(cycle)}"
        fix = "Write jump: [] on the jump host itself, or remove one jump."
        self._problems.add(self._where(name, ("ssh", "jump")), what, fix)


def _overridden(hop: SshHop, jump: JumpSettings) -> SshHop:
    return SshHop(
        address=hop.address,
        port=jump.port or hop.port,
        user=jump.user or hop.user,
        identity=jump.identity or hop.identity,
        known_hosts=jump.known_hosts or hop.known_hosts,
    )
