"""Commands of the lab: bring fleets up, look at them, break them, take them down."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.lab import fleet, garbage, image, outer, repo
from deploy.lab.command import LabError
from deploy.lab.host import Host
from deploy.lab.places import cache_dir

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ran; the answer is its exit status."""
    options = _parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], None] = options.action
    try:
        action(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, action: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(action=action)
        if name != "image":
            made.add_argument(
                "--state", type=Path, default=Path(".lab"), help="state directory (default: .lab)"
            )
        return made

    made = command("up", _up, "bring up a fleet, or the stopped hosts of one")
    made.add_argument("--hosts", type=int, default=6, help="how many hosts (default: 6)")
    made.add_argument("--names", nargs="+", metavar="NAME", help="names instead of web-1, web-2, ...")
    made.add_argument("--data-root-mib", type=int, help="give every engine its own small disk of this size")
    made = command("down", _down, "remove a fleet and every trace of it")
    made.add_argument("--all", action="store_true", help="every fleet of this machine, crashed ones included")
    made.add_argument("--purge", action="store_true", help="the cache of images and packages as well")
    made = command("reset", _reset, "make hosts fresh again: same names and addresses, new host keys")
    made.add_argument("names", nargs="+", metavar="HOST")
    made = command("ssh", _ssh, "log in to a host, or run a command there")
    made.add_argument("--user", default="root")
    made.add_argument("host")
    made.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    made = command("seed", _seed, "fill hosts with the garbage of months")
    made.add_argument("names", nargs="*", metavar="HOST", help="all hosts when none is named")
    made = command("offer", _offer, "let hosts' apt offer another engine release")
    made.add_argument("release", choices=[str(release) for release in repo.Release])
    made.add_argument("names", nargs="*", metavar="HOST", help="all hosts when none is named")
    command("show", _show, "print the fleet's description")
    command("image", _image, "build the host image into the cache")
    return parser


def _up(options: argparse.Namespace) -> None:
    started = time.monotonic()
    names = options.names or fleet.names_for(options.hosts)
    made = fleet.up(names, options.state, data_root_mib=options.data_root_mib)
    print(
        f"{len(made.hosts)} hosts answer after {time.monotonic() - started:.1f} s; inventory: {made.inventory}"
    )


def _down(options: argparse.Namespace) -> None:
    fleet.down(options.state)
    if options.all:
        if (engine := outer.ensure()).labelled("container") or engine.labelled("network"):
            fleet.sweep(engine)
        outer.stop_if_unused()
    if options.purge:
        shutil.rmtree(cache_dir())
    kept = "" if options.purge else f" (kept for the next time: {cache_dir()}; --purge removes it)"
    print(f"the fleet is gone{kept}")


def _reset(options: argparse.Namespace) -> None:
    fleet.reset(fleet.load(options.state), *options.names)


def _ssh(options: argparse.Namespace) -> None:
    loaded = fleet.load(options.state)
    argv = loaded.ssh_argv(loaded.host(options.host), *options.words, user=options.user)
    os.execvp(argv[0], argv if options.words else argv[:-1])  # noqa: S606 - argv built here, no shell


def _chosen(options: argparse.Namespace) -> tuple[Host, ...]:
    loaded = fleet.load(options.state)
    return tuple(loaded.host(name) for name in options.names) or loaded.hosts


def _seed(options: argparse.Namespace) -> None:
    hosts = _chosen(options)
    garbage.seed_all(hosts)
    print(f"seeded: {', '.join(host.name for host in hosts)}")


def _offer(options: argparse.Namespace) -> None:
    print(repo.offer(_chosen(options), repo.Release(options.release)))


def _show(options: argparse.Namespace) -> None:
    print(json.dumps(json.loads((fleet.load(options.state).state / "fleet.json").read_text()), indent=2))


def _image(_: argparse.Namespace) -> None:
    print(image.build())
