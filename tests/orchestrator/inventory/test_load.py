"""Inventory files become hosts: the nearer setting wins, files add up, nothing else is ever raised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.inventory.load import InventoryError, load_inventory
from tasks.errors import Problem
from tasks.model import Host, Inventory, Protect, SshHop, Transport

V1 = "version: 1\n"


def load(folder: Path, *contents: str) -> Inventory:
    paths = [folder / f"{number}.yml" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(V1 + content)
    return load_inventory(paths)


def host(inventory: Inventory, name: str) -> Host:
    return next(one for one in inventory.hosts if one.name == name)


def test_a_whole_inventory_becomes_hosts(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        """
defaults: {ssh: {user: ops, sudo: true, identity: keys/fleet}}
gateways: {eu-1: {description: the one in Frankfurt}}
groups:
  web: {hosts: ["web-[001:002].example.net"], labels: {tier: front}, gateway: eu-1}
  db: {hosts: [db-1], labels: {tier: back}, family: docker-ce, ssh: {port: 2201, known_hosts: /etc/known}}
  prod: {children: [web, db], labels: {stage: prod}}
hosts:
  db-1: {address: 10.0.0.8, labels: {disk: nvme}, socket: /run/docker.sock}
  here: {connect: local}
protect: {images: ["registry/base/*"], volumes: ["pg-*"], labels: [keep=true]}
""",
    )

    assert [one.name for one in inventory.hosts] == [
        "db-1",
        "here",
        "web-001.example.net",
        "web-002.example.net",
    ]
    key = str(tmp_path / "keys/fleet")
    assert host(inventory, "db-1") == Host(
        name="db-1",
        transport=Transport.SSH,
        ssh=SshHop(address="10.0.0.8", port=2201, user="ops", identity=key, known_hosts="/etc/known"),
        sudo=True,
        groups=("db", "prod"),
        labels={"disk": "nvme", "stage": "prod", "tier": "back"},
        engine_family="docker-ce",
        socket="/run/docker.sock",
    )
    web = host(inventory, "web-002.example.net")
    assert web.queue == "gw.eu-1"
    assert web.ssh == SshHop(address="web-002.example.net", user="ops", identity=key)
    here = host(inventory, "here")
    assert (here.transport, here.ssh, here.sudo, here.queue) == (Transport.LOCAL, None, False, "host.here")
    assert inventory.groups["prod"] == ("db-1", "web-001.example.net", "web-002.example.net")
    assert inventory.protect == Protect(
        images=("registry/base/*",), volumes=("pg-*",), labels=("dockwave.protect", "keep=true")
    )
    assert inventory.sources == (str(tmp_path / "0.yml"),)


def test_json_is_an_inventory_too(tmp_path: Path) -> None:
    path = tmp_path / "inventory.json"
    path.write_text(
        json.dumps({"version": 1, "groups": {"w": {"hosts": ["web-[1:2]"], "ssh": {"port": 2222}}}})
    )

    assert [one.ssh for one in load_inventory([path]).hosts] == [
        SshHop(address="web-1", port=2222),
        SshHop(address="web-2", port=2222),
    ]


@pytest.mark.parametrize(
    ("content", "user"),
    [
        ("hosts: {a1: }", "root"),
        ("defaults: {ssh: {user: d}}\nhosts: {a1: {}}", "d"),
        ("defaults: {ssh: {user: d}}\ngroups: {g: {hosts: [a1], ssh: {user: g}}}", "g"),
        ("groups: {g: {children: [c], ssh: {user: g}}, c: {hosts: [a1], ssh: {user: c}}}", "c"),
        ("groups: {c: {hosts: [a1], ssh: {user: c}}, g: {children: [c], ssh: {user: g}}}", "c"),
        ("groups: {g: {hosts: [a1], children: [c], ssh: {user: g}}, c: {hosts: [a1], ssh: {user: c}}}", "c"),
        ("groups: {g: {hosts: [a1], ssh: {user: g}}}\nhosts: {a1: {ssh: {user: h}}}", "h"),
        ("groups: {g: {hosts: [a1], ssh: {user: g}}, c: {hosts: [a1], ssh: {user: g}}}", "g"),
        (
            (
                "groups: {g: {hosts: [a1], ssh: {user: g}}, c: {hosts: [a1], ssh: {user: c}}}\n"
                "hosts: {a1: {ssh: {user: h}}}"
            ),
            "h",
        ),
        ("groups: {g: {hosts: ['a[1:3]']}}\nhosts: {'a[1:2]': {ssh: {user: r}}}", "r"),
    ],
)
def test_the_nearer_setting_wins(content: str, user: str, tmp_path: Path) -> None:
    ssh = host(load(tmp_path, content), "a1").ssh

    assert ssh is not None
    assert ssh.user == user


@pytest.mark.parametrize(
    ("jump", "hops"),
    [
        ("bastion", [SshHop(address="bastion", user="ops")]),
        ('"admin@bastion:2222"', [SshHop(address="bastion", user="admin", port=2222)]),
        ('"outer,inner"', [SshHop(address="outer", user="ops"), SshHop(address="inner", user="ops")]),
        (
            '["outer", {address: inner, port: 7}]',
            [SshHop(address="outer", user="ops"), SshHop(address="inner", user="ops", port=7)],
        ),
        (
            "{address: b, identity: /k, known_hosts: /h}",
            [SshHop(address="b", user="ops", identity="/k", known_hosts="/h")],
        ),
        ('"[2001:db8::1]:22"', [SshHop(address="2001:db8::1", user="ops")]),
        ("2001:db8::1", [SshHop(address="2001:db8::1", user="ops")]),
        ("j1", [SshHop(address="10.0.0.1", user="jim", port=2201)]),
        ('"me@j1:5"', [SshHop(address="10.0.0.1", user="me", port=5)]),
        ("j2", [SshHop(address="10.0.0.1", user="jim", port=2201), SshHop(address="j2", user="ops")]),
        ("[]", []),
    ],
)
def test_jumps_are_hops_outermost_first(jump: str, hops: list[SshHop], tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        f"""
defaults: {{ssh: {{user: ops}}}}
hosts:
  a1: {{ssh: {{jump: {jump}}}}}
  j1: {{address: 10.0.0.1, ssh: {{user: jim, port: 2201}}}}
  j2: {{ssh: {{jump: j1}}}}
