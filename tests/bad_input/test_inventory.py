"""Inventories nobody can use: each is refused whole, with file, line, column and the fix, and exit code 2."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.hosts import hosts_app
from orchestrator.inventory.load import InventoryError, load_inventory
from tasks.errors import Problem

V1 = "version: 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One bad file: where the problem is, and what its two sentences say."""

    name: str
    content: str | bytes
    line: int
    column: int
    what: str
    fix: str


def case(name: str, content: str | bytes, spot: tuple[int, int], what: str, fix: str) -> Case:
    return Case(name=name, content=content, line=spot[0], column=spot[1], what=what, fix=fix)


BOMB = (
    V1
    + "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)

CASES = [
    # --- the file
    case("an empty file", "", (0, 0), "the file is empty", "version: 1"),
    case("only comments", "# nothing\n\n", (0, 0), "the file is empty", "version: 1"),
    case("UTF-16", V1.encode("utf-16"), (1, 1), "UTF-16", "Save it as UTF-8"),
    case("UTF-16 without mark", V1.encode("utf-16-le"), (1, 2), "NUL byte", "UTF-8"),
    case("UTF-32", V1.encode("utf-32"), (1, 1), "UTF-32", "Save it as UTF-8"),
    case("a byte-order mark", b"\xef\xbb\xbf" + V1.encode(), (1, 1), "byte-order mark", "without"),
    case("Latin-1", b"version: 1\n# caf\xe9\n", (2, 6), "byte 0xe9 is not UTF-8", "Save the file as UTF-8"),
    case("a NUL byte", V1 + "# \0\n", (2, 3), "NUL byte", "UTF-8"),
    case("a tab", V1 + "hosts:\n\tweb1: {}\n", (3, 1), "a tab", "spaces"),
    case("an escape character", V1 + "hosts: {w: {}} # \x1b[2J\n", (2, 18), "U+001B", "Remove it"),
    case("text turned around", V1 + "hosts: {web\u202e1: {}}\n", (2, 12), "U+202E", "Remove it"),
    case("a zero-width space", V1 + "hosts: {web\u200b1: {}}\n", (2, 12), "U+200B", "Remove it"),
    case("carriage returns", "version: 1\rhosts: {a1: {}}\n", (1, 11), "carriage return", "LF"),
    case("a file of three megabytes", "#" * (3 << 20), (0, 0), "larger than", "ranges"),
    # --- YAML
    case("an alias bomb", BOMB, (3, 8), 'alias "*a"', "group"),
    case("an anchor", V1 + "hosts: &x {a1: {}}\n", (2, 8), 'anchor "&x"', "Remove it"),
    case("a tag", V1 + "hosts: {a1: {address: !!str b}}\n", (2, 23), "tag", "Remove it"),
    case(
        "a tag that makes an object",
        V1 + "hosts: !!python/object/apply:os.system [id]\n",
        (2, 8),
        "python/object",
        "Remove it",
    ),
    case("a directive", "%YAML 1.1\n---\n" + V1, (2, 1), "directive", "Remove it"),
    case("a second document", V1 + "hosts: {a1: {}}\n---\nversion: 1\n", (3, 1), "second document", "-i"),
    case(
        "a duplicate key",
        V1 + "hosts: {a1: {}}\nhosts: {b1: {}}\n",
        (3, 1),
        "twice, first on line 2",
        "Keep one",
    ),
    case(
        "a duplicate host key",
        V1 + "hosts:\n  a1: {}\n  a1: {}\n",
        (4, 3),
        "twice, first on line 3",
        "Keep one",
    ),
    case("a merge key", V1 + "hosts:\n  a1:\n    <<: {connect: ssh}\n", (4, 5), '"<<"', "Merge keys"),
    case("a mapping as a key", V1 + "hosts:\n  {a: b}: {}\n", (3, 3), "key is not a text", "plain words"),
    case("a quote that never ends", V1 + "hosts: {'a1: {}}\n", (3, 1), "not YAML", "quotes"),
    case("wrong indentation", V1 + "hosts:\n  a1: {}\n b1: {}\n", (4, 2), "not YAML", "indentation"),
    case("an impossible escape", V1 + 'hosts: {"\\U00110000": {}}\n', (0, 0), "not YAML", "escapes"),
    case(
        "a range without quotes",
        V1 + "groups: {w: {hosts: [web-[1:3]]}}\n",
        (2, 26),
        "not YAML",
        "ranges in quotes",
    ),
    case("deep nesting", V1 + "hosts: " + "[" * 2000 + "]" * 2000 + "\n", (2, 20), "nested deeper", "five"),
    case("a list at the top", "- version: 1\n", (1, 1), "a list instead of a mapping", "version: 1"),
    case("a single word", "hello\n", (1, 1), "a single value", "version: 1"),
    # --- keys and shapes
    case("no version", "hosts: {a1: {}}\n", (1, 1), '"version" is missing', "version: 1"),
    case(
        "an unknown version", "version: 2\nhosts: {a1: {}}\n", (1, 10), 'version "2" is unknown', "version: 1"
    ),
    case("a quoted version", 'version: "1"\nhosts: {a1: {}}\n', (1, 10), "is unknown", "version: 1"),
    case("an unknown key", V1 + "host: {a1: {}}\n", (2, 1), '"host" is unknown', "Did you mean hosts"),
    case("an unknown group key", V1 + "groups: {w: {hots: [a1]}}\n", (2, 14), '"hots" is unknown', "hosts"),
    case(
        "an unknown SSH key", V1 + "hosts: {a1: {ssh: {prot: 1}}}\n", (2, 20), '"prot"', "Did you mean port"
    ),
    case("a user at the wrong level", V1 + "hosts: {a1: {user: me}}\n", (2, 14), '"user"', "ssh: {user"),
    case(
        "a password",
        V1 + "hosts: {a1: {ssh: {password: s3cret}}}\n",
        (2, 20),
        '"password" is unknown',
        "key file",
    ),
    case(
        "a proxy command", V1 + "hosts: {a1: {ssh: {ProxyCommand: nc}}}\n", (2, 20), '"ProxyCommand"', "jump"
    ),
    case("Ansible's words", V1 + "hosts: {a1: {ansible_host: b}}\n", (2, 14), '"ansible_host"', "address"),
    case("hosts as a list", V1 + "hosts: [a1]\n", (2, 8), "a list where a mapping", "key: value"),
    case(
        "group hosts as a mapping",
        V1 + "groups: {w: {hosts: {a1: {}}}}\n",
        (2, 21),
        "a mapping where a list",
        "- item",
    ),
    case(
        "group hosts as a text",
        V1 + "groups: {w: {hosts: a1}}\n",
        (2, 21),
        'the text "a1" where a list',
        "- item",
    ),
    case("a group of nothing", V1 + "groups:\n  w:\n", (3, 3), "holds nothing where a mapping", "{}"),
    case(
        "a key without a value",
        V1 + "hosts:\n  a1:\n    connect:\n",
        (4, 5),
        "no value here",
        "remove the key",
    ),
    case(
        "a mapping as an address",
        V1 + "hosts: {a1: {address: {b: c}}}\n",
        (2, 23),
        "a mapping stands",
        "one value",
    ),
    # --- hosts and groups
    case("no hosts", V1 + "groups: {w: {hosts: []}}\n", (0, 0), "no host in the inventory", "Name hosts"),
    case(
        "an option as a host",
        V1 + "groups: {w: {hosts: [-oProxyCommand=x]}}\n",
        (2, 22),
        "begins with '-'",
        "letter",
    ),
    case(
        "a space in a host",
        V1 + 'groups: {w: {hosts: ["web 1"]}}\n',
        (2, 22),
        "contains a space",
        "one name per",
    ),
    case(
        "a line feed in a host",
        V1 + 'groups: {w: {hosts: ["a\\nb"]}}\n',
        (2, 22),
        '"a\\nb" contains a space',
        "one name",
    ),
    case(
        "a shell in a host",
        V1 + 'groups: {w: {hosts: ["$(id)"]}}\n',
        (2, 22),
        '"$(id)" is not a host name',
        "letters",
    ),
    case(
        "an underscore in a host", V1 + "groups: {w: {hosts: [db_1]}}\n", (2, 22), "contains '_'", "address"
    ),
    case("a look-alike letter", V1 + "groups: {w: {hosts: [w\u0435b]}}\n", (2, 22), "outside ASCII", "xn--"),
    case(
        "a label of 64 letters",
        V1 + f"hosts: {{{'a' * 64}: {{}}}}\n",
        (2, 9),
        "64 characters, the limit is 63",
        "Shorten",
    ),
    case(
        "a name of 254 letters",
        V1 + f"hosts: {{{'ab.' * 84 + 'ab'}: {{}}}}\n",
        (2, 9),
        "254 characters",
        "Shorten",
    ),
    case("a hyphen at the end", V1 + "hosts: {web-: {}}\n", (2, 9), "not a host name", "ending with"),
    case("two dots", V1 + "hosts: {a..b: {}}\n", (2, 9), "not a host name", "Between dots"),
    case(
        "a word YAML takes for false",
        V1 + "groups: {w: {hosts: [no]}}\n",
        (2, 22),
        "no without quotes",
        '"no"',
    ),
    case(
        "a word YAML takes for a number",
        V1 + "groups: {w: {hosts: [1e3]}}\n",
        (2, 22),
        "1e3 without quotes",
        '"1e3"',
    ),
    case(
        "a number as a host",
        V1 + 'groups: {w: {hosts: ["123"]}}\n',
        (2, 22),
        "ends in a number",
        "four decimal",
    ),
    case(
        "an octal address",
        V1 + "groups: {w: {hosts: [010.0.0.1]}}\n",
        (2, 22),
        "no IPv4 address",
        "leading zeros",
    ),
    case(
        "the metadata service",
        V1 + "hosts: {a1: {address: 169.254.169.254}}\n",
        (2, 23),
        "metadata",
        "Docker host",
    ),
    case(
        "no address at all",
        V1 + "hosts: {a1: {address: 0.0.0.0}}\n",
        (2, 23),
        "address of no host",
        "Docker host",
    ),
    case(
        "IPv4 in IPv6", V1 + 'hosts: {a1: {address: "::ffff:10.0.0.1"}}\n', (2, 23), "in disguise", "10.0.0.1"
    ),
    case("a zone", V1 + 'hosts: {a1: {address: "fe80::1%eth0"}}\n', (2, 23), "names an interface", "global"),
    case("a port in the address", V1 + 'hosts: {a1: {address: "b:22"}}\n', (2, 23), "no IPv6", "ssh: {port"),
    case(
        "a user in the address", V1 + "hosts: {a1: {address: me@b}}\n", (2, 23), "contains '@'", "ssh: {user"
    ),
    case("a host twice in a group", V1 + "groups: {w: {hosts: [a1, a1]}}\n", (2, 26), "twice", "Keep one"),
    case(
        "a host twice by a range",
        V1 + 'groups: {w: {hosts: [a2, "a[1:3]"]}}\n',
        (2, 26),
        '"a2" is there twice',
        "Keep one",
    ),
    case(
        "two spellings",
        V1 + "groups: {w: {hosts: [Web1]}, x: {hosts: [web1]}}\n",
        (2, 42),
        "two spellings",
        '"web1"',
    ),
    case(
        "a trailing dot",
        V1 + "groups: {w: {hosts: [a.b]}, x: {hosts: [a.b.]}}\n",
        (2, 41),
        "two spellings",
        '"a.b"',
    ),
    case(
        "two groups by case",
        V1 + "groups:\n  W: {hosts: [a1]}\n  w: {hosts: [a2]}\n",
        (4, 3),
        "twice",
        "case only",
    ),
    case(
        "a group called all",
        V1 + "groups: {all: {hosts: [a1]}}\n",
        (2, 10),
        "every host in patterns",
        "Rename",
    ),
    case(
        "a group like a host",
        V1 + "groups: {w: {hosts: [w]}}\n",
        (2, 10),
        "both a group and a host",
        "Rename",
    ),
    case("a group with a dot", V1 + "groups: {w.x: {hosts: [a1]}}\n", (2, 10), "not a word", "Rename"),
    case(
        "an unknown child",
        V1 + "groups: {web: {hosts: [a1]}, p: {children: [wbe]}}\n",
        (2, 45),
        '"wbe"',
        "mean web",
    ),
    case(
        "a cycle",
        V1 + "groups:\n  a: {hosts: [h1], children: [b]}\n  b: {children: [c]}\n  c: {children: [a]}\n",
        (5, 18),
        "a -> b -> c -> a",
        "Remove one",
    ),
    case(
        "a group in itself",
        V1 + "groups: {a: {hosts: [h1], children: [a]}}\n",
        (2, 38),
        "a -> a",
        "Remove one",
    ),
    case(
        "two groups that disagree",
        V1 + "groups:\n  a: {hosts: [h1], labels: {r: eu}}\n  b: {hosts: [h1], labels: {r: us}}\n",
        (4, 32),
        'label r of host "h1" is "us" by group "b" and "eu" by group "a"',
        "child of the other",
    ),
    case(
        "one machine twice",
        V1 + "hosts: {a1: {address: b}, a2: {address: b}}\n",
        (2, 41),
        "same address",
        "one name",
    ),
    # --- ranges
    case(
        "a range backwards", V1 + 'groups: {w: {hosts: ["a[9:1]"]}}\n', (2, 22), "runs backwards", "smaller"
    ),
    case(
        "uneven padding", V1 + 'groups: {w: {hosts: ["a[01:100]"]}}\n', (2, 22), "one side only", "3 digits"
    ),
    case(
        "a range with a step", V1 + 'groups: {w: {hosts: ["a[1:9:2]"]}}\n', (2, 22), "not a range", "no step"
    ),
    case(
        "half a bracket",
        V1 + 'groups: {w: {hosts: ["a[1:9"]}}\n',
        (2, 22),
        "without its partner",
        "[001:300]",
    ),
    case(
        "a hundred thousand hosts", V1 + 'groups: {w: {hosts: ["a[1:100000]"]}}\n', (2, 22), "20000", "Split"
    ),
    case(
        "ranges that multiply",
        V1 + 'groups: {w: {hosts: ["a[1:999]-b[1:999]-c[1:999]"]}}\n',
        (2, 22),
        "more than 20000 hosts",
        "Split",
    ),
    case(
        "one address for a range",
        V1 + 'hosts: {"a[1:3]": {address: b}}\n',
        (2, 29),
        "one address",
        "own entry",
    ),
    # --- settings
    case(
        "connect worker", V1 + "hosts: {a1: {connect: worker}}\n", (2, 23), '"worker" is unknown', "'local'"
    ),
    case(
        "connect paramiko",
        V1 + "hosts: {a1: {connect: paramiko}}\n",
        (2, 23),
        '"paramiko" is unknown',
        "'ssh'",
    ),
    case("port 0", V1 + "hosts: {a1: {ssh: {port: 0}}}\n", (2, 26), '"0" is not a number from 1', "digits"),
    case("port 65536", V1 + "hosts: {a1: {ssh: {port: 65536}}}\n", (2, 26), "1 to 65535", "digits"),
    case("an octal port", V1 + "hosts: {a1: {ssh: {port: 0o26}}}\n", (2, 26), "1 to 65535", "digits"),
    case("a leading zero", V1 + "hosts: {a1: {ssh: {port: 022}}}\n", (2, 26), "1 to 65535", "digits"),
    case(
        "a port with a decimal point",
        V1 + "hosts: {a1: {ssh: {port: 22.0}}}\n",
        (2, 26),
        "1 to 65535",
        "digits",
    ),
    case("a quoted port", V1 + 'hosts: {a1: {ssh: {port: "22"}}}\n', (2, 26), "1 to 65535", "digits"),
    case(
        "sudo yes",
        V1 + "hosts: {a1: {ssh: {sudo: yes}}}\n",
        (2, 26),
        "neither true nor false",
        "without quotes",
    ),
    case(
        "a user like an option",
        V1 + "hosts: {a1: {ssh: {user: -l}}}\n",
        (2, 26),
        "not a login name",
        "Letters",
    ),
    case("an unknown family", V1 + "hosts: {a1: {family: dockerce}}\n", (2, 22), '"dockerce"', "docker-ce"),
    case(
        "a socket by URL",
        V1 + 'hosts: {a1: {socket: "unix:///x"}}\n',
        (2, 22),
        "not an absolute path",
        "unix://",
    ),
    case(
        "a key in the file",
        V1 + "hosts: {a1: {ssh: {identity: -----BEGIN X}}}\n",
        (2, 30),
        "private key",
        "path",
    ),
    case(
        "a variable in a path",
        V1 + "hosts: {a1: {ssh: {identity: $HOME/k}}}\n",
        (2, 30),
        "not expanded",
        "~/",
    ),
    case(
        "an unknown home",
        V1 + "hosts: {a1: {ssh: {identity: ~nobody-here/k}}}\n",
        (2, 30),
        "unknown user",
        "full path",
    ),
    case(
        "a NUL in a path", V1 + 'hosts: {a1: {ssh: {identity: "k\\0"}}}\n', (2, 30), "not a path", "control"
    ),
    case(
        "a label key with a comma",
        V1 + 'hosts: {a1: {labels: {"a,b": c}}}\n',
        (2, 23),
        "label key",
        "Letters",
    ),
    case(
        "a label value with a space",
        V1 + "hosts: {a1: {labels: {a: b c}}}\n",
        (2, 26),
        "label value",
        "Letters",
    ),
    case(
        "a label with an escape",
        V1 + 'hosts: {a1: {labels: {a: "\\e[31m"}}}\n',
        (2, 26),
        '"\\x1b[31m"',
        "Letters",
    ),
    case(
        "an unknown gateway",
        V1 + "gateways: {eu-1: {}}\nhosts: {a1: {gateway: eu1}}\n",
        (3, 23),
        '"eu1"',
        "eu-1",
    ),
    case(
        "a jump without a host", V1 + 'hosts: {a1: {ssh: {jump: "me@"}}}\n', (2, 26), "not [user@]", "bastion"
    ),
    case("a jump with a bad port", V1 + 'hosts: {a1: {ssh: {jump: "b:x"}}}\n', (2, 26), "port", "digits"),
    case(
        "a jump without an address",
        V1 + "hosts: {a1: {ssh: {jump: {user: b}}}}\n",
        (2, 26),
        '"address" is missing',
        "Add",
    ),
    case("a jump over itself", V1 + "hosts: {a1: {ssh: {jump: a1}}}\n", (2, 26), "a1 -> a1", "jump: []"),
    case(
        "jumps in a circle",
        V1 + "hosts: {a1: {ssh: {jump: a2}}, a2: {ssh: {jump: a1}}}\n",
        (2, 26),
        "a2 -> a1 -> a2",
        "jump: []",
    ),
    case(
        "a jump over an agent host",
        V1 + "hosts: {a1: {ssh: {jump: a2}}, a2: {connect: local}}\n",
        (2, 26),
        "connect: local",
        "connect: ssh",
    ),
    case(
        "SSH settings of an agent host",
        V1 + "hosts: {a1: {connect: local, ssh: {port: 2222}}}\n",
        (2, 42),
        "ssh.port has no use",
        "Remove it",
    ),
    case(
        "a protected name of nothing",
        V1 + 'protect: {images: [""]}\nhosts: {a1: {}}\n',
        (2, 20),
        "not a name",
        "256",
    ),
    case(
        "protected containers",
        V1 + "protect: {containers: [x]}\nhosts: {a1: {}}\n",
        (2, 11),
        "containers",
        "label",
    ),
]


def problems_of(*paths: Path) -> tuple[Problem, ...]:
    with pytest.raises(InventoryError) as caught:
        load_inventory(paths)
    return caught.value.problems


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name.replace(" ", "-"))
def test_a_bad_inventory_is_refused_with_its_place_and_fix(bad: Case, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes(bad.content.encode() if isinstance(bad.content, str) else bad.content)

    found = problems_of(path)

    here = [one for one in found if (one.line, one.column) == (bad.line, bad.column) and bad.what in one.what]
    assert here, "\n".join(map(str, found))
    assert here[0].file == str(path)
    assert bad.fix in here[0].fix
    for one in found:
        assert len(one.what) + len(one.fix) < 400
        assert one.fix.endswith((".", "?", "!", "}")) or one.fix

    ended = CliRunner().invoke(hosts_app, ["list", "-i", str(path)])
    place = ":".join(str(part) for part in (path, bad.line, bad.column) if part)
    assert ended.exit_code == 2
    assert f"{place}: " in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "\x1b" not in ended.stderr


def test_every_problem_of_every_file_is_told_at_once_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text(V1 + "hosts:\n  a1: {connect: x}\n  -b: {}\n  c1: {ssh: {port: 0, prt: 1}}\n")
    two.write_text(V1 + "groups: {w: {hosts: [x y], children: [v]}}\n")

    places = [(one.file, one.line, one.column) for one in problems_of(one, two)]

    first, second = str(one), str(two)
    assert places == [
        (first, 3, 17),
        (first, 4, 3),
        (first, 5, 20),
        (first, 5, 23),
        (second, 2, 22),
        (second, 2, 39),
    ]


def test_one_mistake_is_not_reported_twice_over_its_consequences(tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(V1 + "groups:\n  w: [a1]\n  p: {children: [w]}\n")

    assert [(one.line, one.column) for one in problems_of(path)] == [(3, 6)]


def test_at_most_fifty_problems_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(V1 + "hosts:\n" + "".join(f"  a{n}: {{port: 1}}\n" for n in range(80)))

    found = problems_of(path)

    assert len(found) == 50
    assert found[-1].what == "there are 31 more problems"


def test_files_that_contradict_each_other_name_both_places(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text(V1 + "hosts: {a1: {ssh: {port: 2201}}}\n")
    two.write_text(V1 + "hosts: {a1: {ssh: {port: 2202}}}\n")

    (found,) = problems_of(one, two)

    assert (found.file, found.line, found.column) == (str(two), 2, 26)
    assert f'"2202" here and "2201" in {one}:2:26' in found.what


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device", "nul"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = {"device": Path("/dev/zero"), "nul": Path("a\0b"), "directory": tmp_path}.get(kind, tmp_path / "x")
    if kind == "pipe":
        os.mkfifo(path)

    (found,) = problems_of(path)

    assert "cannot be read" in found.what or "not a regular file" in found.what


def test_a_file_given_twice_and_no_file_at_all_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(V1 + "hosts: {a1: {}}\n")

    assert "given twice" in problems_of(path, path)[0].what
    assert "no inventory file" in problems_of()[0].what


@pytest.mark.parametrize(
    ("content", "limit_s"),
    [
        (BOMB, 0.1),
        (V1 + "".join(f"k{n}: *x\n" for n in range(40)), 0.1),
        # a flow collection may be a key up to 1,024 characters later, so the parser looks ahead once, that far
        (V1 + "hosts: " + "[" * 100_000, 1.0),
        (V1 + "hosts: " + "{a: " * 50_000, 1.0),
        (V1 + "hosts: " + "- " * 50_000, 1.0),
    ],
    ids=["bomb", "aliases", "lists", "mappings", "dashes"],
)
def test_bombs_cost_next_to_nothing(content: str, limit_s: float, tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(content)
    problems_of(path)  # imports and caches are not the bomb's cost

    began = time.process_time()
    problems_of(path)

    assert time.process_time() - began < limit_s
