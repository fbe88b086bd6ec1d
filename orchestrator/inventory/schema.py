"""What an inventory file may contain, as models that check one file and export its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from orchestrator.documents.document import Text
from orchestrator.documents.model import Record, json_schema_of
from orchestrator.documents.problems import Flaw, shown
from orchestrator.inventory import values


class JumpSettings(Record):
    """One hop before a host: a host of the inventory by name, or an address of its own."""

    address: values.AddressField = Field(description="Name of an inventory host, or a name or IP address.")
    user: values.User | None = Field(default=None, description="Login name; the target's by default.")
    port: values.Port | None = Field(default=None, description="TCP port, 22 by default.")
    identity: values.FilePath | None = Field(default=None, description="Private key file on the gateway.")
    known_hosts: values.FilePath | None = Field(default=None, description="known_hosts file on the gateway.")


def jump_list(value: object) -> object:
    """Give hops as a list of mappings, from `user@bastion:22,inner`, one mapping, or a list of either."""
    if isinstance(value, Text):
        values.text_of(value)
        return [jump_hop(Text.at(part, value.place, plain=True)) for part in value.split(",")]
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [jump_hop(item) if isinstance(item, Text) else item for item in value]
    return value


def jump_hop(text: Text) -> dict[str, Text]:
    """Give one hop written as [user@]address[:port]; IPv6 addresses with a port stand in brackets."""
    user, at, rest = text.rpartition("@")
    if rest.startswith("["):
        address, closed, port = rest[1:].partition("]")
        port = port if closed else "?"
    elif rest.count(":") == 1:
        address, _, port = rest.partition(":")
        port = f":{port}"
    else:
        address, port = rest, ""
    if not address or (at and not user) or (port and not port.startswith(":")):
        raise Flaw(f"jump {shown(text)} is not [user@]address[:port]", "Write for example admin@bastion:22.")
    found = {"address": address, "user": user, "port": port[1:]}
    given = {key: part for key, part in found.items() if part or (key == "port" and port)}
    return {key: Text.at(part, text.place, plain=True) for key, part in given.items()}


_JumpInput: TypeAlias = str | JumpSettings | list[str | JumpSettings]


class SshSettings(Record):
    """How a gateway logs in; secrets are named by path, never written down."""

    user: values.User | None = Field(default=None, description="Login name, root by default.")
    port: values.Port | None = Field(default=None, description="TCP port, 22 by default.")
    identity: values.FilePath | None = Field(
        default=None,
        description="Private key file on the gateway; ~ is expanded, relative = beside this file.",
    )
    known_hosts: values.FilePath | None = Field(
        default=None,
        description="known_hosts file on the gateway; ~ is expanded, relative = beside this file.",
    )
    sudo: values.Flag | None = Field(default=None, description="Run privileged commands through sudo -n.")
    jump: Annotated[
        tuple[JumpSettings, ...] | None, BeforeValidator(jump_list, json_schema_input_type=_JumpInput)
    ] = Field(default=None, description="Hops before the host, outermost first; [] = none.")


class Settings(Record):
    """What defaults, groups and hosts may all say; the more specific one wins."""

    connect: values.Connect | None = Field(
        default=None, description="local = an agent on the host; ssh = through a gateway (default)."
    )
    gateway: values.GatewayName | None = Field(default=None, description="Gateway pool that serves the host.")
    family: values.Family | None = Field(default=None, description="Package family of the engine.")
    socket: values.Socket | None = Field(default=None, description="Docker Engine socket on the host.")
    labels: dict[values.LabelKey, values.LabelValue] = Field(
        default_factory=dict, description="Free labels for patterns such as region=eu,tier!=front."
    )
    ssh: SshSettings = Field(default_factory=SshSettings, description="SSH settings.")


class GroupEntry(Settings):
    """A named set of hosts: its own and those of its children."""

    hosts: tuple[values.HostNamesField, ...] = Field(
        default=(), description='Host names; "web-[001:300]" stands for 300 of them.'
    )
    children: tuple[values.GroupName, ...] = Field(default=(), description="Groups that belong to this one.")


class HostEntry(Settings):
    """Settings of one host, or of every host of a range."""

    address: values.AddressField | None = Field(
        default=None, description="Where to connect; the name by default."
    )


class GatewayEntry(Record):
    """A pool of gateway workers that reach hosts over SSH; its queue is gw.NAME."""

    description: values.Note | None = Field(default=None, description="For people.")


class ProtectEntry(Record):
    """Objects no clean-up may touch, on top of those labelled dockwave.protect."""

    images: tuple[values.Glob, ...] = Field(default=(), description="Globs on image references.")
    volumes: tuple[values.Glob, ...] = Field(default=(), description="Globs on volume names.")
    labels: tuple[values.Glob, ...] = Field(default=(), description="Label selectors: key or key=value.")


def _empty_if_null(value: object) -> object:
    """Take `web1:` with nothing behind it for a host without settings of its own."""
    return {} if isinstance(value, Text) and value.is_null else value


_OptionalHost: TypeAlias = Annotated[
    HostEntry, BeforeValidator(_empty_if_null, json_schema_input_type=HostEntry | None)
]


class InventoryFile(Record):
    """A Dockwave inventory."""

    version: values.Version = Field(description="Version of this format.")
    defaults: Settings = Field(default_factory=Settings, description="Settings of every host.")
    gateways: dict[values.GatewayName, GatewayEntry] = Field(
        default_factory=dict, description="Gateway pools; default always exists."
    )
    groups: dict[values.GroupName, GroupEntry] = Field(default_factory=dict, description="Groups by name.")
    hosts: dict[values.HostNamesField, _OptionalHost] = Field(
        default_factory=dict, description="Settings of single hosts; a host named here needs no group."
    )
    protect: ProtectEntry = Field(default_factory=ProtectEntry, description="What no clean-up may touch.")


def inventory_json_schema() -> dict[str, Any]:
    """Give the JSON Schema of one inventory file, for editors and CI."""
    return json_schema_of(InventoryFile, "Dockwave inventory")