""",
    )

    assert list(host(inventory, "a1").jumps) == hops


def test_later_files_add_hosts_groups_labels_and_protection(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        "groups: {web: {hosts: [w1], labels: {tier: front}}}\nprotect: {volumes: [a]}",
        "groups: {web: {hosts: [w1, w2]}, all-eu: {children: [web]}}\nhosts: {w1: {labels: {disk: ssd}}}",
        "hosts: {w1: {labels: {disk: ssd, rack: r1}}}\nprotect: {volumes: [b, a]}",
    )

    assert inventory.groups == {"all-eu": ("w1", "w2"), "web": ("w1", "w2")}
    assert host(inventory, "w1").labels == {"disk": "ssd", "rack": "r1", "tier": "front"}
    assert inventory.protect.volumes == ("a", "b")
    assert len(inventory.sources) == 3


def test_labels_stay_as_written(tmp_path: Path) -> None:
    inventory = load(
        tmp_path, 'hosts: {a1: {labels: {v: 1.10, canary: true, no: no, n: 010, d: 2026-01-02, q: "x"}}}'
    )

    assert inventory.hosts[0].labels == {
        "v": "1.10", "canary": "true", "no": "no", "n": "010", "d": "2026-01-02", "q": "x"
    }  # fmt: skip


def test_paths_are_expanded_and_relative_to_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("sub/i.yml").write_text(V1 + "hosts: {a1: {ssh: {identity: ../k, known_hosts: ~/.ssh/kh}}}")

    ssh = load_inventory([Path("sub/i.yml")]).hosts[0].ssh

    assert ssh == SshHop(address="a1", identity=str(tmp_path / "k"), known_hosts="/home/ops/.ssh/kh")


def test_names_are_normalised_once(tmp_path: Path) -> None:
    inventory = load(tmp_path, "groups: {WEB: {hosts: [Web-1.Example.NET., 10.0.0.7]}, p: {children: [Web]}}")

    assert [one.name for one in inventory.hosts] == ["10.0.0.7", "web-1.example.net"]
    assert inventory.groups["p"] == ("10.0.0.7", "web-1.example.net")


def test_the_same_hosts_on_other_ports_or_behind_other_jumps_are_other_machines(tmp_path: Path) -> None:
    content = """
hosts:
  a1: {address: nat, ssh: {port: 2201}}
  a2: {address: nat, ssh: {port: 2202}}
  b1: {address: 10.0.0.1, ssh: {jump: x}}
  b2: {address: 10.0.0.1, ssh: {jump: y}}
"""
    assert len(load(tmp_path, content).hosts) == 4


def test_ten_thousand_hosts_load(tmp_path: Path) -> None:
    inventory = load(tmp_path, 'groups: {w: {hosts: ["w-[1:10000]"], labels: {a: b}}, p: {children: [w]}}')

    assert len(inventory.hosts) == 10_000
    assert inventory.hosts[9].name == "w-10"
    assert inventory.groups["p"] == inventory.groups["w"]


_LINES = """version: 1|hosts:|groups:|  w:|    hosts: [a1, b2]|  a1: {}|  a1:|    ssh: {jump: a1}|- x|defaults: {}
    children: [w]|protect:|&a|*a|!!x|? y|{|}|[|]|"\\x"|'|---|>|%YAML 1.1|<<: x
    hosts: ["a[1:3]"]|  b2: {address: a1}"""
_WORDS = st.sampled_from(_LINES.replace("\n", "|").split("|"))


def outcome_of(path: Path) -> tuple[tuple[Host, ...], tuple[Problem, ...]]:
    try:
        return load_inventory([path]).hosts, ()
    except InventoryError as error:
        return (), error.problems


@given(
    text=st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=12).map("\n".join)), version=st.booleans()
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_an_inventory_or_a_list_of_problems(text: str, version: bool, tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_bytes(((V1 if version else "") + text).encode("utf-8", "surrogatepass"))

    hosts, problems = outcome_of(path)

    assert bool(hosts) != bool(problems)
    assert len(problems) <= 50
    assert all(problem.what and problem.fix for problem in problems)


@given(st.binary(max_size=80))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_refused_without_another_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "i.yml"
    path.write_bytes(data)

    with pytest.raises(InventoryError):
        load_inventory([path])


@st.composite
def forests(draw: st.DrawFn) -> tuple[dict[str, str | None], dict[str, str]]:
    """Groups g0..gn, each below at most one earlier group, and what some of them say."""
    count = draw(st.integers(1, 6))
    parents = {
        f"g{n}": draw(st.sampled_from([None, *(f"g{m}" for m in range(n))])) if n else None
        for n in range(count)
    }
    sayings = draw(st.dictionaries(st.sampled_from(sorted(parents)), st.sampled_from(["x", "y", "z"])))
    return parents, sayings


@given(forest=forests(), home=st.integers(0, 5))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_in_a_tree_of_groups_the_nearest_group_that_speaks_decides(
    forest: tuple[dict[str, str | None], dict[str, str]], home: int, tmp_path: Path
) -> None:
    parents, sayings = forest
    own = f"g{home % len(parents)}"
    groups = {
        name: {
            "hosts": ["a1"] if name == own else ["other"],
            "children": [child for child, parent in parents.items() if parent == name],
        }
        | ({"labels": {"k": sayings[name]}} if name in sayings else {})
        for name in parents
    }
    for group in groups.values():
        if group["hosts"] == ["other"]:
            group["hosts"] = []
    path = tmp_path / "i.yml"
    path.write_text(json.dumps({"version": 1, "groups": groups}))

    found = host(load_inventory([path]), "a1")

    up: list[str] = []
    at: str | None = own
    while at is not None:
        up.append(at)
        at = parents[at]
    assert found.groups == tuple(sorted(up))
    assert found.labels.get("k") == next((sayings[name] for name in up if name in sayings), None)


def test_groups_with_two_parents_each_are_resolved_once(tmp_path: Path) -> None:
    # followed path by path, forty layers of diamonds would be a million million walks
    layers = {
        f"{side}{level}": {"children": [f"a{level + 1}", f"b{level + 1}"]}
        for level in range(40)
        for side in "ab"
    }
    last = {"a40": {"hosts": ["h1"]}, "b40": {"hosts": ["h2"]}}
    path = tmp_path / "i.yml"
    path.write_text(json.dumps({"version": 1, "groups": layers | last}))

    inventory = load_inventory([path])

    assert inventory.groups["a0"] == inventory.groups["b39"] == ("h1", "h2")
    assert len(host(inventory, "h1").groups) == 81
